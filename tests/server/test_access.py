#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may ask and where the server listens: keys, addresses, Unix sockets, what systemd hands over;
the page and the description of the routes."""

import http.client
import json
import os
import socket
import subprocess
import tempfile

from serving import CAPPY, ROOT, TINY, finish, post, read_answer, serving, want

GOOD = {"query": "a", "documents": ["b"]}


def refuses(*options, port="0"):
    """What the command says when it does not start."""
    done = subprocess.run([CAPPY, "serve", "--port", port, *options], capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, CAPPY_MODEL=TINY), check=False)
    want(f"{options} is refused", done.returncode in (1, 2), done)
    return done.stderr


def check_keys(folder):
    path = os.path.join(folder, "keys")
    with open(path, "w", encoding="utf-8") as file:
        file.write("# for tests\nfirst-key\n\n  second-key  \r\n")
    os.chmod(path, 0o644)
    want("a file others can read", "chmod 600" in refuses("--api-key-file", path))
    os.chmod(path, 0o600)
    with serving("--api-key-file", path, "--host", "0.0.0.0") as server:
        server.address = f"http://127.0.0.1:{server.port}"
        for headers in ({}, {"Authorization": "Bearer wrong-key"}, {"Authorization": "Bearer first-ke"},
                        {"Authorization": "Bearer first-keyfirst-key"}, {"Authorization": "Bearer "},
                        {"Authorization": "Basic first-key"}, {"X-Api-Key": "first-keyx"},
                        {"Authorization": "Bearer # for tests"}):
            answer = server.ask("/v1/rerank", GOOD, headers)
            want(f"401 {headers}", answer.status == 401 and answer.headers["www-authenticate"] == "Bearer")
            want("its shape", answer.json["error"]["type"] == "AuthenticationError")
            want("models need a key", server.ask("/v1/models", headers=headers).status == 401)
        for headers in ({"Authorization": "Bearer first-key"}, {"Authorization": "bearer second-key"},
                        {"Authorization": "second-key"}, {"X-Api-Key": "first-key"}):
            want(f"200 {headers}", server.ask("/v1/rerank", GOOD, headers).status == 200)
        with server.connect() as connection:  # without its body
            connection.sendall(post("/v1/rerank", b"x" * 1000000, "Authorization: Bearer wrong-key")[:-1000000])
            want("401 before the body", read_answer(connection.makefile("rb")).status == 401)
        want("no key in the address", server.ask("/v1/rerank?api_key=first-key", GOOD).status == 401)
        for path in ("/health", "/readyz", "/metrics", "/", "/openapi.json"):
            want(f"{path} needs no key", server.ask(path).status == 200)
        want("no key is logged", not any("-key" in line for line in server.log), server.log)
    empty = os.path.join(folder, "empty")
    with open(os.open(empty, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write("# nothing\n")
    want("no keys", "no key" in refuses("--api-key-file", empty))
    want("no file", "nowhere" in refuses("--api-key-file", os.path.join(folder, "nowhere")))


def check_addresses():
    want("open to all", "--insecure" in refuses("--host", "0.0.0.0"))
    want("open to all, 6", "--insecure" in refuses("--host", "::"))
    want("no address", "not an address" in refuses("--host", "nowhere.invalid"))
    want("no model", "/nowhere" in refuses("--model", "a=/nowhere"))
    want("two of a name", "two models" in refuses("--model", TINY, "--model", TINY))
    want("more lanes than threads", "at most that many" in refuses("--lanes", "3", "--threads", "2"))
    with serving("--host", "localhost") as server:
        want("a port in use", "address already in use" in refuses(port=str(server.port)))


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)


def ask_unix(path):
    connection = UnixConnection(path)
    connection.request("POST", "/v1/score", json.dumps({"text_1": "a", "text_2": "b"}))
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def check_unix(folder):
    path = os.path.join(folder, "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left_over:
        left_over.bind(path)
    with serving("--unix", path):
        want("unix", ask_unix(path) == 200)
        want("a socket in use", "address already in use" in refuses("--unix", path))
    want("the socket is removed", not os.path.exists(path))
    with open(path, "w", encoding="utf-8") as file:
        file.write("a file")
    want("a file is left alone", "address already in use" in refuses("--unix", path) and os.path.exists(path))


def check_systemd(folder):
    """A socket at descriptor 3, and the states that are sent."""
    states = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    states.bind(os.path.join(folder, "notify"))
    states.settimeout(30)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    read, write = os.pipe()

    def hand_over():
        os.dup2(listener.fileno(), 3)

    process = subprocess.Popen(["sh", "-c", 'LISTEN_PID=$$ exec "$0" serve --drain-delay 0', CAPPY],
                               preexec_fn=hand_over, pass_fds=[3], stderr=write,
                               env=dict(os.environ, LISTEN_FDS="1", CAPPY_MODEL=TINY,
                                        NOTIFY_SOCKET=os.path.join(folder, "notify")))
    try:
        want("ready", states.recv(100) == b"READY=1")
        with socket.create_connection(listener.getsockname(), 20) as connection:
            connection.sendall(post("/v1/rerank", GOOD))
            want("over the socket handed over", read_answer(connection.makefile("rb")).status == 200)
        process.terminate()
        want("stopping", states.recv(100) == b"STOPPING=1")
        want("it ends", process.wait(30) == 0)
    finally:
        process.kill()
        os.close(read)
        os.close(write)


def check_page(server):
    page = server.ask("/")
    text = page.body.decode()
    want("page", page.status == 200 and page.headers["content-type"].startswith("text/html"))
    want("no outside resource", "http://" not in text and "https://" not in text and "<link" not in text)
    want("policy", "default-src 'none'" in page.headers["content-security-policy"])
    with open(os.path.join(ROOT, "src", "serve", "page.html"), "rb") as file:
        want("the page is the file", file.read() == page.body)


def check_origins(server):
    """A page of somebody else's gets no leave to read what this server says."""
    origin = {"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "POST",
              "Access-Control-Request-Headers": "authorization"}
    for path, body, method, status in (("/v1/rerank", GOOD, "POST", 200), ("/health", None, "GET", 200),
                                       ("/v1/rerank", None, "OPTIONS", 405)):
        answer = server.ask(path, body, origin, method)
        want(f"{method} from elsewhere", answer.status == status, answer.body)
        want("no leave is given", not any(name.lower().startswith("access-control-") for name in answer.headers))


def check_openapi(server):
    routes = server.ask("/openapi.json").json
    want("openapi", routes["openapi"].startswith("3.1") and "/v2/rerank" in routes["paths"])
    for path, methods in routes["paths"].items():
        for method in methods:
            answer = server.ask(path, b"{}" if method == "post" else None, method=method.upper())
            want(f"{method} {path} is there", answer.status not in (404, 405), answer.body)
            want(f"{path} has no schema for a body", ("requestBody" in methods[method]) == (method == "post"))
            want(f"{path} {answer.status} is described", str(answer.status) in methods[method]["responses"])


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_keys(folder)
        check_unix(folder)
        check_systemd(folder)
    check_addresses()
    with serving() as server:
        check_page(server)
        check_origins(server)
        check_openapi(server)
    finish()


main()
