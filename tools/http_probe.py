#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""http_probe.py PORT: how strictly the HTTP server at that port of this machine reads.

Sends the malformed and ambiguous requests of tests/server/http_cases.py and counts how many are
answered with 200, as if they were good, and how many not at all. Meant for a server that answers
every path and method with 200: docs/serving.md has what it found with those of four libraries."""

import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "server"))
from http_cases import REFUSED  # noqa: E402


def ask(port, data):
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.settimeout(0.5)
        try:
            connection.sendall(data)
            return connection.recv(4096)
        except socket.timeout:
            return None
        except OSError:
            return b""


def main():
    cases = [data for status, data in REFUSED if status not in (404, 405, 413)]
    answers = [(data, ask(int(sys.argv[1]), data)) for data in cases]
    good = [data for data, answer in answers if answer is not None and b" 200 " in answer.split(b"\r\n")[0]]
    for data in good:
        print(f"answered with 200: {data!r:.100}")
    silent = sum(answer is None for _, answer in answers)
    print(f"{len(cases)} requests: {len(good)} answered with 200, {silent} not answered")


main()
