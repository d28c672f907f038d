# SPDX-License-Identifier: Apache-2.0
"""A language model's endpoint that misbehaves when told to, for the tests of this folder.

upstream.py DIR [CERTIFICATE] listens on a free port of 127.0.0.1, writes its number to DIR/port, and a line of JSON to
DIR/calls for each call: {"path", "body", "number", "at_a_time", "authorization", "trace"}.

The model's name says how the endpoint is: "good", "no-n" (ignores n), "refuses-n" (HTTP 400), "at-most-3" (gives three
answers at most), "no-usage", "slow" (30 ms a call), "tardy" (1.5 s a call). A prompt may hold

    fault:KIND*COUNT   the first COUNT calls for this prompt fail: a status such as 429 or 500, 429-later and
                       429-tomorrow (with Retry-After), hang, drop, garbage, drip, no-text, huge, redirect, in-200, html
    tools:NAME         the answers are calls of that tool, with their number as its argument
    say:A|B|C          the answers to it, in turn; otherwise each answer is another text
"""
import json
import os
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

directory = sys.argv[1]
lock = threading.Lock()
calls = {}
answers = {}
n_calls = 0
n_now = 0


class Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def leave(self):
        global n_now
        with lock:
            n_now -= 1

    def send(self, status, body, headers=(), cut=None, kind="application/json"):
        self.leave()  # before the client can know
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:cut])
        self.wfile.flush()

    def fail(self, kind, good):
        if kind == "hang":
            self.leave()
            time.sleep(60)
        elif kind == "drop":
            self.send(200, good, cut=25)
            self.close_connection = True
        elif kind == "garbage":
            self.send(200, b'{"choices": [{"message": {"content": "never to be seen')
        elif kind == "drip":
            self.leave()
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.5)
        elif kind == "no-text":
            for choice in good["choices"]:
                choice.update(message={"role": "assistant", "content": None}, finish_reason="tool_calls")
            self.send(200, good)
        elif kind == "html":
            self.send(503, b"<html>the gateway has no words</html>", kind="text/html")
        elif kind == "huge":
            self.send(200, b" " * (9 << 20))
        elif kind == "redirect":
            self.send(307, {}, [("Location", "http://127.0.0.1:1/elsewhere")])
        elif kind == "in-200":
            self.send(200, {"error": {"message": "the provider behind has failed", "code": 502}})
        elif kind == "429-tomorrow":
            self.send(429, {"error": {"message": "come back", "type": "rate_limit"}}, [("Retry-After", "86400")])
        elif kind == "429-later":
            self.send(429, {"error": {"message": "slow down", "type": "rate_limit"}}, [("Retry-After", "1")])
        else:
            self.send(int(kind), {"error": {"message": "told to say " + kind, "type": "told", "code": None}})

    def complete(self, body, prompt):
        model = body.get("model", "good")
        n = body.get("n", 1)
        n = 1 if model == "no-n" else min(n, 3) if model == "at-most-3" else n
        said = re.search(r"say:([^;]*)", prompt)
        choices = []
        for index in range(n):
            with lock:
                number = answers[prompt] = answers.get(prompt, 0) + 1
            text = said[1].split("|")[(number - 1) % len(said[1].split("|"))] if said \
                else f"answer {number} to {prompt}"
            choice = {"index": index, "finish_reason": "stop", "logprobs": None}
            tool = re.search(r"tools:(\w+)", prompt)
            if tool:
                function = {"name": tool[1], "arguments": json.dumps({"number": number})}
                choice.update(finish_reason="tool_calls", message={"role": "assistant", "content": None, "tool_calls": [
                    {"id": f"call_{number}", "type": "function", "function": function}]})
            elif "messages" in body:
                choice["message"] = {"role": "assistant", "content": text}
            else:
                choice["text"] = text
            choices.append(choice)
        reply = {"id": "x", "object": "chat.completion", "created": 1, "model": model, "choices": choices}
        if model != "no-usage":
            reply["usage"] = {"prompt_tokens": 5, "completion_tokens": 10 * n, "total_tokens": 5 + 10 * n}
        return reply

    def do_POST(self):
        global n_calls, n_now
        with lock:
            n_now += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1].get("content") if "messages" in body else body["prompt"]
        prompt = prompt if isinstance(prompt, str) else json.dumps(prompt)
        with lock:
            n_calls += 1
            calls[prompt] = calls.get(prompt, 0) + 1
            tries = calls[prompt]
            with open(directory + "/calls", "a") as log:
                log.write(json.dumps({"path": self.path, "body": body, "number": n_calls, "at_a_time": n_now,
                                      "authorization": self.headers.get("Authorization"),
                                      "trace": self.headers.get("traceparent")}) + "\n")
        time.sleep({"slow": 0.03, "tardy": 1.5}.get(body.get("model"), 0))
        fault = re.search(r"fault:([a-z0-9-]+)\*([0-9]+)", prompt)
        if body.get("model") == "refuses-n" and body.get("n", 1) > 1:
            self.send(400, {"error": {"message": "only n = 1 is supported", "type": "invalid_request_error"}})
        elif fault and tries <= int(fault[2]):
            self.fail(fault[1], self.complete(body, prompt))
        else:
            self.send(200, self.complete(body, prompt))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *arguments):
        pass  # a client that has gone away is part of the tests


server = Server(("127.0.0.1", 0), Endpoint)
if len(sys.argv) > 2:  # with its key in the same file
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(directory + "/port.part", "w") as file:
    file.write(str(server.server_address[1]))

os.rename(directory + "/port.part", directory + "/port")
server.serve_forever()
