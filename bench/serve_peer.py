#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures cappy serve beside infinity-emb: the same model, requests, client and machine.

Both answer POST /rerank. Throughput: four clients without pause, each request a query and 32 documents;
pairs have 20 to 500 tokens. Latency: one document of about 64 tokens, arriving at random at a rate that
is the same for all: half of what the slowest does one by one. All servers are started and warmed up
first; they take turns, and those whose turn it is not are stopped (SIGSTOP). Scores are compared: with
raw_scores both give what the head gives.

infinity-emb runs its engine torch; it is installed by bench/python.sh from bench/serve_peer.txt, into an
environment of its own. --peer gives options of its own, and may be repeated: that is how the best are
found. Needs nothing but the standard library itself."""

import argparse
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serve import (DEFAULT_MODEL, ONE_TEXT, ROOT, WORDS, Client, count, make_request, measure_load, program, start,  # noqa: E402
                   time_server)

PATH = "/rerank"
CHOSEN = ("--no-bettertransformer --batch-size 8", "--no-bettertransformer --batch-size 8 --dtype int8")
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0", "DO_NOT_TRACK": "1",
               "TOKENIZERS_PARALLELISM": "true"}
PATIENCE = 240  # seconds that a server has to start


def say(text):
    print(f"serve_peer: {text}", file=sys.stderr, flush=True)


def make_texts(some, n, most):
    return [" ".join(some.choices(WORDS, k=some.randint(10, most))) for _ in range(n)]


def make_bodies(n, n_documents):
    some = random.Random(5)
    return [make_body(make_texts(some, 1, 250)[0], make_texts(some, n_documents, 240)) for _ in range(n)]


def make_body(query, documents):
    return json.dumps({"query": query, "documents": documents, "return_documents": False, "raw_scores": True}).encode()


def peer_command(model, peer, port):
    done = subprocess.run([os.path.join(ROOT, "bench", "python.sh"), os.path.join(ROOT, "bench", "serve_peer.txt"), "infinity"],
                          stdout=subprocess.PIPE, text=True, check=True)
    return [done.stdout.strip(), "-m", "infinity_emb.cli", "v2", "--model-id", os.path.abspath(model), "--engine", "torch",
            "--device", "cpu", "--host", "127.0.0.1", "--port", str(port), "--no-model-warmup", "--log-level", "warning",
            *peer.split()]


class Server:
    """One of those that take turns."""

    def __init__(self, name, process, port):
        self.name, self.process, self.port = name, process, port
        self.rates, self.middle, self.late, self.apart = [], [], [], 0.0

    def turn(self, action, *arguments):
        """Runs action(port, ...) while this server, and no other, runs."""
        os.killpg(self.process.pid, signal.SIGCONT)
        try:
            return action(self.port, *arguments)
        finally:
            os.killpg(self.process.pid, signal.SIGSTOP)

    def end(self):
        os.killpg(self.process.pid, signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def start_peer(model, peer):
    port = free_port()
    said = tempfile.TemporaryFile()
    process = subprocess.Popen(peer_command(model, peer, port), stdout=said, stderr=said, env={**os.environ, **ENVIRONMENT},
                               start_new_session=True)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
            return Server(f"infinity {peer}", process, port)
        except OSError:
            time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    said.seek(0)
    sys.exit(f"serve_peer: infinity {peer} does not start: {said.read()[-2000:].decode(errors='replace')}")


def ask_scores(port, body):
    """The scores of the documents, in their order."""
    results = json.loads(Client(port).ask(body, PATH))["results"]
    return [result["relevance_score"] for result in sorted(results, key=lambda result: result["index"])]


def ask_one_by_one(port, body, n=30):
    """Median seconds of a request."""
    client = Client(port)
    return statistics.median(client.time(body, PATH) for _ in range(n))


def measure(servers, bodies, rounds, seconds):
    """Fills in the servers' figures; returns the rate at which latency was measured."""
    n_pairs = sum(len(json.loads(body)["documents"]) for body in bodies)
    one = make_body(ONE_TEXT, [ONE_TEXT])
    for server in servers:
        server.turn(time_server, bodies[:2], 2, PATH)
    expected = servers[0].turn(ask_scores, bodies[0])
    for server in servers:
        server.apart = max(abs(a - b) for a, b in zip(server.turn(ask_scores, bodies[0]), expected))
    slowest = max(server.turn(ask_one_by_one, one) for server in servers)
    for i in range(rounds):
        say(f"round {i + 1} of {rounds}")
        for server in servers:
            server.rates.append(n_pairs / server.turn(time_server, bodies, 4, PATH))
        for server in servers if seconds > 0 else ():
            middle, late = server.turn(measure_load, 0.5 / slowest, make_request(one, PATH), seconds)
            server.middle.append(middle)
            server.late.append(late)
    return 0.5 / slowest


def tell(servers, n_ours, seconds):
    ours = servers[:n_ours]
    columns = ["pairs/s, median (min to max)", *(f"{server.name} / it" for server in ours)]
    columns += ["p50, ms", "p99, ms"] if seconds > 0 else []
    print("| server | " + " | ".join(columns) + " | largest difference |")
    print("|---" * (len(columns) + 2) + "|")
    for server in servers:
        rate = statistics.median(server.rates)
        cells = [f"{rate:.1f} ({min(server.rates):.1f} to {max(server.rates):.1f})"]
        cells += [f"{statistics.median(other.rates) / rate:.2f}" for other in ours]
        if seconds > 0:
            cells += [f"{statistics.median(times) * 1e3:.2f} ({min(times) * 1e3:.2f} to {max(times) * 1e3:.2f})"
                      for times in (server.middle, server.late)]
        print(f"| {server.name} | " + " | ".join(cells) + f" | {server.apart:.1e} |")


def start_cappy(arguments, precision):
    # A session of its own, so that it can be stopped as the others are.
    process, port = start(arguments.cappy, "--model", arguments.model, "--precision", precision, session=True)
    return Server(f"cappy {precision}", process, port)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cappy", type=program)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--precisions", default="fp32,auto", help="of cappy (default %(default)s)")
    parser.add_argument("--peer", action="append", metavar="'OPTION...'", help=f"default: {', '.join(CHOSEN)}")
    parser.add_argument("--rounds", type=count, default=3)
    parser.add_argument("--requests", type=count, default=8, help="of 32 documents, each round (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=8, help="of latency, each round; 0: none (default %(default)s)")
    arguments = parser.parse_args()
    servers = []
    try:
        for precision in arguments.precisions.split(","):
            servers.append(start_cappy(arguments, precision))
            os.killpg(servers[-1].process.pid, signal.SIGSTOP)
        n_ours = len(servers)
        for peer in arguments.peer or CHOSEN:
            say(f"starting infinity {peer}")
            servers.append(start_peer(arguments.model, peer))
            os.killpg(servers[-1].process.pid, signal.SIGSTOP)
        rate = measure(servers, make_bodies(arguments.requests, 32), arguments.rounds, arguments.seconds)
        tell(servers, n_ours, arguments.seconds)
        if arguments.seconds > 0:
            print(f"\nlatency of one document at {rate:.1f} requests a second; {arguments.rounds} rounds")
    finally:
        for server in servers:
            server.end()


if __name__ == "__main__":
    main()
