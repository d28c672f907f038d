# SPDX-License-Identifier: Apache-2.0
"""What all peers have in common: batches of similar length, and how they are timed.

A peer lives in a process of its own (worker.py). `build` runs in another one before it, so that what
a conversion leaves in memory disturbs no measurement.
"""

import statistics
import time

import numpy as np

from workload import PAD, equal_pairs

BATCH_SIZES = (8, 32)
LATENCY_REPEATS = 5


class Unsuitable(Exception):
    """The processor cannot do what this peer needs; the text says what."""


def pad(pairs):
    """(ids, mask), int64 [B, N], filled up to the longest of the pairs."""
    ids = np.full((len(pairs), max(map(len, pairs))), PAD, dtype=np.int64)
    for row, pair in zip(ids, pairs):
        row[:len(pair)] = pair
    return ids, (ids != PAD).astype(np.int64)


def artefact(directory, name, make):
    """The folder `name` in the model's directory; `make(folder)` fills it where it is not there yet.

    `name` has the version of the program that makes it, so that a new one makes its own.
    """
    folder = directory / "peers" / name
    if not folder.exists():
        part = folder.with_name(name + ".part")
        part.mkdir(parents=True, exist_ok=True)
        make(part)
        part.rename(folder)
    return folder


class Peer:
    def __init__(self, directory, threads, precision):
        self.directory, self.threads, self.precision = directory, threads, precision

    def build(self, pairs):
        """Writes what the program needs beside the model directory; `pairs` may calibrate it."""

    def prepare(self):
        """Loads the model."""
        raise NotImplementedError

    def forward(self, ids, mask):
        """The scores, [B], of padded ids, [B, N]."""
        raise NotImplementedError

    def describe(self):
        """The program with its version and settings, for the table."""
        raise NotImplementedError

    def score(self, pairs, batch_size):
        """(scores, seconds). Sorting and filling up is not counted: a peer gets its ids ready."""
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i]))
        batches = [order[i:i + batch_size] for i in range(0, len(order), batch_size)]
        padded = [pad([pairs[i] for i in batch]) for batch in batches]
        begin = time.perf_counter()
        outputs = [self.forward(ids, mask) for ids, mask in padded]
        seconds = time.perf_counter() - begin
        scores = np.zeros(len(pairs))
        for batch, output in zip(batches, outputs):
            scores[batch] = output
        return scores, seconds

    def latency(self, n_pairs):
        """The median seconds of one call with `n_pairs` equal pairs, after one that is not counted."""
        pairs = equal_pairs(n_pairs)
        self.score(pairs, n_pairs)
        return statistics.median(self.score(pairs, n_pairs)[1] for _ in range(LATENCY_REPEATS))

    def choose_batch_size(self, pairs):
        """The faster of BATCH_SIZES, each tried twice on a quarter of the pairs, the second timed.

        The quarter is made of whole batches of the larger size, so that neither is filled up more
        than it will be.
        """
        largest = max(BATCH_SIZES)
        by_length = sorted(pairs, key=len)
        blocks = [by_length[i:i + largest] for i in range(0, len(by_length), largest)]
        step = 4 if len(blocks) >= 8 else 1
        part = [pair for block in blocks[step // 2::step] for pair in block]
        seconds = {}
        for size in BATCH_SIZES:
            self.score(part, size)
            seconds[size] = self.score(part, size)[1]
        return min(seconds, key=seconds.get)
