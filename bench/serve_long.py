#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a server does in the long run, and when much is asked of it. Clients are wrk (Debian's package), so that Python is
not what is measured.

overload   asked for ten times what it can do, for N seconds (300): 200 connections, each of which asks again after as
           long as makes ten times the throughput of two clients that do not pause. Beside them eight clients of
           Python ask now and then, and see how long a 429 takes.
soak       N requests (1,000,000) of single pairs: how much memory grows.
slow       N connections (2,000) that send a byte of a head every few seconds, while one client of Python asks for single
           pairs: what that client notices of them.
restarts   N times (200) a new server takes over the socket and the old one gets SIGTERM, while four clients ask without
           end: what is lost. An idle connection that the server has closed is used by nobody: a client that finds it
           so before a byte of an answer came asks again, as HTTP has it, and that is counted.
half       single pairs one by one, and for N seconds (300) at half of the throughput of sixteen clients without pause, at
           random times."""

import argparse
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serve import (DEFAULT_MODEL, ONE_PAIR, ROOT, Client, count, make_body, make_pairs, make_request,  # noqa: E402
                   measure_load, metric, percentile, program, start)

QUESTION = ("What is the capital of France?", "Paris.")
TINY = ("--model", os.path.join(ROOT, "tests", "golden", "bert"))
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load.lua")


def run_wrk(port, body, seconds, connections, pause=0):
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", SCRIPT,
                               f"http://127.0.0.1:{port}", "--", file.name, str(pause)],
                              capture_output=True, text=True, check=True)
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


def start_default(arguments, *options):
    """A server of the default model."""
    lanes = ("--lanes", str(arguments.lanes)) if arguments.lanes else ()
    return start(arguments.cappy, "--model", DEFAULT_MODEL, "--precision", arguments.precision, *lanes, *options)


def probe(port, body, is_ending, told):
    """Asks now and then, on a connection that is kept: how long which status takes."""
    client = Client(port)
    while not is_ending.is_set():
        begun = time.monotonic()
        status, _, _ = client.exchange(body)
        told.setdefault(status, []).append(time.monotonic() - begun)
        is_ending.wait(0.05)


def overload(arguments):
    seconds = arguments.seconds
    server, port = start_default(arguments, "--queue-tokens", "20000")
    body = make_body(make_pairs()[:8])
    try:
        run_wrk(port, body, 3, 2)
        before = metric(port, "cappy_batch_tokens_sum")
        alone = run_wrk(port, body, max(seconds // 10, 3), 2)
        peak = (metric(port, "cappy_batch_tokens_sum") - before) / alone["seconds"]
        rate = alone["200"] / alone["seconds"]
        connections = 200
        pause = int(1000 * connections / (10 * rate))
        run_wrk(port, body, 3, connections, pause)
        before, memory = metric(port, "cappy_batch_tokens_sum"), metric(port, "process_resident_memory_bytes")
        told, is_ending = {}, threading.Event()
        probes = [threading.Thread(target=probe, args=(port, body, is_ending, told)) for _ in range(8)]
        for each in probes:
            each.start()
        got = run_wrk(port, body, seconds, connections, pause)
        is_ending.set()
        for each in probes:
            each.join()
        speed = (metric(port, "cappy_batch_tokens_sum") - before) / got["seconds"]
        grown = metric(port, "process_resident_memory_bytes") - memory
    finally:
        server.terminate()
    asked = got["200"] + got["429"] + got["other"]
    print(f"overload, {got['seconds']:.0f} s: {asked} requests, {asked / got['seconds'] / rate:.1f} times the {rate:.1f} a "
          f"second of two clients without pause; {got['200']} x 200, {got['429']} x 429 "
          f"({got['without_retry_after']} without Retry-After), {got['other']} x other, {got['broken']} broken off; "
          f"{100 * speed / peak:.1f} % of the tokens of those two; a 429 in {percentile(told.get(429), 0.5) * 1e3:.2f} ms, "
          f"99th of a hundred {percentile(told.get(429), 0.99) * 1e3:.2f} ms (of {len(told.get(429, []))}); "
          f"memory {grown / 1e6:+.2f} MB; exit status {server.wait()}")


def soak(arguments):
    server, port = start(arguments.cappy, *TINY, "--precision", "bf16")
    body = make_body([QUESTION])
    n, broken, points = 0, 0, []
    try:
        run_wrk(port, body, 5, 16)
        before = metric(port, "process_resident_memory_bytes")
        while n < arguments.requests:
            got = run_wrk(port, body, 10, 16)
            n += got["200"]
            broken += got["broken"]
            if got["other"] + got["429"] > 0:
                sys.exit(f"serve_long.py: {got}")
            points.append((n, metric(port, "process_resident_memory_bytes") - before))
    finally:
        server.terminate()
    print(f"soak: {n} requests, {broken} broken off, memory {points[-1][1] / 1e6:+.2f} MB, at most {max(p[1] for p in points) / 1e6:+.2f} MB; "
          f"exit status {server.wait()}")


def ask_one_by_one(client, n=400):
    """Median seconds of a request, and the 99th of a hundred."""
    times = [client.time(ONE_PAIR) for _ in range(n)]
    return statistics.median(times), percentile(times, 0.99)


def trickle(connections, is_ending):
    while not is_ending.is_set():
        for connection in connections:
            connection.send(b"A")
            time.sleep(0.001)


def slow(arguments):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    server, port = start_default(arguments, "--head-timeout", "60")
    try:
        client = Client(port)
        ask_one_by_one(client, 100)
        before, memory = ask_one_by_one(client), metric(port, "process_resident_memory_bytes")
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(arguments.connections)]
        is_ending = threading.Event()
        thread = threading.Thread(target=trickle, args=(connections, is_ending))
        thread.start()
        after = ask_one_by_one(client)
        is_ending.set()
        thread.join()
        grown = metric(port, "process_resident_memory_bytes") - memory
        print(f"slow: {metric(port, 'cappy_connections'):.0f} connections open, one pair {before[0] * 1e3:.2f} ms and "
              f"{after[0] * 1e3:.2f} ms with them, 99th of a hundred {before[1] * 1e3:.2f} and {after[1] * 1e3:.2f} ms; "
              f"memory {grown / 1e6:+.1f} MB")
    finally:
        server.terminate()
        server.wait()


def restarts(arguments):
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port, body = listener.getsockname()[1], make_body([QUESTION] * 4)
    counts, is_ending, lock = {"answered": 0, "again": 0, "lost": 0}, threading.Event(), threading.Lock()

    def launch():
        def place():
            """The socket is where systemd leaves one."""
            os.dup2(listener.fileno(), 3)
            os.set_inheritable(3, True)

        environment = dict(os.environ, LISTEN_FDS="1")
        line = ["sh", "-c", "LISTEN_PID=$$ exec \"$0\" \"$@\"", arguments.cappy, "serve", "--drain-delay", "0", "--quiet",
                *TINY]
        server = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=place,
                                  close_fds=False)
        server.stderr.readline()  # it listens
        return server

    def ask_without_end():
        client = None
        while not is_ending.is_set():
            is_new = client is None
            what = "answered"
            try:
                client = client or Client(port, timeout=30)
                status, headers, _ = client.exchange(body)
                if status != 200:
                    raise ValueError(status)
                if b"close" in headers.get(b"connection", b""):
                    client = None
            except (BrokenPipeError, ConnectionResetError):
                what = "lost" if is_new else "again"
                client = None
            except (OSError, ValueError):
                what = "lost"
                client = None
            with lock:
                counts[what] += 1

    server = launch()
    clients = [threading.Thread(target=ask_without_end) for _ in range(4)]
    for each in clients:
        each.start()
    statuses = []
    for _ in range(arguments.restarts):
        after = launch()
        server.send_signal(signal.SIGTERM)
        statuses.append(server.wait(60))
        server = after
    is_ending.set()
    for each in clients:
        each.join()
    server.terminate()
    statuses.append(server.wait())
    print(f"restarts: {arguments.restarts}, {counts['answered']} requests answered, {counts['lost']} lost, "
          f"{counts['again']} asked again on a new connection; exit status 0 {statuses.count(0)} times of {len(statuses)}")


def half(arguments):
    server, port = start_default(arguments)
    try:
        run_wrk(port, ONE_PAIR, 3, 1)
        alone = run_wrk(port, ONE_PAIR, 10, 1)
        full = run_wrk(port, ONE_PAIR, 10, 16)
        rate = full["200"] / full["seconds"]
        median, p99 = measure_load(port, rate / 2, make_request(ONE_PAIR), arguments.seconds)
        print(f"half: one client {alone['p50'] * 1e3:.2f} ms, sixteen {rate:.0f} pairs a second; {rate / 2:.0f} a second at "
              f"random times for {arguments.seconds} s: {median * 1e3:.2f} ms, 99th of a hundred {p99 * 1e3:.2f} ms, "
              f"{p99 / alone['p50']:.2f} times the one client's")
    finally:
        server.terminate()
        server.wait()


OPTIONS = {"--precision": {"default": "bf16"},
           "--lanes": {"type": count},
           "--seconds": {"type": count, "default": 300},
           "--requests": {"type": count, "default": 1000000},
           "--restarts": {"type": count, "default": 200},
           "--connections": {"type": count, "default": 2000}}
TESTS = {overload: ("--precision", "--lanes", "--seconds"),
         soak: ("--requests",),
         slow: ("--precision", "--lanes", "--connections"),
         restarts: ("--restarts",),
         half: ("--precision", "--lanes", "--seconds")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cappy", type=program)
    tests = parser.add_subparsers(dest="what", required=True)
    for test, options in TESTS.items():
        own = tests.add_parser(test.__name__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        own.set_defaults(test=test)
        for option in options:
            own.add_argument(option, **OPTIONS[option])
    arguments = parser.parse_args()
    arguments.test(arguments)


if __name__ == "__main__":
    main()
