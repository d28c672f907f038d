#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_proxy.py path/to/cappy [--show]: cappy serve in front of a real server of a language model, that of transformers,
with a model of random weights, asked by OpenAI's client. CAPPY_PYTHON names a python that has
tests/llm/requirements.txt; exit status 77 where it has not. --show prints the transcript in docs/serving.md."""

import os
import socket
import subprocess
import sys
import tempfile
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "server"))
from serving import DEFAULT, finish, score_rows, serving, wait_until, want  # noqa: E402

QUESTION = "Give three tips for staying healthy."


def is_up(url):
    try:
        with urllib.request.urlopen(url + "/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def check(client, model, show):
    asked = {"model": model, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 16}
    answer = client.chat.completions.create(**asked, extra_body={"cappy": {"best_of": 8}})
    scores = answer.cappy["scores"]
    if show:
        print("answer:", repr(answer.choices[0].message.content))
        print("scores:", " ".join(f"{score:.4f}" for score in scores))
        print("chosen:", answer.cappy["chosen"], " failed:", answer.cappy["failed"], " calls:", answer.cappy["calls"])
        print("usage:", answer.usage.prompt_tokens, "+", answer.usage.completion_tokens, "tokens")
    best = answer.cappy["chosen"][0]
    want("eight answers", len(scores) == 8 and answer.cappy["failed"] == 0, answer)
    want("the best", scores[best] == max(scores), answer)
    want("its score", score_rows([(QUESTION, answer.choices[0].message.content)], DEFAULT) == [scores[best]], answer)
    want("usage", answer.usage.completion_tokens > 8 and answer.usage.total_tokens ==
         answer.usage.completion_tokens + answer.usage.prompt_tokens, answer.usage)
    text, last = "", None
    for chunk in client.chat.completions.create(**asked, stream=True):
        text += chunk.choices[0].delta.content or ""
        last = chunk
    want("a stream", text and last.choices[0].finish_reason in ("stop", "length"), (text, last))
    want("its score", score_rows([(QUESTION, text)], DEFAULT) == [max(last.cappy["scores"])], last)
    answer = client.chat.completions.create(**asked, n=3)
    want("the three best", len(answer.choices) == 3 and
         len({choice.message.content for choice in answer.choices}) == 3, answer)
    answer = client.completions.create(model=model, prompt=QUESTION, max_tokens=16, best_of=4)
    want("a text completion", answer.choices[0].text and len(answer.cappy["scores"]) == 4, answer)
    import openai
    try:
        client.chat.completions.create(**asked, extra_body={"no_such_setting": 1})
        want("what it does not know is refused", False)
    except openai.APIStatusError as error:
        want("with its own status and words", error.status_code == 422 and "no_such_setting" in error.response.text,
             (error, error.response.text))


def main():
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    os.environ.update(HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1")
    with tempfile.TemporaryDirectory() as directory:
        model = os.path.join(directory, "llm")
        made = subprocess.run([sys.executable, os.path.join(HERE, "make_llm.py"), model], capture_output=True, text=True,
                              check=False)
        if made.returncode != 0:
            print(made.stdout, made.stderr)
            sys.exit(made.returncode)
        import openai
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with open(os.path.join(directory, "log"), "w+", encoding="utf-8") as log:
            llm = subprocess.Popen([sys.executable, "-m", "transformers.cli.transformers", "serve", model, "--host",
                                    "127.0.0.1", "--port", str(port), "--device", "cpu"], stdout=log, stderr=log)
            try:
                url = f"http://127.0.0.1:{port}"
                if not wait_until(lambda: is_up(url) or llm.poll() is not None, 150) or llm.poll() is not None:
                    log.seek(0)
                    sys.exit("the language model's server does not start: " + log.read())
                with serving("--llm", url + "/v1", "-n", "4", model=DEFAULT) as server:
                    client = openai.OpenAI(base_url=server.address + "/v1", api_key="any", timeout=240, max_retries=0)
                    check(client, model, "--show" in sys.argv)
            finally:
                llm.kill()
                llm.wait()
    finish()


main()
