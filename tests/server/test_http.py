#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP itself: what is refused, in which pieces a request may come, and how connections end."""

import random
import time

from http_cases import ACCEPTED, BODY, CHUNKED, GOOD, HEAD, REFUSED
from serving import PATIENCE, finish, post, read_all, read_answer, serving, want

def exchange(server, data):
    with server.connect() as connection:
        connection.sendall(data)
        return read_answer(connection.makefile("rb"))


def check_cases(server):
    for status, data in REFUSED:
        with server.connect() as connection:
            try:
                connection.sendall(data)
            except OSError:
                pass  # it was refused before all of it was sent
            stream = connection.makefile("rb")
            answer = read_answer(stream)
            want(f"{status} {data!r:.90}", answer is not None and answer.status == status,
                 answer and (answer.status, answer.body))
            want(f"closes after {data!r:.60}", stream.read() == b"")
    for data in ACCEPTED:
        answer = exchange(server, data)
        want(f"accepts {data!r:.90}", answer is not None and answer.status == 200, answer and answer.body)


def check_pieces(server):
    """Whatever the pieces, the answer is the same."""
    longest = b"GET /health?" + b"a" * (8192 - 21) + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    for split in range(8185, 8200):
        with server.connect() as connection:
            connection.sendall(longest[:split])
            time.sleep(0.02)
            connection.sendall(longest[split:])
            got = read_answer(connection.makefile("rb"))
            want(f"the longest line, split at {split}", got.status == 200, got.body)
    chunked = CHUNKED + b"5;x=y\r\n%s\r\n%x\r\n%s\r\n0\r\nT: 1\r\n\r\n" % (BODY[:5], len(BODY) - 5, BODY[5:])
    for data in (post("/v1/rerank", GOOD), chunked):
        whole = exchange(server, data).json["results"]
        for split in range(1, len(data), 3):
            with server.connect() as connection:
                connection.sendall(data[:split])
                time.sleep(0.0005)
                connection.sendall(data[split:])
                got = read_answer(connection.makefile("rb"))
                want(f"split at {split}", got.status == 200 and got.json["results"] == whole, got.body)
        with server.connect() as connection:
            for byte in data:
                connection.sendall(bytes([byte]))
            want("byte by byte", read_answer(connection.makefile("rb")).json["results"] == whole)


def check_pipeline(server):
    """Requests one behind the other are answered in order, good and bad ones mixed."""
    some = random.Random(1)
    kinds = [some.choice("gbn") for _ in range(60)]
    parts = {"g": post("/v1/rerank", GOOD), "b": post("/v1/rerank", b"{"), "n": post("/nope", b"x" * 500)}
    statuses = {"g": 200, "b": 400, "n": 404}
    with server.connect() as connection:
        connection.sendall(b"".join(parts[kind] for kind in kinds))
        stream = connection.makefile("rb")
        for i, kind in enumerate(kinds):
            answer = read_answer(stream)
            want(f"pipelined {i}", answer is not None and answer.status == statuses[kind])


def check_connections(server):
    with server.connect() as connection:
        stream = connection.makefile("rb")
        for _ in range(3):
            connection.sendall(post("/v1/rerank", GOOD))
            want("keep-alive", read_answer(stream).status == 200)
        connection.sendall(b"HEAD /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        head = read_all(connection)
        want("HEAD", head.startswith(b"HTTP/1.1 200") and b"content-length: 16" in head.lower() and
             head.endswith(b"\r\n\r\n"), head)
    with server.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
        stream = connection.makefile("rb")
        answers = [read_answer(stream), read_answer(stream)]
        want("1.0 keeps alive", all(a.headers["connection"] == "keep-alive" for a in answers))
    with server.connect() as connection:
        data = post("/v1/rerank", GOOD, "Expect: 100-continue")
        connection.sendall(data[:-len(BODY)])
        want("100", connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(BODY)
        want("after 100", read_answer(connection.makefile("rb")).status == 200)


def check_large(server):
    """A refused body is refused before it is sent, and the answer arrives all the same."""
    for _ in range(20):
        with server.connect() as connection:
            connection.sendall(HEAD + b"Content-Length: 5000000\r\n\r\n")
            try:
                connection.sendall(b"x" * 5000000)
            except OSError:
                pass
            answer = read_answer(connection.makefile("rb"))
            want("413", answer is not None and answer.status == 413)
    body = {"query": "a", "documents": ["word " * 200] * 500}
    answer = server.ask("/v1/rerank", body)
    want("a large body", answer.status == 200 and len(answer.json["results"]) == 500)


def check_limit_of_body(server):
    """A body of exactly the limit, 1 MiB, is taken; a byte more is not, whether it was announced or came in chunks."""
    for size, status in ((1 << 20, 200), ((1 << 20) + 1, 413)):
        body = BODY + b" " * (size - len(BODY))
        for data in (HEAD + b"Content-Length: %d\r\n\r\n" % size + body,
                     CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in
                                        (body[i:i + 65536] for i in range(0, size, 65536))) + b"0\r\n\r\n"):
            with server.connect() as connection:
                try:
                    connection.sendall(data)
                except OSError:
                    pass
                answer = read_answer(connection.makefile("rb"))
                want(f"{size} bytes of body", answer is not None and answer.status == status, answer and answer.body)


def check_giants(server):
    """Headers, trailers and lines without end cost no memory."""
    before = server.metric("process_resident_memory_bytes")
    beginnings = ((431, b"GET /health HTTP/1.1\r\nHost: a\r\nX: "), (414, b"GET /"), (400, CHUNKED + b"0\r\nX: "),
                  (400, CHUNKED + b"1;"))
    for status, beginning in beginnings * 5:
        with server.connect() as connection:
            try:
                connection.sendall(beginning)
                for _ in range(64):
                    connection.sendall(b"a" * 65536)
            except OSError:
                pass
            answer = read_answer(connection.makefile("rb"))
            want(f"{status} for {beginning!r:.60}", answer is not None and answer.status == status)
    grown = server.metric("process_resident_memory_bytes") - before
    want("giants cost no memory", grown < (4e6 if PATIENCE == 1 else 8e6), grown)  # sanitizers take it by 4 MiB


def check_slow(server):
    with server.connect() as head, server.connect() as silent, server.connect() as idle:
        stream = idle.makefile("rb")
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        read_answer(stream)
        begun = time.monotonic()
        for byte in b"GET /health":
            head.sendall(bytes([byte]))
            time.sleep(0.05)
        want("slow head", read_answer(head.makefile("rb")).status == 408)
        want("no head", read_answer(silent.makefile("rb")).status == 408)
        want("in time", 0.9 < time.monotonic() - begun < 5, time.monotonic() - begun)
        want("idle", stream.read() == b"")


def main():
    with serving("--max-body", "1", "--head-timeout", "5") as server:
        check_cases(server)
        check_pieces(server)
        check_pipeline(server)
        check_connections(server)
        check_large(server)
        check_limit_of_body(server)
        check_giants(server)
        want("the server is well", server.ask("/v1/rerank", GOOD).status == 200)
    with serving("--head-timeout", "1", "--idle-timeout", "2") as server:
        check_slow(server)
    finish()


main()
