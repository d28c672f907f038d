#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""serve_stress.py path/to/cappy [--seconds N]: a server that is asked for far more than it can do, and
one with 2,000 connections that hardly speak.

Overload: 64 clients that ask for 32 pairs each and, turned away, ask again after half a second, whatever
Retry-After says. Slow: 2,000 connections that send a byte of a head every few seconds, while one
client asks for single pairs. Run it by itself: the clients need a processor too."""

import argparse
import os
import random
import resource
import socket
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serve import ROOT, WORDS, Client, make_body, make_pairs, make_request, metric, start  # noqa: E402


DEFAULT = ("--model", os.path.join(ROOT, "models", "default"), "--precision", "bf16")


class Patient(Client):
    """A client that is told what came, and not ended by it."""

    def ask_status(self, body):
        self.socket.sendall(make_request(body))
        status, size = int(self.stream.readline().split()[1]), 0
        while (line := self.stream.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        if len(self.stream.read(size)) != size:
            raise ConnectionError("an answer was cut short")
        return status


def load(port, n_clients, seconds):
    """What clients that ask without end are told: {status: [seconds, ...]}, and what went wrong."""
    pairs, told, broken, lock = make_pairs(), {}, [], threading.Lock()
    bodies = [make_body(pairs[i:i + 32]) for i in range(0, len(pairs), 32)]
    end = time.monotonic() + seconds

    def run(seed):
        some = random.Random(seed)
        try:
            client = Patient(port)
            while time.monotonic() < end:
                begun = time.monotonic()
                status = client.ask_status(some.choice(bodies))
                with lock:
                    told.setdefault(status, []).append(time.monotonic() - begun)
                if status == 429:
                    time.sleep(0.5)
        except (OSError, ValueError, IndexError) as error:
            broken.append(repr(error))

    clients = [threading.Thread(target=run, args=(seed,)) for seed in range(n_clients)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return told, broken


def percentile(times, share):
    return sorted(times)[min(int(len(times) * share), len(times) - 1)] if times else float("nan")


def overload(cappy, seconds):
    server, port = start(cappy, *DEFAULT, "--queue-tokens", "20000")
    try:
        load(port, 4, 2)
        before = metric(port, "cappy_batch_tokens_sum")
        load(port, 4, seconds / 4)
        peak = (metric(port, "cappy_batch_tokens_sum") - before) / (seconds / 4)
        before, memory = metric(port, "cappy_batch_tokens_sum"), metric(port, "process_resident_memory_bytes")
        told, broken = load(port, 64, seconds)
        speed = (metric(port, "cappy_batch_tokens_sum") - before) / seconds
        grown = metric(port, "process_resident_memory_bytes") - memory
    finally:
        server.terminate()
    asked = sum(len(times) for times in told.values())
    print(f"overload: {asked} requests, " + ", ".join(f"{len(t)} x {s}" for s, t in sorted(told.items())) +
          f", {len(broken)} broken off; {100 * speed / peak:.1f} % of the tokens of four clients; 429 in "
          f"{percentile(told.get(429), 0.5) * 1e3:.1f} ms, 99th of a hundred {percentile(told.get(429), 0.99) * 1e3:.1f} ms; "
          f"memory {grown / 1e6:+.1f} MB; exit status {server.wait()}")


def slow(cappy, n):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    server, port = start(cappy, *DEFAULT, "--head-timeout", "60")
    try:
        client, body = Client(port), make_body([(" ".join(WORDS * 2), " ".join(WORDS * 2))])

        def ask(count=400):
            times = []
            for _ in range(count):
                begun = time.monotonic()
                client.ask(body)
                times.append(time.monotonic() - begun)
            return statistics.median(times), percentile(times, 0.99)

        ask(100)
        before, memory = ask(), metric(port, "process_resident_memory_bytes")
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(n)]
        is_ending = threading.Event()

        def trickle():
            while not is_ending.is_set():
                for connection in connections:
                    connection.send(b"A")
                    time.sleep(0.001)

        thread = threading.Thread(target=trickle)
        thread.start()
        after = ask()
        is_ending.set()
        thread.join()
        print(f"{n} slow connections: {metric(port, 'cappy_connections'):.0f} open, one pair {before[0] * 1e3:.2f} ms and "
              f"{after[0] * 1e3:.2f} ms with them, 99th of a hundred {before[1] * 1e3:.2f} and {after[1] * 1e3:.2f} ms; "
              f"memory {(metric(port, 'process_resident_memory_bytes') - memory) / 1e6:+.1f} MB")
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("cappy")
    parser.add_argument("--seconds", type=float, default=12)
    arguments = parser.parse_args()
    overload(arguments.cappy, arguments.seconds)
    slow(arguments.cappy, 2000)


if __name__ == "__main__":
    main()
