#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests bench/peers/ without any of the peers' packages: every file compiles, and a peer's process
answers, fails and dies as worker.py promises, and stands still in between."""

import os
import signal
import sys
import tempfile
import unittest
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "bench" / "peers"

# Takes the place of catalogue.py: one peer, which needs nothing.
CATALOGUE = '''
import os, signal, time

class Toy:
    def __init__(self, name):
        self.name = name
    def greet(self, other):
        print("not for stdout")
        return f"{self.name} greets {other}"
    def fail(self):
        raise ValueError("first line\\nsecond line")
    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)

def create(name, directory, threads):
    if name == "absent":
        import a_package_that_nobody_has
    return Toy(name)
'''


def state(pid):
    """The letter that the kernel shows for a process: T when it is stopped."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]


class TestWorker(unittest.TestCase):
    def worker(self, name="toy"):
        import worker

        made = worker.Worker(name, None, 1)
        self.addCleanup(made.__exit__)
        return made

    def reason(self, worker, *question):
        from worker import PeerFailure

        with self.assertRaises(PeerFailure) as caught:
            worker.ask(*question)
        return str(caught.exception)

    def test_answers_and_stands_still(self):
        worker = self.worker()
        for other in ("Ann", "Bob"):
            self.assertEqual(worker.ask("greet", other), f"toy greets {other}")
            os.waitid(os.P_PID, worker.process.pid, os.WSTOPPED)
            self.assertEqual(state(worker.process.pid), "T")

    def test_gives_a_reason(self):
        worker = self.worker()
        self.assertEqual(self.reason(worker, "fail"), "ValueError: first line")
        self.assertEqual(worker.ask("greet", "Ann"), "toy greets Ann")
        self.assertIn("a_package_that_nobody_has", self.reason(self.worker("absent"), "greet", ""))

    def test_sees_the_end_of_a_process(self):
        self.assertIn(str(-signal.SIGKILL), self.reason(self.worker(), "die"))

    def test_ends_a_stopped_process(self):
        with self.worker() as worker:
            worker.ask("greet", "Ann")
        self.assertFalse(worker.process.is_alive())


class TestFiles(unittest.TestCase):
    def test_compile(self):
        for file in FOLDER.glob("*.py"):
            with self.subTest(file.name):
                compile(file.read_text(encoding="utf-8"), str(file), "exec")

    def test_every_peer_has_its_class(self):
        scope = {}
        exec((FOLDER / "catalogue.py").read_text(encoding="utf-8"), scope)
        self.assertIn(scope["REFERENCE"], scope["PEERS"])
        for name, (precision, module, kind) in scope["PEERS"].items():
            with self.subTest(name):
                self.assertIn(precision, scope["PRECISIONS"])
                self.assertIn(f"class {kind}(", (FOLDER / f"{module}.py").read_text("utf-8"))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory() as fake:
        (Path(fake) / "catalogue.py").write_text(CATALOGUE, encoding="utf-8")
        sys.path[:0] = [fake, str(FOLDER)]
        unittest.main()
