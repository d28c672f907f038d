# SPDX-License-Identifier: Apache-2.0
"""A peer in a process of its own, which stands still unless it is asked something.

Stopping the whole process (SIGSTOP) is sure to keep a peer's threads from taking time from the one
that is measured, whatever they do while they wait. Its memory stays as it is.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import traceback

import catalogue

PR_SET_PDEATHSIG = 1  # of prctl: the signal that a process gets when its parent ends


# Seconds that a peer has to end by itself.
PATIENCE = 10


class PeerFailure(Exception):
    """A peer could not do what it was asked; the text says why, in a line."""


def answer(peer, method, arguments):
    """(result, None), or (None, reason)."""
    try:
        return getattr(peer(), method)(*arguments), None
    except Exception as failure:  # whatever a peer raises is a reason to list it without figures
        traceback.print_exc()
        first = (str(failure).strip() or "no reason given").splitlines()[0]
        return None, f"{type(failure).__name__}: {first}"


def settle(threads):
    """What a peer's process needs before the peer is imported."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(2, 1)  # stdout is for the table; the peers talk to stderr
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["HF_HUB_OFFLINE"] = "1"
    # A benchmark reports to nobody: ONNX Runtime and OpenVINO would send statistics of their use.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    sys.modules["openvino_telemetry"] = None


def serve(connection, name, directory, threads):
    """The life of the process: (method, arguments) in, the answer out, until the other end closes."""
    settle(threads)
    held = []

    def peer():
        if not held:
            held.append(catalogue.create(name, directory, threads))
        return held[0]

    while True:
        try:
            method, arguments = connection.recv()
        except EOFError:
            return
        connection.send(answer(peer, method, arguments))


class Worker:
    """Asks the peer `name`; a context manager, at whose end the process is gone."""

    def __init__(self, name, directory, threads):
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, name, directory, threads))
        self.process.start()
        other.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
        if self.process.is_alive():
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.join(PATIENCE)
            self.process.kill()
        self.process.join()

    def ask(self, method, *arguments):
        """What the peer's method returns; PeerFailure where it fails or the process ends."""
        try:
            os.kill(self.process.pid, signal.SIGCONT)
            self.connection.send((method, arguments))
            result, reason = self.connection.recv()
            os.kill(self.process.pid, signal.SIGSTOP)
        except (EOFError, OSError):
            self.process.join()
            raise PeerFailure(f"its process ended with status {self.process.exitcode}") from None
        if reason is not None:
            raise PeerFailure(reason)
        return result
