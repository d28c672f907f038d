#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a model is worth: its picks on pools of real answers, and zero-shot accuracy on closed tasks. Markdown tables.

    CAPPY_SHARED=... tools/eval_model.py [--cappy build/cappy] [--model DIR] [--precision fp32] [--every K] [NAME...]

Scores with `cappy rank` and `cappy classify`. For pools: ROUGE-L F (rouge-score, stemmer, best over the references) or the
answers' own quality, of a random pick, the first, the one most like the others (MBR), the scorer's, and the best there is;
and the scorer's lead over random with a 95 % bootstrap interval over rows. NAME is part of a file's name; without any, all
evaluation files. Needs numpy and rouge-score.
"""
import argparse
import collections
import glob
import gzip
import json
import os
import subprocess
import sys

import numpy as np
from rouge_score import rouge_scorer

POOLS = ["self_instruct_252", "instructgpt_squadv2", "summeval", "pair_llmbar", "pair_mtbench"]
CLOSED = ["classify_extra/agnews", "classify_extra/sst2", "classify_extra/boolq", "classify_extra/multirc",
          "classify_extra/tweet_emotion", "classify/rte", "classify/cb", "classify/copa", "classify/wic", "classify/wsc",
          "classify/anli_r1", "classify/anli_r2", "classify/anli_r3", "classify/winogender_coref"]
SCORER = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)


def read(path):
    path = glob.glob(path + ".jsonl*")[0]
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def run(args, command, rows):
    """The index of the best of each row."""
    call = [args.cappy, command, "--quiet", "--precision", args.precision] + (["--model", args.model] if args.model else [])
    text = "".join(json.dumps(r) + "\n" for r in rows)
    result = subprocess.run(call + ["-"], input=text, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(result.stderr.strip())
    return [json.loads(line)["best"] for line in result.stdout.splitlines()]


def rouge(references, text):
    return SCORER.score_multi(references, text)["rougeL"].fmeasure


def most_like_others(texts):
    like = np.zeros((len(texts), len(texts)))
    for i, a in enumerate(texts):
        for j in range(i):
            like[i, j] = like[j, i] = rouge([texts[j]], a)
    return int(like.sum(1).argmax())


def show_pool(args, name, rows):
    picks = run(args, "rank", rows)
    consensus = [most_like_others([c["text"] for c in r["candidates"]]) if len(r["candidates"]) > 2 else 0 for r in rows]
    kinds = {}
    if "references" in rows[0]:
        kinds["ROUGE-L"] = [[rouge(r["references"], c["text"]) for c in r["candidates"]] for r in rows]
    if "quality" in rows[0]["candidates"][0]:
        kinds["quality"] = [[c["quality"] for c in r["candidates"]] for r in rows]
    for kind, values in kinds.items():
        lead = np.array([v[p] - np.mean(v) for v, p in zip(values, picks)])
        low, high = np.percentile(np.random.default_rng(0).choice(lead, (10000, len(lead))).mean(1), [2.5, 97.5])
        mean = [np.mean([np.mean(v) for v in values]), np.mean([v[0] for v in values]),
                np.mean([v[i] for v, i in zip(values, consensus)]), np.mean([v[i] for v, i in zip(values, picks)]),
                np.mean([max(v) for v in values])]
        print(f"| {name} | {kind} | {len(rows)} | " + " | ".join(f"{x:.4f}" for x in mean) +
              f" | {lead.mean():+.4f} ({low:+.4f} to {high:+.4f}) |", flush=True)


def show_closed(args, name, rows):
    hits = [b == r["answer"] for b, r in zip(run(args, "classify", rows), rows)]
    by_task = collections.defaultdict(collections.Counter)
    for r in rows:
        by_task[r["id"].rsplit("/", 1)[0]][r["answer"]] += 1
    majority = sum(max(c.values()) for c in by_task.values()) / len(rows)
    print(f"| {name} | {len(rows)} | {np.mean([1 / len(r['choices']) for r in rows]):.4f} | {majority:.4f} | "
          f"{np.mean(hits):.4f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cappy", default="build/cappy")
    parser.add_argument("--model", help="default: the default model")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--every", type=int, default=1, help="take every K-th row")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if "CAPPY_SHARED" not in os.environ:
        sys.exit("set CAPPY_SHARED to the folder that holds data/")
    data = os.path.join(os.environ["CAPPY_SHARED"], "data")
    wanted = lambda name: not args.names or any(n in name for n in args.names)
    if any(map(wanted, POOLS)):
        print("| pool | value | rows | random | first | MBR | scorer | oracle | scorer - random (95 % interval) |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name in filter(wanted, POOLS):
            show_pool(args, name, read(os.path.join(data, "pools", name))[::args.every])
        print()
    if any(map(wanted, CLOSED)):
        print("| closed task | rows | random | majority | accuracy |\n|---|---|---|---|---|")
        for name in filter(wanted, CLOSED):
            show_closed(args, name, read(os.path.join(data, name))[::args.every])


if __name__ == "__main__":
    main()
