#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What HTTP costs.

Throughput: the same 512 pairs of 20 to 500 tokens, four answers to an instruction, through `cappy
score` (the time for four copies less that for one, so that opening the model does not count) and
through a server asked by four clients for 32 pairs at a time. Latency: one pair of about 64 tokens at
a time; what is not computing is overhead. Under load: single pairs at half of the throughput of single
pairs. Medians of three rounds, the two in turn. Only the standard library is used."""

import argparse
import collections
import concurrent.futures
import json
import os
import random
import re
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_MODEL = os.path.join(ROOT, "models", "default")
WORDS = "river house small green idea music garden paper winter stone light question answer simple table door".split()


def program(path):
    """For argparse: a program that can be run."""
    if shutil.which(path) is None:
        raise argparse.ArgumentTypeError(f"{path} is no program that can be run")
    return path


def count(text):
    """For argparse: a whole number from 1."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return int(text)


def make_pairs():
    some = random.Random(5)
    pairs = []
    for _ in range(128):
        instruction = " ".join(some.choices(WORDS, k=some.randint(10, 250)))
        pairs += [(instruction, " ".join(some.choices(WORDS, k=some.randint(10, 240)))) for _ in range(4)]
    return pairs


def make_request(body, path="/v1/score"):
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def connect(port, timeout=None):
    connection = socket.create_connection(("127.0.0.1", port), timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Client:
    """A connection that is kept."""

    def __init__(self, port, timeout=None):
        self.socket = connect(port, timeout)
        self.stream = self.socket.makefile("rb")

    def exchange(self, body, path="/v1/score"):
        """Status, headers in lower case, and body of the answer. BrokenPipeError where none comes, ValueError where it is
        not whole."""
        self.socket.sendall(make_request(body, path))
        first, headers = self.stream.readline(), {}
        if not first:
            raise BrokenPipeError
        while (line := self.stream.readline()) != b"\r\n":
            name, value = line.lower().split(b":", 1)
            headers[name] = value.strip()
        size = int(headers.get(b"content-length", b""))
        answer = self.stream.read(size)
        if len(answer) != size:
            raise ValueError(first)
        return int(first.split()[1]), headers, answer

    def ask(self, body, path="/v1/score"):
        status, _, answer = self.exchange(body, path)
        if status != 200:
            sys.exit(f"{path}: status {status}, {answer[:200]}")
        return answer

    def time(self, body, path="/v1/score"):
        """Seconds of one request."""
        begun = time.monotonic()
        self.ask(body, path)
        return time.monotonic() - begun


def make_body(pairs):
    return json.dumps({"text_1": [a for a, _ in pairs], "text_2": [b for _, b in pairs]}).encode()


# Of about 64 tokens.
ONE_TEXT = " ".join(WORDS * 2)
ONE_PAIR = make_body([(ONE_TEXT, ONE_TEXT)])


def percentile(times, share):
    return sorted(times)[min(int(len(times) * share), len(times) - 1)] if times else float("nan")


def start(cappy, *options, session=False):
    """A server, in a session of its own where asked for, and the port that it found."""
    server = subprocess.Popen([cappy, "serve", "--port", "0", "--drain-delay", "0", "--quiet", *options],
                              stderr=subprocess.PIPE, text=True, start_new_session=session)
    line = server.stderr.readline()
    if not line.startswith("{"):
        server.terminate()
        sys.exit(f"{cappy} serve does not start: {line}{server.stderr.read()}")
    return server, int(json.loads(line)["address"].rsplit(":", 1)[1])


def metric(port, name):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        page = connection.makefile("rb").read().decode()
    return float(re.search(rf"^{name} (\S+)", page, re.M).group(1))


def time_command(command, rows, copies):
    begun = time.monotonic()
    subprocess.run(command, input=rows * copies, text=True, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - begun


def time_server(port, bodies, n_clients, path="/v1/score"):
    """Seconds in which clients that take one body after another are through with all."""
    left, lock = list(bodies), threading.Lock()

    def run():
        client = Client(port)
        while True:
            with lock:
                if not left:
                    return
                body = left.pop()
            client.ask(body, path)

    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(n_clients) as pool:
        for done in [pool.submit(run) for _ in range(n_clients)]:
            done.result()  # so that none fails unseen
    return time.monotonic() - begun


def measure_one(port, n=300):
    """Median seconds of a pair as its client sees it, and of computing it."""
    client = Client(port)
    times, computed = [], []
    for _ in range(n):
        before = metric(port, "cappy_compute_seconds_total")
        times.append(client.time(ONE_PAIR))
        computed.append(metric(port, "cappy_compute_seconds_total") - before)
    overhead = [a - b for a, b in zip(times, computed)]
    return statistics.median(times), statistics.median(computed), statistics.median(overhead)


def is_whole(answer):
    """Whether the bytes of an answer are all there."""
    head, gap, body = answer.partition(b"\r\n\r\n")
    if not gap:
        return False
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        sys.exit(f"under load: {answer[:200]}")
    return len(body) == int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))


def measure_load(port, rate, request, seconds=4):
    """Latencies of requests that arrive at random, `rate` a second, each on a connection that has
    nothing else to do. One thread: threads of Python would wait for one another, not for the server."""
    some, times = random.Random(2), []
    arrivals, at = [], 0.0
    while at < seconds:
        at += some.expovariate(rate)
        arrivals.append(at)
    idle = collections.deque()
    waiting, begun, given = selectors.SelectSelector(), time.monotonic(), 0
    while len(times) < len(arrivals):
        now = time.monotonic() - begun
        while given < len(arrivals) and arrivals[given] <= now:
            connection = idle.popleft() if idle else connect(port)
            connection.sendall(request)
            waiting.register(connection, selectors.EVENT_READ, [arrivals[given], b""])
            given += 1
        pause = arrivals[given] - (time.monotonic() - begun) if given < len(arrivals) else None
        for key, _ in waiting.select(pause and max(pause, 0)):
            piece = key.fileobj.recv(65536)
            if not piece:
                sys.exit(f"under load: a connection was closed behind {key.data[1][:200]}")
            key.data[1] += piece
            if is_whole(key.data[1]):
                times.append(time.monotonic() - begun - key.data[0])
                waiting.unregister(key.fileobj)
                idle.append(key.fileobj)
    return percentile(times, 0.5), percentile(times, 0.99)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cappy", type=program)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--pairs", type=count, default=512, help="up to 512; fewer are enough where they take long")
    arguments = parser.parse_args()
    options = ["--model", arguments.model, "--precision", arguments.precision]
    pairs = make_pairs()[:arguments.pairs]
    rows = "".join(json.dumps({"instruction": a, "response": b}) + "\n" for a, b in pairs)
    bodies = [make_body(pairs[i:i + 32]) for i in range(0, len(pairs), 32)]
    server, port = start(arguments.cappy, *options)
    try:
        time_server(port, bodies, 4)
        rounds = []
        for _ in range(3):
            command = [arguments.cappy, "score", "--quiet", *options]
            alone = (time_command(command, rows, 4) - time_command(command, rows, 1)) / 3
            rounds.append((alone, time_server(port, bodies * 3, 4) / 3))
        alone, served = (statistics.median(x) for x in zip(*rounds))
        print(f"throughput: cappy score {len(pairs) / alone:.1f} pairs/s, served {len(pairs) / served:.1f} pairs/s, "
              f"{100 * alone / served:.1f} %")
        seen, computed, overhead = measure_one(port)
        print(f"one pair: {seen * 1e3:.3f} ms seen by the client, {computed * 1e3:.3f} ms computed, "
              f"{overhead * 1e3:.3f} ms between them")
        median, p99 = measure_load(port, 0.5 / seen, make_request(ONE_PAIR))
        print(f"single pairs at half load ({0.5 / seen:.0f} a second): median {median * 1e3:.2f} ms, "
              f"99th of a hundred {p99 * 1e3:.2f} ms, {p99 / seen:.2f} times an unloaded one")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
