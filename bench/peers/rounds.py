# SPDX-License-Identifier: Apache-2.0
"""Measures cappy and its peers of one class of precision in turn: A B C, A B C, ..."""

import contextlib
import hashlib
import sys

import numpy as np

from catalogue import REFERENCE, score_bound
from table import Figures
from worker import PeerFailure, Worker

LATENCY_TURNS = 3


def say(text):
    print(f"score_peers: {text}", file=sys.stderr, flush=True)


def reference_scores(directory, threads, pairs):
    """The scores of the fp32 reference, computed once for a model and a workload."""
    key = hashlib.sha256(repr(pairs).encode()).hexdigest()[:16]
    path = directory / "peers" / f"reference-{key}.npy"
    if not path.exists():
        say(f"{directory.name}: scoring with the reference, {REFERENCE}")
        try:
            with Worker(REFERENCE, directory, threads) as worker:
                worker.ask("prepare")
                scores, _ = worker.ask("score", pairs, 8)
        except PeerFailure as failure:
            sys.exit(f"score_peers: there are no scores to compare with: {failure}")
        path.parent.mkdir(exist_ok=True)
        np.save(path, scores)
    return np.load(path)


class Contest:
    """cappy and the peers of one class on one model; peers that fail move to `missing`."""

    def __init__(self, cappy, precision, directory, threads, pairs, calibration, reference):
        self.cappy, self.directory, self.threads, self.pairs = cappy, directory, threads, pairs
        self.calibration, self.reference = calibration, reference
        self.tokens = sum(map(len, pairs))
        self.ours = Figures("**cappy**", cappy.version(), precision)
        self.resident = 0
        self.workers, self.figures, self.missing = {}, {}, {}

    def start(self, name, stack):
        """Prepares a peer: converts, loads, chooses the batch size, runs the workload once."""
        say(f"{self.directory.name}: preparing {name}")
        with Worker(name, self.directory, self.threads) as builder:
            builder.ask("build", self.calibration)
        worker = stack.enter_context(Worker(name, self.directory, self.threads))
        worker.ask("prepare")
        batch_size = worker.ask("choose_batch_size", self.pairs)
        worker.ask("score", self.pairs, batch_size)
        self.workers[name] = worker
        self.figures[name] = Figures(name, worker.ask("describe"), self.ours.precision, batch_size)

    def attempt(self, name, step, *arguments):
        """Runs a step of a peer; where it fails, the peer is out, with the reason."""
        try:
            step(name, *arguments)
        except PeerFailure as failure:
            say(f"{name}: {failure}")
            self.missing[name] = str(failure)
            if worker := self.workers.pop(name, None):
                worker.__exit__()
            self.figures.pop(name, None)

    def apart(self, scores):
        """The largest difference; not a number counts as infinitely far."""
        return float(np.nan_to_num(np.abs(scores - self.reference), nan=np.inf).max())

    def score(self, name):
        figures = self.figures[name]
        scores, seconds = self.workers[name].ask("score", self.pairs, figures.batch_size)
        figures.rates.append(self.tokens / seconds)
        figures.apart = max(figures.apart, self.apart(scores))

    def score_ours(self):
        scores, rate, resident = self.cappy.score()
        self.ours.rates.append(rate)
        self.ours.apart = max(self.ours.apart, self.apart(scores))
        self.resident = max(self.resident, resident)

    def warm_up(self):
        """Runs cappy once untimed. Whether it is to be compared: in fp32 only if its scores are right;
        what a narrow precision loses is a column of the table, as for every peer."""
        apart = self.apart(self.cappy.score()[0])
        exact = self.ours.precision == "fp32"
        if exact and apart > score_bound(self.ours.precision, self.reference):
            self.missing[f"cappy, {self.ours.precision},"] = (
                f"its scores are up to {apart:.3g} from the reference's, so nothing was compared")
            return False
        return True

    def time_calls(self, name):
        for n_pairs, seconds in ((1, self.figures[name].one), (17, self.figures[name].seventeen)):
            seconds.append(self.workers[name].ask("latency", n_pairs))

    def time_our_calls(self):
        one, seventeen = self.cappy.latency()
        self.ours.one.append(one)
        self.ours.seventeen.append(seventeen)

    def run(self, names, rounds, with_latency):
        if not self.warm_up():
            return
        with contextlib.ExitStack() as stack:
            for name in names:
                self.attempt(name, self.start, stack)
            for i in range(rounds):
                say(f"{self.directory.name}: {self.ours.precision}, round {i + 1} of {rounds}")
                self.score_ours()
                for name in list(self.workers):
                    self.attempt(name, self.score)
            for _ in range(LATENCY_TURNS if with_latency else 0):
                self.time_our_calls()
                for name in list(self.workers):
                    self.attempt(name, self.time_calls)
