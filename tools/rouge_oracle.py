#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every label that `cappy data` gives a candidate beside the one of PyPI's rouge-score: equal to 1e-12.

    CAPPY_SHARED=... tools/rouge_oracle.py [--cappy build/cappy] [--pairs 100000] [--seed 1]

Makes task rows from the texts of the pools in the data folder: the references of a row against its own candidates, against
those of other rows, and against mangled ones (cut, doubled, in capitals, joined by odd characters). Needs rouge-score.
"""
import argparse
import glob
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile

from rouge_score import rouge_scorer

LIMIT = 1500  # characters of a text, so that rouge-score is done in minutes
A_ROW = 25


def read_pools(folder):
    """The rows that have candidates, as (references, candidates)."""
    pools = []
    for path in sorted(glob.glob(os.path.join(folder, "data", "pools", "*.jsonl*"))):
        with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
            for row in map(json.loads, file):
                candidates = [c["text"][:LIMIT] for c in row.get("candidates", [])]
                references = [r[:LIMIT] for r in row.get("references", [])] or candidates[:1]
                if candidates:
                    pools.append((references, candidates))
    return pools


def mangle(text, rng):
    words = text.split()
    way = rng.randrange(6)
    if way == 0:
        return text[: rng.randrange(len(text) + 1)]
    if way == 1:
        return text + rng.choice(["", " ", "\n", "-"]) + text[: len(text) // 2]
    if way == 2:
        return text.upper()
    if way == 3:
        return rng.choice(["_", "'", "\u00a0", "\u212a", "\u0130", "."]).join(words)
    if way == 4:
        rng.shuffle(words)
    else:
        words = [w + rng.choice(["s", "ing", "ed", "ies", "ational", "ness", "42"]) for w in words]
    return " ".join(words)


def make_rows(pools, n_pairs, rng):
    rows = []
    for i in range((n_pairs + A_ROW - 1) // A_ROW):
        references, own = pools[i % len(pools)]
        references = references + (rng.choice(pools)[0] if rng.random() < 0.2 else [])
        texts = rng.sample(own, min(len(own), A_ROW // 2))
        while len(texts) < A_ROW:
            source = rng.choice(pools)[rng.randrange(2)] if rng.random() < 0.4 else own + references
            text = rng.choice(source)
            texts.append(mangle(text, rng) if rng.random() < 0.5 else text)
        rows.append({"id": i, "instruction": f"row {i}", "references": references[:5], "candidates": texts})
    return rows


def label(cappy, rows):
    """The scores of all candidates, in order."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
        file.flush()
        call = [cappy, "data", "--quiet", "--mismatches", "0", "--no-dedup", file.name]
        output = subprocess.run(call, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    made = [row for row in map(json.loads, output.split("\n")[:-1]) if row["kind"] == "candidate"]
    return [(row["response"], row["score"]) for row in made]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cappy", default="build/cappy")
    parser.add_argument("--pairs", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if "CAPPY_SHARED" not in os.environ:
        sys.exit("CAPPY_SHARED is not set: it names the data folder, whose pools the pairs are made from")
    rows = make_rows(read_pools(os.environ["CAPPY_SHARED"]), args.pairs, random.Random(args.seed))
    labels = label(args.cappy, rows)
    wanted = [(row["references"], text) for row in rows for text in row["candidates"]]
    if [text for text, _ in labels] != [text for _, text in wanted]:
        sys.exit("the candidates did not come out as they went in")
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    worst = 0.0
    n_wrong = n_between = 0
    for (text, score), (references, _) in zip(labels, wanted):
        expected = scorer.score_multi(references, text)["rougeL"].fmeasure
        worst = max(worst, abs(score - expected))
        n_between += 0 < expected < 1
        if abs(score - expected) > 1e-12:
            n_wrong += 1
            if n_wrong <= 5:
                print(json.dumps({"references": references, "text": text, "cappy": score, "rouge-score": expected}))
    print(f"{len(labels)} pairs, {n_between} of them between 0 and 1: {n_wrong} differ, by {worst:.1e} at most")
    sys.exit(n_wrong > 0)


if __name__ == "__main__":
    main()
