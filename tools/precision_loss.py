#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What bf16 and int8 cost: ranks the candidates of pools in fp32 and in the narrow precisions and prints, for each file,
how many rows keep the same best candidate and how far the scores move (mean and largest, beside the spread of fp32's).

    tools/precision_loss.py [--cappy build/cappy] [--model DIR] [--rows N] [--exact FILE] [FILE...]

Files are pools (rows with `instruction` and `candidates`), plain or .gz; without any, those in $CAPPY_SHARED/data/pools.
Needs nothing but Python. Writes a Markdown table.
"""
import argparse
import glob
import gzip
import json
import os
import statistics
import subprocess
import sys


def read_rows(path, limit):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as f:
        rows = [r for r in map(json.loads, f) if r.get("candidates")]
    return rows[::max(1, len(rows) // limit)] if limit else rows


def rank(args, precision, rows):
    """[(index of the best, [scores])] for each row."""
    command = [args.cappy, "rank", "--quiet", "--precision", precision, "-"]
    if args.model:
        command[2:2] = ["--model", args.model]
    text = "".join(json.dumps({"instruction": r["instruction"], "candidates": r["candidates"]}) + "\n" for r in rows)
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(result.stderr.strip())
    out = [json.loads(line) for line in result.stdout.splitlines()]
    return [(r["best"], r["scores"]) for r in out]


def rank_exactly(args, path, rows):
    """rank() in fp32, or what --exact has kept of it."""
    kept = {}
    if args.exact and os.path.exists(args.exact):
        with open(args.exact, encoding="utf-8") as f:
            kept = json.load(f)
    key = f"{args.model or 'default'} {os.path.basename(path)} {len(rows)}"
    if key not in kept:
        kept[key] = rank(args, "fp32", rows)
        if args.exact:
            with open(args.exact, "w", encoding="utf-8") as f:
                json.dump(kept, f)
    return kept[key]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cappy", default="build/cappy")
    parser.add_argument("--model")
    parser.add_argument("--rows", type=int, default=0, help="about this many of each file; 0: all")
    parser.add_argument("--exact", help="keep fp32's scores, which take most of the time, in this file, and take them from it")
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    files = args.files
    if not files:
        if "CAPPY_SHARED" not in os.environ:
            sys.exit("name pool files, or set CAPPY_SHARED to the data folder")
        files = sorted(glob.glob(os.path.join(os.environ["CAPPY_SHARED"], "data", "pools", "*.jsonl.gz")))
    print("| pool | rows | precision | same best | mean error | largest error | spread of scores |\n|---|---|---|---|---|---|---|")
    total = {}
    for path in files:
        rows = read_rows(path, args.rows)
        if not rows:
            continue
        exact = rank_exactly(args, path, rows)
        scores = [s for _, row in exact for s in row]
        for precision in ("bf16", "int8"):
            narrow = rank(args, precision, rows)
            same = sum(a[0] == b[0] for a, b in zip(exact, narrow))
            errors = [abs(x - y) for a, b in zip(exact, narrow) for x, y in zip(a[1], b[1])]
            kept = total.setdefault(precision, [0, 0])
            kept[0] += same
            kept[1] += len(rows)
            print(f"| {os.path.basename(path).split('.')[0]} | {len(rows)} | {precision} | {same / len(rows):.2%} | "
                  f"{statistics.mean(errors):.5f} | {max(errors):.4f} | {statistics.pstdev(scores):.3f} |", flush=True)
    for precision, (same, n) in total.items():
        print(f"| all | {n} | {precision} | {same / n:.2%} | | | |")


if __name__ == "__main__":
    main()
