#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The clients that people have, each with its real calls. They come from PyPI: cohere, litellm,
langchain-cohere, llama-index-postprocessor-tei-rerank, openai, schemathesis; CAPPY_PYTHON names a Python that has them. Those
that are missing are named and left out; exit status 77 when all are."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile

from serving import DEFAULT, finish, score_rows, serving, upstream, want

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no network
QUERY = "What is the capital of France?"
TEXTS = ["Paris is the capital of France.", "Bananas are yellow.", "I like trains."]


def check_results(name, results, scores, n=None):
    order = sorted(range(len(scores)), key=lambda i: -scores[i])[:n]
    want(f"{name} order", [r[0] for r in results] == order, results)
    want(f"{name} scores", [r[1] for r in results] == [min(max(scores[i], 0), 1) for i in order], results)


def check_cohere(server, scores):
    import cohere
    client = cohere.ClientV2(api_key="any", base_url=server.address)
    answer = client.rerank(model="default", query=QUERY, documents=TEXTS, top_n=2)
    check_results("cohere v2", [(r.index, r.relevance_score) for r in answer.results], scores, 2)
    answer = cohere.Client(api_key="any", base_url=server.address).rerank(model="default", query=QUERY, documents=TEXTS)
    check_results("cohere v1", [(r.index, r.relevance_score) for r in answer.results], scores)
    for error, body in ((cohere.errors.NotFoundError, {"model": "nobody"}),
                        (cohere.errors.BadRequestError, {"documents": []})):
        try:
            client.rerank(**{"model": "default", "query": QUERY, "documents": TEXTS, **body})
            want(f"cohere {body} is refused", False)
        except error as refusal:
            want("cohere reads the message", "message" in refusal.body, refusal.body)


def check_litellm(server, scores):
    import litellm
    answer = litellm.rerank(model="hosted_vllm/default", api_base=server.address, api_key="any", query=QUERY,
                            documents=TEXTS, top_n=3)
    check_results("litellm", [(r["index"], r["relevance_score"]) for r in answer.results], scores)
    want("litellm documents", answer.results[0]["document"]["text"] == TEXTS[answer.results[0]["index"]])


def check_langchain(server, scores):
    from langchain_cohere import CohereRerank
    reranker = CohereRerank(model="default", cohere_api_key="any", base_url=server.address, top_n=3)
    answer = reranker.rerank(TEXTS, QUERY)
    check_results("langchain", [(r["index"], r["relevance_score"]) for r in answer], scores)


def check_llama_index(server, scores):
    from llama_index.core.schema import NodeWithScore, TextNode
    from llama_index.postprocessor.tei_rerank import TextEmbeddingInference
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in TEXTS]
    answer = TextEmbeddingInference(model_name="default", base_url=server.address, top_n=3).postprocess_nodes(
        nodes, query_str=QUERY)
    check_results("llama-index", [(TEXTS.index(n.node.get_content()), n.score) for n in answer], scores)


def check_openai(server, scores):
    import openai
    client = openai.OpenAI(base_url=server.address + "/v1", api_key="any", max_retries=0)
    asked = {"model": "good", "messages": [{"role": "user", "content": QUERY + " say:" + "|".join(TEXTS)}]}
    best = TEXTS[max(range(len(TEXTS)), key=lambda i: proxy_scores()[i])]
    answer = client.chat.completions.create(**asked, extra_body={"cappy": {"best_of": 3}})
    want("openai", answer.choices[0].message.content == best, answer)
    want("openai sees the scores", answer.cappy["scores"] == proxy_scores(), answer)
    want("openai usage", answer.usage.total_tokens == 35, answer.usage)
    answer = client.chat.completions.create(**asked, n=2)
    want("openai n", len(answer.choices) == 2 and answer.choices[0].message.content == best, answer)
    text, last = "", None
    for chunk in client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        last = chunk
    want("openai stream", text == best and last.usage.total_tokens == 35, (text, last))
    answer = client.completions.create(model="good", prompt=asked["messages"][0]["content"], best_of=3)
    want("openai completions", answer.choices[0].text == best, answer)
    text = "".join(chunk.choices[0].text for chunk in client.completions.create(
        model="good", prompt=asked["messages"][0]["content"], stream=True))
    want("openai completions stream", text == best, text)
    for error, prompt in ((openai.RateLimitError, "fault:429*99"), (openai.InternalServerError, "fault:500*99"),
                          (openai.AuthenticationError, "fault:401*99"), (openai.BadRequestError, "fault:400*99")):
        try:
            client.chat.completions.create(model="good", messages=[{"role": "user", "content": prompt}])
            want(f"openai {prompt} is an error", False)
        except error as refusal:
            want("openai reads the message", "told to say" in refusal.message, refusal.message)


def proxy_scores():
    return score_rows([(QUERY + " say:" + "|".join(TEXTS), text) for text in TEXTS], DEFAULT)


def check_curl(server, scores):
    done = subprocess.run(["curl", "-sf", server.address + "/get_reward", "-d",
                           '{"query": ["' + TEXTS[0] + '"], "prompts": ["' + QUERY + '"]}'],
                          capture_output=True, text=True, check=False)
    want("curl", done.returncode == 0 and str(scores[0]) in done.stdout, done)


def check_schemathesis(server, scores):
    """Whatever the description allows is answered as it says; nothing makes the server fail."""
    tool = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    with tempfile.TemporaryDirectory() as folder:  # it leaves things behind where it runs
        done = subprocess.run([tool, "run", server.address + "/openapi.json", "--max-examples", "20", "--checks",
                               "not_a_server_error,status_code_conformance,unsupported_method"],
                              capture_output=True, text=True, check=False, cwd=folder)
    want("schemathesis", done.returncode == 0, done.stdout[-3000:] + done.stderr[-500:])
    want("the server is well", server.ask("/v1/score", {"text_1": QUERY, "text_2": TEXTS}).json["data"][0]["score"]
         == scores[0])


CLIENTS = {"cohere": check_cohere, "litellm": check_litellm, "langchain_cohere": check_langchain,
           "llama_index.postprocessor.tei_rerank": check_llama_index, "openai": check_openai, "schemathesis": check_schemathesis}


def is_there(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def main():
    found = {name: check for name, check in CLIENTS.items() if is_there(name)}
    for name in CLIENTS.keys() - found.keys():
        print(f"skipped: {name} is not installed")
    if shutil.which("curl"):
        found["curl"] = check_curl
    else:
        print("skipped: curl is not installed")
    if not found:
        sys.exit(77)
    scores = score_rows([(QUERY, text) for text in TEXTS], DEFAULT)
    with upstream() as llm, serving("--model", f"default={DEFAULT}", "--llm", llm.url, "-n", "3") as server:
        for name, check in found.items():
            print(f"{name} ...", flush=True)
            check(server, scores)
    finish()


main()
