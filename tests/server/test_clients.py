#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The clients that people have, each with its real calls. They come from PyPI: cohere, litellm,
langchain-cohere, llama-index-postprocessor-tei-rerank; CAPPY_PYTHON names a Python that has them. Those
that are missing are named and left out; exit status 77 when all are."""

import importlib.util
import os
import shutil
import subprocess
import sys

from serving import DEFAULT, finish, score_rows, serving, want

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


def check_curl(server, scores):
    done = subprocess.run(["curl", "-sf", server.address + "/get_reward", "-d",
                           '{"query": ["' + TEXTS[0] + '"], "prompts": ["' + QUERY + '"]}'],
                          capture_output=True, text=True, check=False)
    want("curl", done.returncode == 0 and str(scores[0]) in done.stdout, done)


def check_schemathesis(server, scores):
    """Whatever the description allows is answered as it says; nothing makes the server fail."""
    tool = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    done = subprocess.run([tool, "run", server.address + "/openapi.json", "--max-examples", "20", "--checks",
                           "not_a_server_error,status_code_conformance,unsupported_method"],
                          capture_output=True, text=True, check=False)
    want("schemathesis", done.returncode == 0, done.stdout[-3000:] + done.stderr[-500:])
    want("the server is well", server.ask("/v1/score", {"text_1": QUERY, "text_2": TEXTS}).json["data"][0]["score"]
         == scores[0])


CLIENTS = {"cohere": check_cohere, "litellm": check_litellm, "langchain_cohere": check_langchain,
           "llama_index.postprocessor.tei_rerank": check_llama_index, "schemathesis": check_schemathesis}


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
    with serving("--model", f"default={DEFAULT}") as server:
        for name, check in found.items():
            print(f"{name} ...", flush=True)
            check(server, scores)
    finish()


main()
