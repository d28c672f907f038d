# SPDX-License-Identifier: Apache-2.0
"""The pairs that are scored: token ids from a file, and the same as text for cappy."""

import json
import sys

BEGIN, PAD, END, UNKNOWN = range(4)
CALIBRATION_PAIRS = 64  # for peers that quantise by example
LATENCY_TOKENS = 64  # in each pair of the latency measurements, as in `cappy bench`


def read_workload(path, n_pairs):
    """The token ids of `n_pairs` pairs, taken evenly from the file; all of them when it is 0."""
    with open(path, encoding="utf-8") as file:
        ids = [json.loads(line)["ids"] for line in file]
    n_pairs = min(n_pairs or len(ids), len(ids))
    return [ids[i * len(ids) // n_pairs] for i in range(n_pairs)]


def write_rows(pairs, path):
    """The pairs as rows for cappy: <s> instruction </s></s> response </s>, a word for each id."""
    with open(path, "w", encoding="utf-8") as file:
        for ids in pairs:
            middle = ids.index(END)
            if ids[0] != BEGIN or ids[middle:middle + 2] != [END, END] or ids[-1] != END:
                sys.exit("score_peers: a pair of the workload is not <s> A </s></s> B </s>")
            row = {"instruction": " ".join(f"w{i}" for i in ids[1:middle]),
                   "response": " ".join(f"w{i}" for i in ids[middle + 2:-1])}
            file.write(json.dumps(row) + "\n")


def equal_pairs(n_pairs):
    """Pairs of LATENCY_TOKENS tokens each, for the latency measurements."""
    middle = LATENCY_TOKENS // 2
    words = [[1000 + (37 * i + k) % 20000 for k in range(LATENCY_TOKENS - 4)]
             for i in range(n_pairs)]
    return [[BEGIN, *w[:middle], END, END, *w[middle:], END] for w in words]
