#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The routes in front of a language model, against an endpoint that misbehaves when told to
(tests/cli/upstream.py)."""

import json
import os
import shutil
import signal
import socket
import threading
import time

from serving import (SEVERAL, TINY, finish, post, read_all, read_answer, score_rows, serving, upstream, wait_until,
                     want)

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
COMMON = {"error", "id", "message", "detail"}


def chat(prompt, **more):
    return {"model": "good", "messages": [{"role": "system", "content": "Be brief."},
                                          {"role": "user", "content": prompt}], **more}


def warm_model(directory):
    """The model as cappy adapt would leave it with a temperature of the mix."""
    path = os.path.join(directory, "warm")
    shutil.copytree(TINY, path)
    with open(os.path.join(path, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    os.chmod(os.path.join(path, "config.json"), 0o644)
    with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as file:
        json.dump({**config, "cappy": {"mix_temperature": 1e6}}, file)
    return path


def order(scores):
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))


def check_best(server, upstream):
    texts = ["Paris.", "Rome.", "I do not know.", "Bananas are yellow."]
    prompt = "What is the capital of France? say:" + "|".join(texts)
    scores = score_rows([(prompt, text) for text in texts])
    best = order(scores)
    request = chat(prompt, temperature=0.7, user="me", made_up={"a": [1]}, cappy={"best_of": 4})
    answer = server.ask(CHAT, request)
    want("chat", answer.status == 200 and answer.headers["content-type"] == "application/json", answer.body)
    body = answer.json
    want("one choice", len(body["choices"]) == 1 and body["choices"][0]["index"] == 0, body)
    want("the best", body["choices"][0]["message"] == {"role": "assistant", "content": texts[best[0]]}, body)
    want("the frame", body["id"] == "x" and body["object"] == "chat.completion" and body["model"] == "good")
    want("usage", body["usage"] == {"prompt_tokens": 5, "completion_tokens": 40, "total_tokens": 45}, body["usage"])
    want("what cappy says", body["cappy"] == {"best_of": 4, "scorer": "bert", "select": "score", "scores": scores,
                                              "chosen": best[:1], "failed": 0, "calls": 1}, body["cappy"])
    calls = upstream.calls()
    want("the request is untouched", len(calls) == 1 and calls[0]["body"] == {
        **{k: v for k, v in request.items() if k != "cappy"}, "n": 4}, calls)
    want("path", calls[0]["path"] == CHAT)
    want("no key of a client goes on", calls[0]["authorization"] == "Bearer upstream-key", calls)
    body = server.ask(CHAT, chat(prompt, n=2, cappy={"best_of": 4, "scorer": "bert", "instruction": "Say Rome."})).json
    other = score_rows([("Say Rome.", text) for text in texts])
    want("the k best", [c["message"]["content"] for c in body["choices"]] == [texts[i] for i in order(other)[:2]] and
         [c["index"] for c in body["choices"]] == [0, 1] and body["cappy"]["chosen"] == order(other)[:2], body)
    body = server.ask(TEXT, {"model": "good", "prompt": prompt, "best_of": 4, "n": 1, "echo": False}).json
    want("text", body["choices"][0]["text"] == texts[best[0]] and body["cappy"]["scores"] == scores, body)
    calls = upstream.calls()
    want("text goes up", calls[-1]["path"] == TEXT and "best_of" not in calls[-1]["body"] and
         calls[-1]["body"]["n"] == 4, calls[-1])
    body = server.ask(CHAT, chat("parts")).json
    want("as many as the server says", body["cappy"]["best_of"] == 4 and len(body["cappy"]["scores"]) == 4, body)
    server.ask(CHAT, chat([{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {"url": "x"}}]))
    want("parts of a message go on", upstream.calls()[-1]["body"]["messages"][1]["content"][1]["type"] == "image_url")
    body = server.ask(CHAT, chat("n alone", n=7)).json
    want("n is enough to ask for more", body["cappy"]["best_of"] == 7 and len(body["choices"]) == 7)
    body = server.ask(CHAT, chat("a", cappy={"bestof": 3})).json
    want("unknown members are named", "bestof" in body["cappy"]["warnings"][0], body)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    upstream.calls()
    server.ask(CHAT, chat("traced"), headers={"traceparent": trace})
    want("the trace goes on", upstream.calls()[0]["trace"] == trace)


def check_selection(server, how, **said):
    """The answer that two of three texts agree on, and the scores as ever."""
    texts = ["Rome is not the capital.", "It is Paris.", "It is Paris, I think.", "Bananas are yellow."]
    prompt = "say:" + "|".join(texts)
    scores = score_rows([(prompt, text) for text in texts])
    for asked, by in (({}, how), ({"select": "score"}, "score"), ({"select": "consensus"}, "consensus"),
                      ({"select": "mix", "mix_temperature": 1e6}, "mix"), ({"select": "mix", "mix_temperature": 0}, "score")):
        own = server.ask(CHAT, chat(prompt, cappy=asked)).json["cappy"]
        want(f"by {asked}: the scores", own["scores"] == scores, own)
        want(f"by {asked}: the best", own["chosen"] == (order(scores)[:1] if by == "score" else [1]), own)
        want(f"by {asked}: is told", own["select"] == asked.get("select", said.get("select", how)), own)
        temperature = asked.get("mix_temperature", said.get("mix_temperature")) if own["select"] == "mix" else None
        want(f"by {asked}: the temperature is told", own.get("mix_temperature") == temperature, own)


def check_tools(server):
    body = server.ask(CHAT, chat("tools:weather", tools=[{"type": "function", "function": {"name": "weather"}}],
                                 cappy={"best_of": 3})).json
    message = body["choices"][0]["message"]
    want("tool calls", message["tool_calls"][0]["function"]["name"] == "weather" and message["content"] is None and
         body["choices"][0]["finish_reason"] == "tool_calls", body)
    scores = score_rows([("tools:weather", 'weather {"number": %d}' % (i + 1)) for i in range(3)])
    want("tool calls are scored", body["cappy"]["scores"] == scores, body["cappy"])
    events = read_stream(server, chat("tools:weather", stream=True))
    call = events[1]["choices"][0]["delta"]["tool_calls"][0]
    want("tool calls in a stream", call["index"] == 0 and call["function"]["name"] == "weather", events)


def read_stream(server, body, path=CHAT):
    """The events of an answer; the last must be [DONE]."""
    answer = server.ask(path, body)
    want("stream", answer.status == 200 and answer.headers["content-type"] == "text/event-stream", answer.body)
    events = [line[6:] for line in answer.body.decode().split("\n\n") if line.startswith("data: ")]
    want("the stream ends", events[-1] == "[DONE]", events)
    return [json.loads(event) for event in events[:-1]]


def check_stream(server):
    events = read_stream(server, chat("stream", stream=True, n=2, stream_options={"include_usage": True}))
    want("one head", len({(e["id"], e["created"], e["model"]) for e in events}) == 1)
    want("chunks", all(e["object"] == "chat.completion.chunk" for e in events))
    said = {0: "", 1: ""}
    for event in events[:-1]:
        want("usage is null", event["usage"] is None)
        for choice in event["choices"]:
            said[choice["index"]] += choice["delta"].get("content", "")
    whole = events[-2]["cappy"]
    want("scores come with the last", len(whole["scores"]) == 4 and len(whole["chosen"]) == 2)
    want("what is said", all(text.startswith("answer ") for text in said.values()), said)
    want("who speaks", events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""})
    want("why it ends", [c["finish_reason"] for e in events for c in e["choices"]] ==
         [None, None, "stop", None, None, "stop"])
    want("usage", events[-1]["choices"] == [] and events[-1]["usage"]["total_tokens"] == 45, events[-1])
    events = read_stream(server, {"model": "good", "prompt": "text stream", "stream": True, "best_of": 2}, TEXT)
    want("text stream", events[0]["object"] == "text_completion" and events[0]["choices"][0]["text"].startswith("answer")
         and events[-1]["choices"][0]["finish_reason"] == "stop" and "usage" not in events[0], events)
    with server.connect() as connection:
        connection.sendall(post(CHAT, chat("old", stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0"))
        data = read_all(connection)
        want("HTTP/1.0", b"chunked" not in data and data.endswith(b"data: [DONE]\n\n"), data)


def check_waiting(server, seconds):
    """A stream that takes long says that it is alive, and what goes wrong then comes as an event."""
    with server.connect(timeout=seconds + 30) as connection:
        connection.sendall(post(CHAT, chat("fault:hang*9", stream=True)))
        stream = connection.makefile("rb")
        head = b"".join(iter(stream.readline, b"\r\n"))
        want("the head comes in time", b"200 OK" in head and b"X-Queue-Time" not in head, head)
        answer = b""
        while not answer.endswith(b"\r\n0\r\n\r\n"):
            more = stream.readline()
            if not more:
                break
            answer += more
        want("a ping", b"8\r\n: ping\n\n\r\n" in answer, answer)
        want("an event with the error", b'data: {"error": {' in answer and b'"code": 504' in answer, answer)
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        want("the connection goes on", read_answer(stream).status == 200)


def check_numbers(server, upstream):
    for model, calls in (("no-n", 4), ("good", 4)):
        body = server.ask(CHAT, {**chat(f"n of {model}"), "model": model}).json
        want(f"{model}", len(body["cappy"]["scores"]) == 4 and body["cappy"]["calls"] == calls, body["cappy"])
        want(f"{model} usage", body["usage"]["completion_tokens"] == 40, body["usage"])
    upstream.calls()
    body = server.ask(CHAT, chat("seeded", seed=7)).json
    want("seeds", sorted(c["body"]["seed"] for c in upstream.calls()) == [7, 8, 9, 10])


def check_refusal(server):
    body = server.ask(CHAT, {**chat("refused n"), "model": "refuses-n"}).json
    want("n that is refused", len(body["cappy"]["scores"]) == 4 and body["cappy"]["calls"] == 5 and
         body["cappy"]["failed"] == 0, body["cappy"])
    body = server.ask(CHAT, {**chat("refused n again"), "model": "refuses-n"}).json
    want("is remembered", body["cappy"]["calls"] == 4, body["cappy"])


def check_failures(server, upstream):
    """Before the endpoint has shown that it ignores n: one call for all answers."""
    for kind, status in (("500", 500), ("503", 503), ("429-later", 429), ("401", 401), ("404", 404), ("418", 418)):
        answer = server.ask(CHAT, chat(f"fault:{kind}*99"))
        want(f"{kind} is passed on", answer.status == status and "cappy" not in answer.json and
             "choices" not in answer.json and set(answer.json) == {"error"}, (answer.status, answer.body))
        if kind == "429-later":
            want("Retry-After", answer.headers["retry-after"] == "1", dict(answer.headers))
        answer = server.ask(CHAT, chat(f"fault:{kind}*99 streamed", stream=True))
        want(f"{kind} before a stream", answer.status == status and "error" in answer.json, answer.body)
    for kind, status in (("drop", 502), ("garbage", 502), ("huge", 502), ("redirect", 502), ("in-200", 502),
                         ("hang", 504), ("drip", 504), ("html", 503)):
        answer = server.ask(CHAT, chat(f"fault:{kind}*99"))
        want(f"{kind} is an error", answer.status == status, (answer.status, answer.body))
        if kind != "html":
            want(f"{kind} has our shape", set(answer.json) == COMMON and answer.json["error"]["code"] == status, answer.body)
        else:
            want("what is no JSON is text", answer.headers["content-type"].startswith("text/plain"), dict(answer.headers))
    upstream.calls()
    answer = server.ask(CHAT, chat("fault:400*99"))
    want("what is wrong is asked twice at most", answer.status == 400 and len(upstream.calls()) == 2)


def check_partial(server):
    """With a call for each answer."""
    for kind, n in (("500", 1), ("429-later", 2), ("drop", 3), ("garbage", 1), ("hang", 1)):
        body = server.ask(CHAT, chat(f"partly fault:{kind}*{n}")).json
        want(f"{kind} of some", len(body["cappy"]["scores"]) == 4 - n and body["cappy"]["failed"] == n and
             body["choices"][0]["message"]["content"].startswith("answer") and body["cappy"]["error"], body)
    answer = server.ask(CHAT, chat("fault:500*4"))
    want("all failed", answer.status == 500 and set(answer.json) == {"error"}, answer.body)
    answer = server.ask(CHAT, chat("fault:500*4"))
    want("and not the next time", answer.status == 200)


def check_leaving(server):
    left = server.metric("cappy_clients_left_total")
    with server.connect() as connection:
        connection.sendall(post(CHAT, chat("fault:hang*99")))
        want("it is asked", wait_until(lambda: server.metric("cappy_upstream_in_flight") > 0))
    want("a client that leaves ends its calls", wait_until(
        lambda: server.metric("cappy_upstream_in_flight") == 0 and server.metric("cappy_requests_in_flight") <= 1, 1.5),
        server.metric("cappy_upstream_in_flight"))
    want("it is counted", server.metric("cappy_clients_left_total") == left + 1)
    want("the server is well", server.ask(CHAT, chat("after that")).status == 200)


def check_wrong(server):
    """What is wrong is refused before anybody is asked."""
    cases = [(CHAT, b"{", 400), (CHAT, b"", 400), (CHAT, {}, 400), (TEXT, {}, 400)]
    for wrong in ({"messages": []}, {"messages": None}, {"messages": "a"}, {"messages": ["a"]}, {"messages": [1]},
                  {"n": 0}, {"n": -1}, {"n": 17}, {"n": 129}, {"n": 10**6}, {"n": 1.5}, {"n": "2"}, {"n": True},
                  {"stream": 1}, {"stream": "yes"}, {"stream_options": []}, {"stream_options": {"include_usage": 1}},
                  {"cappy": 1}, {"cappy": []}, {"cappy": {"best_of": 0}}, {"cappy": {"best_of": 17}},
                  {"cappy": {"best_of": "4"}}, {"cappy": {"best_of": 2}, "n": 3}, {"cappy": {"scorer": 1}},
                  {"cappy": {"scorer": "several"}}, {"cappy": {"instruction": ["a"]}}, {"cappy": {"reuse": "x"}},
                  {"cappy": {"reuse": True}}, {"cappy": {"select": "oracle"}}, {"cappy": {"select": 1}},
                  {"cappy": {"mix_temperature": 1}}, {"cappy": {"select": "mix", "mix_temperature": -1}}, {"cappy": {"select": "mix", "mix_temperature": "1"}}):
        cases.append((CHAT, {**chat("wrong"), **wrong}, 400))
    cases.append((CHAT, {**chat("wrong"), "cappy": {"scorer": "nobody"}}, 404))
    for wrong in ({"prompt": 1}, {"prompt": None}, {"prompt": []}, {"prompt": ["a", "b"]}, {"prompt": [1, 2]},
                  {"best_of": 0}, {"best_of": 17}, {"best_of": 2, "n": 3}, {"best_of": "a"}):
        cases.append((TEXT, {"prompt": "a", **wrong}, 400))
    for path, body, status in cases:
        answer = server.ask(path, body)
        want(f"{path} {body!r:.150}", answer.status == status, (answer.status, answer.body[:200]))
        want(f"shape of {body!r:.150}", set(answer.json) == COMMON and answer.json["error"]["code"] == status)
    want("methods", server.ask(CHAT).status == 405)


def check_addresses(server, upstream):
    """Addresses in a request are for the model: nobody goes there, and nobody else is asked."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/"
        parts = [{"type": "text", "text": "trapped"}, {"type": "image_url", "image_url": {"url": url}},
                 {"type": "input_audio", "input_audio": {"data": url}}, {"type": "file", "file": {"file_data": url}}]
        upstream.calls()
        answer = server.ask(CHAT, chat(parts, base_url=url, api_base=url, llm=url, cappy={"llm": url}),
                            {"X-Forwarded-Host": url, "X-Upstream": url, "Forwarded": f"host={url}"})
        want("the endpoint is asked", answer.status == 200 and len(upstream.calls()) == 1, answer.body)
        absolute = post(CHAT, chat("absolute")).replace(b"POST /", b"POST " + url.encode(), 1)
        with server.connect() as connection:
            connection.sendall(absolute)
            want("an absolute target is this server", read_answer(connection.makefile("rb")).status == 200)
        trap.settimeout(0.3)
        try:
            trap.accept()
            want("nobody goes to an address in a request", False)
        except TimeoutError:
            pass


def check_store(server, upstream):
    upstream.calls()
    first = server.ask(CHAT, chat("kept", cappy={"reuse": True})).json
    want("sampled", first["cappy"]["stored"] == 0 and len(upstream.calls()) == 4)
    again = server.ask(CHAT, chat("kept", cappy={"reuse": True})).json
    want("taken from the store", again["cappy"]["stored"] == 4 and upstream.calls() == [] and
         again["cappy"]["scores"] == first["cappy"]["scores"] and again["choices"] == first["choices"], (first, again))
    more = server.ask(CHAT, chat("kept", cappy={"reuse": True, "best_of": 6})).json
    want("and the rest is sampled", more["cappy"]["stored"] == 4 and len(upstream.calls()) == 2 and
         more["cappy"]["scores"][:4] == first["cappy"]["scores"], more)
    other = server.ask(CHAT, chat("kept")).json
    want("only when asked", other["cappy"]["scores"] != first["cappy"]["scores"] and len(upstream.calls()) == 4)
    server.ask(CHAT, chat("tools:weather", cappy={"reuse": True}))
    want("tool calls are not kept", server.ask(CHAT, chat("tools:weather", cappy={"reuse": True})).json["cappy"]["stored"] == 0)


def check_end(server):
    """SIGTERM waits for what is under way at the endpoint."""
    got = []
    thread = threading.Thread(target=lambda: got.append(server.ask(CHAT, {**chat("at the end"), "model": "tardy"})))
    thread.start()
    wait_until(lambda: server.metric("cappy_upstream_in_flight") > 0)
    server.process.send_signal(signal.SIGTERM)
    thread.join()
    want("the end waits", got[0].status == 200 and got[0].json["choices"], got)
    want("exit status 0", server.process.wait(20) == 0, server.log[-2:])


def check_abrupt_end(server):
    thread = threading.Thread(target=lambda: post_and_forget(server))
    thread.start()
    wait_until(lambda: server.metric("cappy_upstream_in_flight") > 0)
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    want("what takes too long is given up", server.process.wait(20) == 1 and time.monotonic() - begun < 10)
    thread.join()


def post_and_forget(server):
    with server.connect() as connection:
        connection.sendall(post(CHAT, chat("fault:hang*99")))
        read_all(connection)


def check_without(server):
    for path in (CHAT, TEXT):
        answer = server.ask(path, chat("a"))
        want("without --llm", answer.status == 404 and "--llm" in answer.json["message"], answer.body)
    want("nor does the list have it", CHAT not in server.ask("/openapi.json").json["paths"])


def main():
    with upstream() as llm:
        options = ("--llm", llm.url, "-n", "4", "--model", f"bert={TINY}", "--model", f"several={SEVERAL}")
        with serving(*options) as server:
            check_best(server, llm)
            check_selection(server, "score")
            check_tools(server)
            check_stream(server)
            check_wrong(server)
            check_addresses(server, llm)
            want("the list has it", CHAT in server.ask("/openapi.json").json["paths"])
        with serving(*options, "--select", "consensus") as server:
            check_selection(server, "consensus")
        with serving("--llm", llm.url, "-n", "4", "--model", f"bert={warm_model(llm.directory)}") as server:
            check_selection(server, "consensus", select="mix", mix_temperature=1e6)
        with serving(*options) as server:
            check_refusal(server)
        with serving(*options, "--timeout", "2") as server:
            check_failures(server, llm)
            check_leaving(server)
            check_numbers(server, llm)
            check_partial(server)
        with serving(*options, "--timeout", "17") as server:
            check_waiting(server, 17)
        with serving(*options, "--store", os.path.join(llm.directory, "store.db")) as server:
            server.ask(CHAT, {**chat("one answer a call"), "model": "no-n"})
            check_store(server, llm)
            check_end(server)
        with serving(*options, "--drain-timeout", "1") as server:
            check_abrupt_end(server)
        with serving("--llm", "http://127.0.0.1:1", "-n", "2") as server:
            answer = server.ask(CHAT, chat("nobody is there"))
            want("nobody answers", answer.status == 502 and set(answer.json) == COMMON, answer.body)
        with serving() as server:
            check_without(server)
    finish()


main()
