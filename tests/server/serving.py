# SPDX-License-Identifier: Apache-2.0
"""What the tests of the server share: starting one, asking it, and collecting what fails.

A test is a program, test_<topic>.py path/to/cappy, with functions check_<what>(server...); it exits
with 1 when any of its wishes is not met. Only the standard library is used."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TINY = os.path.join(ROOT, "tests", "golden", "bert")  # random weights, one label
SEVERAL = os.path.join(ROOT, "tests", "golden", "roberta")  # three labels
DEFAULT = os.path.join(ROOT, "models", "default")
CAPPY = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else None

PATIENCE = float(os.environ.get("CAPPY_PATIENCE", "1"))  # how many times longer things may take

failures = []


def want(what, is_so, seen=""):
    if not is_so:
        failures.append(what)
        print(f"FAILED {what} {seen!r:.500}", flush=True)


def finish():
    print(f"{len(failures)} failures")
    sys.exit(1 if failures else 0)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """A running server. Its log is read by a thread, as a server must not wait for it."""

    def __init__(self, *options, environment=None, model=TINY, command=None, port=("--port", "0")):
        variables = dict(os.environ, CAPPY_MODEL=model)
        variables.update(environment or {})
        line = command or [CAPPY, "serve", *port, *options]
        self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env=variables, text=True)
        self.log, self.address, self.is_listening = [], None, threading.Event()
        threading.Thread(target=self._read_log, daemon=True).start()
        if not self.is_listening.wait(60) or self.address is None:
            raise RuntimeError("the server did not start: " + "".join(self.log))

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)
            if '"message": "listening"' in line:
                self.address = json.loads(line)["address"]
                self.is_listening.set()
        self.is_listening.set()

    @property
    def port(self):
        return int(self.address.rsplit(":", 1)[1])

    def ask(self, path, body=None, headers=None, method=None, timeout=60):
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def connect(self, timeout=20):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout * PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def metric(self, name):
        for line in self.ask("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return None

    def stop(self, number=signal.SIGTERM, timeout=60):
        self.process.send_signal(number)
        return self.process.wait(timeout)


@contextlib.contextmanager
def serving(*options, delay="0", **more):
    server = Server("--drain-delay", delay, *options, **more)
    try:
        yield server
        if server.process.poll() is None:
            want("exit status 0", server.stop() == 0, server.log[-3:])
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


class Upstream:
    """The endpoint of a language model (tests/cli/upstream.py), and what it was asked since the last time."""

    def __init__(self, directory):
        self.directory, self.seen = directory, 0
        self.process = subprocess.Popen([sys.executable, os.path.join(ROOT, "tests", "cli", "upstream.py"), directory])
        port = os.path.join(directory, "port")
        if not wait_until(lambda: os.path.exists(port)):
            raise RuntimeError("the endpoint of the tests does not start")
        with open(port, encoding="utf-8") as file:
            self.url = f"http://127.0.0.1:{file.read()}"

    def calls(self):
        with open(os.path.join(self.directory, "calls"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        new, self.seen = lines[self.seen:], len(lines)
        return new


@contextlib.contextmanager
def upstream():
    """An endpoint whose key is in the environment, and that no proxy of HTTP is in front of."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    os.environ["CAPPY_LLM_KEY"] = "upstream-key"
    with tempfile.TemporaryDirectory() as directory:
        endpoint = Upstream(directory)
        try:
            yield endpoint
        finally:
            endpoint.process.kill()
            endpoint.process.wait()


def read_all(connection):
    """What comes until the other side closes."""
    data = b""
    with contextlib.suppress(OSError):
        while True:
            more = connection.recv(65536)
            if not more:
                break
            data += more
    return data


def read_answer(stream):
    """One answer from a file of a connection."""
    line = stream.readline()
    if not line:
        return None
    headers = {}
    while (field := stream.readline().strip()) != b"":
        name, value = field.decode().split(":", 1)
        headers[name.lower()] = value.strip()
    return Answer(int(line.split()[1]), headers, stream.read(int(headers.get("content-length", 0))))


def post(path, body, *headers):
    """The bytes of a request."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: a", f"Content-Length: {len(data)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + data


def score_rows(rows, model=TINY):
    """What `cappy score` gives for pairs of texts."""
    lines = "".join(json.dumps({"instruction": a, "response": b}) + "\n" for a, b in rows)
    done = subprocess.run([CAPPY, "score", "--quiet", "--model", model], input=lines, text=True,
                          capture_output=True, check=True)
    return [json.loads(line)["score"] for line in done.stdout.splitlines()]


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
