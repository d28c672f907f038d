#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The routes: what each dialect sends, reads and gets told when it is wrong."""

from serving import SEVERAL, TINY, finish, score_rows, serving, wait_until, want

QUERY = "What is the capital of France?"
TEXTS = ["Paris is the capital of France.", "Bananas are yellow.", "I like trains.", "漢字 \U0001f600"]


def order(scores):
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))


def clamp(score):
    return min(max(score, 0), 1)


def check_tei(server, scores):
    answer = server.ask("/rerank", {"query": QUERY, "texts": TEXTS})
    want("tei", answer.status == 200 and answer.headers["content-type"] == "application/json")
    want("tei order", [x["index"] for x in answer.json] == order(scores), answer.json)
    want("tei members", all(set(x) == {"index", "score"} for x in answer.json))
    want("tei scores", [x["score"] for x in answer.json] == [clamp(scores[i]) for i in order(scores)])
    answer = server.ask("/rerank", {"query": QUERY, "texts": TEXTS, "return_text": True, "raw_scores": True,
                                    "truncate": None, "truncation_direction": "Right"})
    want("tei texts", [x["text"] for x in answer.json] == [TEXTS[i] for i in order(scores)])
    want("tei raw", [x["score"] for x in answer.json] == [scores[i] for i in order(scores)])
    for name in ("type", "time", "characters", "tokens"):
        want(f"tei header {name}", f"x-compute-{name}" in answer.headers)
    for name in ("total-time", "tokenization-time", "queue-time", "inference-time"):
        want(f"tei header {name}", answer.headers[f"x-{name}"].isdigit())
    for path in ("/v1/rerank", "/v2/rerank"):
        want(f"tei at {path}", isinstance(server.ask(path, {"query": QUERY, "texts": TEXTS}).json, list))


def check_rerank(server, scores):
    documents = [TEXTS[0], {"text": TEXTS[1], "id": 7}, *TEXTS[2:]]
    answer = server.ask("/v1/rerank", {"query": QUERY, "documents": documents, "model": "bert"}).json
    want("rerank order", [x["index"] for x in answer["results"]] == order(scores))
    want("rerank scores", [x["relevance_score"] for x in answer["results"]] ==
         [clamp(scores[i]) for i in order(scores)])
    echo = {x["index"]: x["document"] for x in answer["results"]}
    want("rerank documents", echo[0] == {"text": TEXTS[0]} and echo[1] == documents[1], echo)
    want("rerank frame", answer["id"].startswith("rerank-") and answer["object"] == "list" and
         answer["model"] == "bert" and answer["created"] > 1.7e9)
    n = answer["usage"]["total_tokens"]
    want("rerank usage", n > 20 and answer["usage"]["prompt_tokens"] == n)
    want("rerank meta", answer["meta"]["tokens"] == {"input_tokens": n, "output_tokens": 0} and
         answer["meta"]["billed_units"]["search_units"] == 1 and answer["meta"]["warnings"] == [])
    answer = server.ask("/rerank", {"query": QUERY, "documents": TEXTS, "top_n": 2, "return_documents": False})
    want("top_n", [x["index"] for x in answer.json["results"]] == order(scores)[:2])
    want("no documents", all("document" not in x for x in answer.json["results"]))
    answer = server.ask("/v1/rerank", {"query": QUERY, "documents": TEXTS, "top_n": 0, "raw_scores": True})
    want("raw", [x["relevance_score"] for x in answer.json["results"]] == [scores[i] for i in order(scores)])


def check_selection(server):
    """The order may be another than that of the scores, where that is asked for."""
    texts = ["Rome is not the capital.", "It is Paris.", "It is Paris, I think.", "Bananas are yellow."]
    scores = score_rows([(QUERY, text) for text in texts])
    for body in ({"documents": texts}, {"texts": texts}):
        asked = {"query": QUERY, **body, "raw_scores": True, "cappy": {"select": "mix", "mix_temperature": 1e6}}
        answer = server.ask("/rerank", asked).json
        results = answer["results"] if "documents" in body else answer
        want("by the mix", [x["index"] for x in results][:2] == [1, 2], results)
        name = "relevance_score" if "documents" in body else "score"
        want("scores are scores", all(x[name] == scores[x["index"]] for x in results), results)
    answer = server.ask("/rerank", {"query": QUERY, "documents": texts, "cappy": {"selct": "mix"}}).json
    want("unknown members are named", "selct" in answer["meta"]["warnings"][0], answer["meta"])
    many = {"query": QUERY, "documents": ["a"] * 129}
    want("many by score", server.ask("/rerank", many).status == 200)
    answer = server.ask("/rerank", {**many, "cappy": {"select": "consensus"}})
    want("too many to compare", answer.status == 400 and "128" in answer.json["message"], answer.body)


def check_cohere(server, scores):
    answer = server.ask("/v2/rerank", {"model": "bert", "query": QUERY, "documents": TEXTS, "top_n": 99,
                                       "max_tokens_per_doc": 4096, "top_k": 3}).json
    want("cohere order", [x["index"] for x in answer["results"]] == order(scores))
    want("cohere has no documents", all(set(x) == {"index", "relevance_score"} for x in answer["results"]))
    want("cohere meta", answer["meta"]["api_version"] == {"version": "2", "is_experimental": False})
    want("cohere warns", "top_k" in answer["meta"]["warnings"][0], answer["meta"])


def check_scores(server, scores):
    for first, second in (("text_1", "text_2"), ("queries", "documents"), ("queries", "items"), ("data_1", "data_2")):
        answer = server.ask("/v1/score", {first: QUERY, second: TEXTS}).json
        want(f"score {second}", [x["score"] for x in answer["data"]] == scores, answer)
        want("score in order", [x["index"] for x in answer["data"]] == list(range(len(TEXTS))))
    answer = server.ask("/score", {"text_1": [QUERY] * 4, "text_2": TEXTS, "use_activation": True}).json
    want("score N:N", [x["score"] for x in answer["data"]] == scores)
    answer = server.ask("/score", {"text_1": [QUERY], "text_2": TEXTS[0]}).json
    want("score 1:1", [x["score"] for x in answer["data"]] == scores[:1])
    want("score frame", answer["id"].startswith("score-") and answer["data"][0]["object"] == "score")
    want("N:M is refused", server.ask("/score", {"text_1": ["a", "b"], "text_2": TEXTS}).status == 400)


def check_predict(server, scores):
    answer = server.ask("/predict", {"inputs": [QUERY, TEXTS[0]]}).json
    want("one pair", answer == [{"score": clamp(scores[0]), "label": answer[0]["label"]}], answer)
    answer = server.ask("/predict", {"inputs": [[QUERY, t] for t in TEXTS], "raw_scores": True}).json
    want("pairs", [x[0]["score"] for x in answer] == scores, answer)
    answer = server.ask("/predict", {"model": "several", "inputs": [QUERY, TEXTS[0]]}).json
    want("labels", len(answer) == 3 and abs(sum(x["score"] for x in answer) - 1) < 1e-6, answer)
    want("highest first", answer == sorted(answer, key=lambda x: -x["score"]))
    want("rerank needs one label", server.ask("/v1/rerank", {"model": "several", "query": "a", "documents": ["b"]})
         .status == 400)
    answer = server.ask("/predict", {"inputs": "one text"})
    want("single texts are refused", answer.status == 422 and answer.json["error_type"] == "Validation", answer.body)


def check_classify(server):
    labels = ["positive", "negative", "é"]
    scores = score_rows([("I loved it.", label) for label in labels])
    for body in ("I loved it.", ["I loved it."]):
        answer = server.ask("/v1/classify", {"input": body, "labels": labels}).json
        item = answer["data"][0]
        want("classify", item["scores"] == scores and item["label"] == labels[order(scores)[0]], answer)
        want("probs", item["probs"] == [clamp(s) for s in scores] and item["num_classes"] == 3)
    want("labels are needed", server.ask("/classify", {"input": "a"}).status == 400)


def check_reward(server, scores):
    answer = server.ask("/get_reward", {"query": [QUERY + t for t in TEXTS], "prompts": [QUERY] * 4})
    want("reward", answer.json == {"rewards": scores}, answer.body)
    answer = server.ask("/get_reward", {"query": TEXTS, "prompts": [QUERY] * 4})
    want("reward of answers alone", answer.json == {"rewards": scores})


def check_about(server):
    for path in ("/health", "/livez", "/readyz"):
        want(path, server.ask(path).status == 200)
    models = server.ask("/v1/models").json
    want("models", [m["id"] for m in models["data"]] == ["bert", "several"] and models["object"] == "list")
    info = server.ask("/info").json
    want("info", info["model_id"] == "bert" and info["max_client_batch_size"] == 1000 and info["auto_truncate"] is True
         and info["model_type"]["reranker"]["id2label"] and info["max_input_length"] > 8 and info["model_sha"] is None, info)
    page = server.ask("/metrics").body.decode()
    for name in ("http_requests_total", "request_duration_seconds", "queue_duration_seconds",
                 "tokenize_duration_seconds", "inference_duration_seconds", "batch_tokens", "batch_sequences",
                 "queue_tokens", "requests_in_flight", "truncated_documents_total", "rejected_total", "build_info"):
        want(f"metric {name}", f"# TYPE cappy_{name} " in page)
    want("metrics are counted", 'cappy_http_requests_total{route="/health",code="200"} 1' in page, page[:300])
    request_id = server.ask("/health", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"]
    want("request id", request_id == "abc-1")
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    want("trace", server.ask("/health", headers={"traceparent": trace}).headers["traceparent"] == trace)
    want("bad trace", server.ask("/health", headers={"traceparent": trace + "x"}).headers["traceparent"] is None)
    want("trace is logged", wait_until(lambda: any('"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"' in line for line in server.log)))


def check_long(server):
    long = "word " * 2000
    answer = server.ask("/v1/rerank", {"query": QUERY, "documents": [long, "a"]}).json
    want("truncation is told", "pair 0 was truncated" in answer["meta"]["warnings"][0], answer["meta"])
    answer = server.ask("/rerank", {"query": QUERY, "texts": [long], "truncate": False})
    want("truncation can be refused", answer.status == 422 and answer.json["error_type"] == "Validation")
    want("metric", server.metric("cappy_truncated_documents_total") >= 1)


def check_direction(server):
    """The beginning cut off instead of the end: the score is that of the last words, all of them single tokens."""
    text = [*"abcdefghijk"] * 200
    limit = server.ask("/info").json["max_input_length"]
    query = ["x", "y", "z"]
    kept = text[-(limit - 3 - len(query)):]
    expected = score_rows([(" ".join(query), " ".join(kept))])[0]
    cut = score_rows([(" ".join(query), " ".join(text))])[0]
    want("the ends differ", expected != cut)
    asked = {"query": " ".join(query), "texts": [" ".join(text)], "raw_scores": True}
    for side, score in (("Left", expected), ("left", expected), ("Right", cut), ("right", cut), (None, cut)):
        answer = server.ask("/rerank", {**asked, "truncation_direction": side})
        want(f"rerank, {side}", answer.status == 200 and answer.json[0]["score"] == score, answer.body)
        answer = server.ask("/predict", {"inputs": [asked["query"], asked["texts"][0]], "raw_scores": True,
                                         "truncation_direction": side})
        want(f"predict, {side}", answer.status == 200 and answer.json[0]["score"] == score, answer.body)
        answer = server.ask("/score", {"text_1": asked["query"], "text_2": asked["texts"][0], "truncation_side": side})
        want(f"score, {side}", answer.status == 200 and answer.json["data"][0]["score"] == score, answer.body)
    answer = server.ask("/rerank", {**asked, "truncate": False, "truncation_direction": "Left"})
    want("truncation can be refused on the left too", answer.status == 422, answer.body)
    for side in ("LEFT", "", 1, True, ["left"], {}):
        want(f"{side!r} is no side", server.ask("/rerank", {**asked, "truncation_direction": side}).status == 422)


COMMON = {"error", "id", "message", "detail"}
TEI_ONLY = {"/predict"}


def check_errors(server):
    """Wrong bodies: the status and the shape of the error, and the server goes on."""
    deep = b'{"query": "a", "documents": ' + b"[" * 100 + b"]" * 100 + b"}"
    many = b'{"query": "a", "documents": [' + b"[]," * 200000 + b"[]]}"
    cases = [
        ("/v1/rerank", b"", 400), ("/v1/rerank", b"{", 400), ("/v1/rerank", b"[]", 400), ("/v1/rerank", b"1", 400),
        ("/v1/rerank", b"{}", 400), ("/v1/rerank", b'{"query": "a"}', 400), ("/v1/rerank", deep, 400),
        ("/v1/rerank", many, 400), ("/v1/rerank", b'{"query": "a", "query": "b", "documents": ["c"]}', 400),
        ("/v1/rerank", b'{"query": "\xff", "documents": ["c"]}', 400),
        ("/v1/rerank", b'{"query": "\\ud800", "documents": ["c"]}', 400),
        ("/v1/rerank", b'{"query": "a", "documents": ["c"]} x', 400),
        ("/v1/rerank", b'{"query": "a", "documents": ["c"], "top_n": 1e999}', 400),
        ("/v1/rerank", b'{"query": "a", "documents": ["c"], "top_n": 99999999999999999999}', 400),
    ]
    good = {"query": "a", "documents": ["b"]}
    for wrong in ({"query": 1}, {"query": None}, {"query": ["a"]}, {"documents": "b"}, {"documents": []},
                  {"documents": [1]}, {"documents": [None]}, {"documents": [{"title": "b"}]}, {"documents": {}},
                  {"documents": [["b"]]}, {"top_n": -1}, {"top_n": 1.5}, {"top_n": "1"}, {"top_n": 2**31},
                  {"top_n": True}, {"return_documents": 1}, {"raw_scores": "no"}, {"model": 1}, {"model": []},
                  {"truncate_prompt_tokens": -2}, {"truncate_prompt_tokens": 3}, {"max_tokens_per_doc": 3},
                  {"truncation_side": "middle"}, {"truncation_side": 1}, {"documents": ["b"] * 1001},
                  {"cappy": 1}, {"cappy": {"select": "oracle"}}, {"cappy": {"mix_temperature": 1}}):
        cases.append(("/v1/rerank", {**good, **wrong}, 400))
        cases.append(("/v2/rerank", {**good, **wrong}, 400))
    cases += [("/v2/rerank", {**good, "top_n": 0}, 400), ("/v2/rerank", {**good, "query": " \n"}, 400),
              ("/v1/rerank", {**good, "model": "nobody"}, 404), ("/score", {"text_1": "a"}, 400),
              ("/score", {"text_1": 1, "text_2": "a"}, 400), ("/score", {"text_1": [], "text_2": []}, 400),
              ("/score", {"text_1": ["a", 1], "text_2": ["a", "b"]}, 400),
              ("/classify", {"input": [], "labels": ["a"]}, 400), ("/classify", {"input": "a", "labels": []}, 400),
              ("/classify", {"input": ["a"] * 999, "labels": ["a", "b"]}, 400),
              ("/classify", {"input": 1, "labels": ["a"]}, 400), ("/get_reward", {"query": ["a"]}, 400),
              ("/get_reward", {"query": ["a"], "prompts": []}, 400),
              ("/get_reward", {"query": ["a", "b"], "prompts": ["a"]}, 400)]
    for path, body, status in cases:
        answer = server.ask(path, body)
        want(f"{path} {body!r:.60}", answer.status == status, (answer.status, answer.body[:200]))
        error = answer.json
        want(f"shape {path} {body!r:.60}", set(error) == COMMON and error["error"]["code"] == status and
             set(error["error"]) == {"message", "type", "param", "code"} and error["detail"] == error["message"])
    for path, body, status, kind in (
            ("/rerank", {"query": "a", "texts": []}, 400, "Empty"), ("/rerank", {"texts": ["a"]}, 422, "Validation"),
            ("/rerank", {"query": "a", "texts": "b"}, 422, "Validation"),
            ("/rerank", {"query": "a", "texts": ["b"] * 1001}, 422, "Validation"),
            ("/rerank", {"query": "a", "texts": ["b"], "truncation_direction": "up"}, 422, "Validation"),
            ("/predict", {}, 422, "Validation"), ("/predict", {"inputs": []}, 400, "Empty"),
            ("/predict", {"inputs": [["a", "b", "c"]]}, 422, "Validation"), ("/predict", b"{", 400, "Validation"),
            ("/predict", {"inputs": [["a", "b"], "c"]}, 422, "Validation")):
        answer = server.ask(path, body)
        want(f"{path} {body!r:.60}", answer.status == status and answer.json["error_type"] == kind and
             isinstance(answer.json["error"], str), (answer.status, answer.body[:200]))
    want("unknown path", server.ask("/nope", b"{}").status == 404)
    wrong = server.ask("/v1/rerank")
    want("wrong method", wrong.status == 405 and wrong.headers["allow"] == "POST")
    want("wrong method", server.ask("/health", b"{}").status == 405)
    want("nothing of a request is logged", not any("nobody" in line or QUERY in line for line in server.log))


def check_syntax(server):
    """What is no request on any route, in each route's dialect."""
    deep = b'{"query": ' + b"[" * 100 + b"]" * 100 + b"}"
    bodies = [b"", b" ", b"{", b"[]", b"1", b"null", b'"a"', b"{}x", b"{} {}", deep, b"[" * 100000,
              b'{"a": 1, "a": 1}', b'{"a": {"b": 1, "b": 2}}', b'{"query": "\xff"}', b'{"query": "\xed\xa0\x80"}',
              b'{"query": "\xc0\x80"}', b'{"query": "\\ud800"}', b'{"query": "\\udc00\\ud800"}', b'{"query": NaN}',
              b'{"query": Infinity}', b'{"query": -}', b'{"query": 01}', b'{"query": 1.}', b'{"query": +1}', b"{'query': 1}",
              b'{"query": "a\x01"}', b'{"query": "a\nb"}', b'{"query": 1,}', b"\xef\xbb\xbf{}", b"\0", b'{"a": 1e400}',
              b'{"a": 123456789012345678901234567890}', b"query=a&documents=b",
              b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\na\r\n--x--\r\n']
    routes = server.ask("/openapi.json").json["paths"]
    for path in [path for path, methods in routes.items() if "post" in methods]:
        for body in bodies:
            answer = server.ask(path, body)
            want(f"{path} {body!r:.60}", answer.status == 400, (answer.status, answer.body[:200]))
            if path in TEI_ONLY:
                want(f"TEI's shape {path} {body!r:.60}", set(answer.json) == {"error", "error_type"}, answer.body)
            else:
                want(f"shape {path} {body!r:.60}", set(answer.json) == COMMON, answer.body)
        for body in (b"{}", b'{"unknown": 1}'):
            answer = server.ask(path, body)
            want(f"{path} {body!r}", answer.status == (422 if path in TEI_ONLY else 400), (answer.status, answer.body))
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
            answer = server.ask(path, method=method)
            want(f"{method} {path}", answer.status == 405 and answer.headers["allow"] == "POST", answer.status)
    answer = server.ask("/v1/rerank", {"query": "a", "documents": ["b"]}, {"Content-Type": "multipart/form-data; boundary=x"})
    want("the body counts, not what it is called", answer.status == 200, answer.body)


def main():
    with serving("--model", f"bert={TINY}", "--model", f"several={SEVERAL}") as server:
        scores = score_rows([(QUERY, text) for text in TEXTS])
        check_about(server)
        check_tei(server, scores)
        check_rerank(server, scores)
        check_selection(server)
        check_cohere(server, scores)
        check_scores(server, scores)
        check_predict(server, scores)
        check_classify(server)
        check_reward(server, scores)
        check_long(server)
        check_direction(server)
        check_errors(server)
        check_syntax(server)
        want("the server is well", [x["score"] for x in server.ask("/score", {"text_1": QUERY, "text_2": TEXTS}).json["data"]]
             == scores)
    finish()


main()
