#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many clients at once: the same bits in every batch, fairness, overload, clients that leave, the end.
CAPPY_BATCHINGS=10000 asks for more random requests."""

import os
import random
import signal
import threading
import time

from serving import DEFAULT, PATIENCE, finish, post, read_all, read_answer, score_rows, serving, want, wait_until

BATCHINGS = int(os.environ.get("CAPPY_BATCHINGS", "400"))
WORDS = "the a cat dog sat on mat under moon river house 漢字 éclair naïve 42 is not very".split()
BIG = {"text_1": "Which text is it?", "text_2": [f"{i} " + "word " * 120 for i in range(900)]}
SMALL = {"text_1": "a", "text_2": "b"}


def check_bits(server):
    """Random requests from several clients: every score is cappy score's, bit for bit."""
    some = random.Random(7)
    pairs = [(" ".join(some.choices(WORDS, k=some.randint(0, 60))), " ".join(some.choices(WORDS, k=some.randint(0, 90))))
             for _ in range(80)]
    scores = score_rows(pairs)
    wrong = []
    together = threading.Barrier(8, timeout=60)  # else a fast server may have one request at a time

    def ask(seed):
        mine = random.Random(seed)
        with server.connect() as connection:
            stream = connection.makefile("rb")
            for turn in range(BATCHINGS // 8):
                if turn % 2:
                    together.wait()
                chosen = mine.choices(range(len(pairs)), k=mine.randint(1, 30))
                connection.sendall(post("/v1/score", {"text_1": [pairs[i][0] for i in chosen],
                                                      "text_2": [pairs[i][1] for i in chosen]}))
                answer = read_answer(stream)
                if answer.status != 200 or [x["score"] for x in answer.json["data"]] != [scores[i] for i in chosen]:
                    wrong.append((answer.status, answer.body[:200]))

    clients = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    want(f"{BATCHINGS} batchings give the same bits", not wrong, wrong[:1])
    batches = server.metric("cappy_batch_requests_count")
    want("requests shared batches", batches < server.metric("cappy_batch_requests_sum"), batches)
    if PATIENCE == 1:  # a slow model has small batches, so that a request may be in several
        want("fewer batches than requests", batches < server.metric("cappy_inference_duration_seconds_count"), batches)


def check_leaving(server):
    """A client that leaves frees its work, and one pair is not held up by 900."""
    with server.connect() as connection:
        connection.sendall(post("/v1/score", BIG))
        want("the queue fills", wait_until(lambda: server.metric("cappy_queue_tokens") > 50000))
        begun = time.monotonic()
        want("a small client", server.ask("/v1/score", SMALL).status == 200)
        want("is served before a large one", server.metric("cappy_queue_tokens") > 10000)
        want("soon", time.monotonic() - begun < 5 * PATIENCE, time.monotonic() - begun)
    want("the queue empties", wait_until(lambda: server.metric("cappy_queue_tokens") == 0, 3))
    want("it is counted", server.metric("cappy_clients_left_total") == 1)
    want("nothing is in flight", wait_until(lambda: server.metric("cappy_requests_in_flight") == 1))


def check_overload(server):
    with server.connect() as connection:
        connection.sendall(post("/v1/score", BIG))
        want("the queue fills", wait_until(lambda: server.metric("cappy_queue_tokens") > 50000))
        with server.connect() as late:
            late.sendall(post("/rerank", b"x" * 1000000)[:-1000000])  # the head alone
            answer = read_answer(late.makefile("rb"))
            want("429 before the body", answer.status == 429, answer.body)
            want("Retry-After", 1 <= int(answer.headers["retry-after"]) <= 60, answer.headers)
        with server.connect() as late:
            stream = late.makefile("rb")
            for _ in range(50):
                late.sendall(post("/predict", {"inputs": ["a", "b"]}))
                answer = read_answer(stream)
                want("429 keeps the connection", answer.status == 429 and
                     answer.json["error_type"] == "Overloaded", answer.body)
        want("others are answered", server.ask("/health").status == 200)
    want("the queue empties", wait_until(lambda: server.metric("cappy_queue_tokens") == 0, 3))
    want("and takes work again", server.ask("/v1/score", SMALL).status == 200)


def check_many_connections(server):
    """Connections that say little or nothing do not keep others from being answered."""
    slow = [server.connect() for _ in range(300)]
    for connection in slow:
        connection.sendall(b"POST /v1/score HTTP/1.1\r\nHost: a\r\n")
    for _ in range(20):
        want("healthy among slow ones", server.ask("/v1/score", SMALL).status == 200)
    want("they are counted", server.metric("cappy_connections") > 300)
    for connection in slow:
        connection.close()
    want("they go", wait_until(lambda: server.metric("cappy_connections") < 10))


def check_aborts(server):
    """Clients that break off at any point leave nothing behind."""
    some = random.Random(3)
    data = post("/v1/score", {"text_1": "a", "text_2": ["word " * 30] * 20})
    for _ in range(300):
        with server.connect() as connection:
            connection.sendall(data[:some.randint(1, len(data))])
    want("the server is well", server.ask("/v1/score", SMALL).status == 200)
    want("nothing is left", wait_until(lambda: server.metric("cappy_requests_in_flight") == 1 and
                                       server.metric("cappy_connections") <= 2))


def check_end():
    """SIGTERM: not ready at once, still accepting for the delay, everything accepted is answered."""
    n = round(60 / PATIENCE)  # enough to be still at work, and no more than the time to drain allows
    with serving(delay="1", model=DEFAULT) as server:
        answers = []
        with server.connect() as connection, server.connect() as idle:
            idle.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            read_answer(idle.makefile("rb"))
            connection.sendall(post("/v1/score", {**BIG, "text_2": BIG["text_2"][:n]}))
            want("work begins", wait_until(lambda: server.metric("cappy_requests_in_flight") == 2))
            server.process.send_signal(signal.SIGTERM)
            want("not ready", wait_until(lambda: server.ask("/readyz").status == 503, 1))
            want("alive", server.ask("/livez").status == 200)
            answer = server.ask("/v1/score", SMALL)
            want("still accepting", answer.status == 200 and answer.headers["connection"] == "close")
            answers.append(read_answer(connection.makefile("rb")))
            want("idle connections are closed", read_all(idle) == b"")
        want("accepted work is answered", answers[0].status == 200 and len(answers[0].json["data"]) == n)
        want("it ends", server.process.wait(20) == 0)
    with serving(model=DEFAULT) as server:
        with server.connect() as connection:
            connection.sendall(post("/v1/score", BIG))
            want("work begins", wait_until(lambda: server.metric("cappy_queue_tokens") > 50000))
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: any('"draining"' in line for line in server.log), 10)
            want("a second signal waits for nothing", server.stop(timeout=20) == 1, server.log)
        want("and says so", any("not answered" in line for line in server.log), server.log)


def main():
    with serving() as server:
        check_bits(server)
        check_aborts(server)
        check_many_connections(server)
    with serving("--queue-tokens", "200000", model=DEFAULT) as server:
        check_leaving(server)
    with serving("--queue-tokens", "2000", model=DEFAULT) as server:
        check_overload(server)
    check_end()
    finish()


main()
