#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The clients that people have, each with its real calls, and what docs/clients.md and docs/boosting.md say to paste.
The clients come from PyPI, by requirements.txt beside this file; CAPPY_PYTHON names a Python that has them. Those that
are missing are named and left out."""

import contextlib
import importlib.util
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from serving import CAPPY, DEFAULT, ROOT, Server, finish, score_rows, serving, upstream, want

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no network
QUERY = "What is the capital of France?"
TEXTS = ["Bananas are yellow.", "Paris is the capital of France.", "I like trains."]


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


# ---- What the documentation says to paste ----


def read_blocks(page, heading):
    """{title: [(language, text), ...]}: the blocks of a page of docs/, by the headings of that depth."""
    with open(os.path.join(ROOT, "docs", page), encoding="utf-8") as file:
        parts = re.split(rf"^{heading} (.*)\n", file.read(), flags=re.M)
    return {title: re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S) for title, text in zip(parts[1::2], parts[2::2])}


def run_block(language, text, server):
    """What a block prints, asking this server."""
    text = text.replace("http://localhost:8080", server.address)
    if language == "sh":
        return subprocess.run(["sh", "-ec", text], capture_output=True, text=True, check=False).stdout
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, "docs/clients.md", "exec"), {"__name__": "__main__"})  # pylint: disable=exec-used
    return printed.getvalue()


def read_json(printed):
    """The documents that stand one behind the other."""
    decoder, documents, at = json.JSONDecoder(), [], 0
    while at < len(printed):
        document, at = decoder.raw_decode(printed, at)
        documents.append(document)
    return documents


def check_ranking(title, printed, scores):
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    want(f"{title}: ranking", printed == "".join(f"{i} {min(max(scores[i], 0.0), 1.0)}\n" for i in order), printed)


def check_chat(title, printed, _):
    lines = printed.splitlines()
    want(f"{title}: an answer", re.fullmatch(r"answer \d+ to " + re.escape(QUERY), lines[0]), printed)
    if len(lines) > 1:
        given, chosen = json.loads(lines[1].replace("] [", "], [").join(("[", "]")))
        want(f"{title}: the best", len(given) == 4 and chosen == [given.index(max(given))] and
             score_rows([(QUERY, lines[0])], DEFAULT) == [max(given)], printed)


def check_documents(title, printed, _):
    documents = read_json(printed)
    want(f"{title}: answers", documents and all("error" not in document for document in documents), printed)


# Of docs/clients.md: what a title's blocks need, a module or a program, and what is to come of them.
PASTED = {
    "cohere": ("cohere", check_ranking),
    "LangChain": ("langchain_cohere", check_ranking),
    "LiteLLM": ("litellm", check_ranking),
    "LlamaIndex": ("llama_index.postprocessor.tei_rerank", check_ranking),
    "Text Embeddings Inference": ("urllib", check_ranking),
    "curl": ("curl", check_documents),
    "openai": ("openai", check_chat),
    "LangChain: ChatOpenAI": ("langchain_openai", check_chat),
    "LiteLLM: completion": ("litellm", check_chat),
    "LlamaIndex: OpenAILike": ("llama_index.llms.openai_like", check_chat),
    "curl: chat and text": ("curl", check_documents),
}


def check_pasted(server, scores):
    page = read_blocks("clients.md", "###")
    want("every client of the page is tested", page.keys() == PASTED.keys(), page.keys() ^ PASTED.keys())
    for title, (needed, check) in PASTED.items():
        if not (is_there(needed) or shutil.which(needed)):
            print(f"skipped: {title} of docs/clients.md: {needed} is not installed")
            continue
        print(f"docs/clients.md, {title} ...", flush=True)
        want(f"{title}: there is a block", page[title])
        for language, text in page[title]:
            check(title, run_block(language, text, server), scores)


def check_boost_line(line, llm, folder):
    with open(os.path.join(folder, "questions.jsonl"), "w", encoding="utf-8") as file:
        file.write(json.dumps({"instruction": QUERY}) + "\n")
    environment = {**os.environ, "PATH": os.path.dirname(CAPPY) + os.pathsep + os.environ["PATH"], "CAPPY_MODEL": DEFAULT,
                   "XDG_CACHE_HOME": folder, "OPENAI_API_KEY": "hosted-key"}
    done = subprocess.run(["sh", "-ec", line], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    want(f"{line:.60}: exit status", done.returncode == 0, done.stderr)
    with open(os.path.join(folder, "best.jsonl"), encoding="utf-8") as file:
        row = json.loads(file.read())
    n = 17 if "--plan reference" in line else 8
    want(f"{line:.60}: the best", len(row["candidates"]) == n and row["response"] == row["candidates"][row["best"]]["text"] and
         row["scores"][row["best"]] == max(row["scores"]), row)
    key = "Bearer hosted-key" if "OPENAI_API_KEY" in line else "Bearer upstream-key"
    want(f"{line:.60}: the key", all(call["authorization"] == key for call in llm.calls()))


def check_serve_line(line):
    words = shlex.split(line.replace("--port 8080", "--port 0"))
    server = Server(command=[CAPPY, *words[1:], "--drain-delay", "0"], model=DEFAULT)
    answer = server.ask("/v1/chat/completions", {"model": "llm", "messages": [{"role": "user", "content": QUERY}]})
    want("cappy serve --llm", answer.status == 200 and answer.json["cappy"]["best_of"] == 8, answer.body)
    want("it ends", server.stop() == 0)


def check_endpoints(llm):
    """The lines of docs/boosting.md, with the address of this endpoint in the place of theirs."""
    blocks = read_blocks("boosting.md", "##")["Endpoints, one by one"]
    lines = [line for _, text in blocks for line in text.splitlines() if re.match(r"(CAPPY_LLM_KEY=\S+ )?cappy ", line)]
    want("a line for each endpoint", len(lines) == len(blocks) == 6, lines)
    for line in lines:
        print(f"docs/boosting.md, {line:.60} ...", flush=True)
        line = re.sub(r"--llm \S+", f"--llm {llm.url}/v1", line)
        if " boost " in line:
            with tempfile.TemporaryDirectory() as folder:
                check_boost_line(line, llm, folder)
        else:
            check_serve_line(line)


def main():
    found = {name: check for name, check in CLIENTS.items() if is_there(name)}
    for name in CLIENTS.keys() - found.keys():
        print(f"skipped: {name} is not installed")
    if shutil.which("curl"):
        found["curl"] = check_curl
    else:
        print("skipped: curl is not installed")
    scores = score_rows([(QUERY, text) for text in TEXTS], DEFAULT)
    with upstream() as llm, serving("--model", f"default={DEFAULT}", "--llm", llm.url, "-n", "3") as server:
        check_endpoints(llm)
        check_pasted(server, scores)
        for name, check in found.items():
            print(f"{name} ...", flush=True)
            check(server, scores)
    finish()


main()
