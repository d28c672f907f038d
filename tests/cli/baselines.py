#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what cappy eval says of choices that need no model with the tables of $CAPPY_SHARED/data/BASELINES.md.

    baselines.py CAPPY FILE...      (names as in the tables, such as self_instruct_252 or classify/cb)
"""
import glob
import json
import os
import subprocess
import sys

data = os.path.join(os.environ["CAPPY_SHARED"], "data")
POOL = ["random", "first", "shortest", "longest", "source", "consensus", "oracle"]
CLOSED = ["random", "majority"]


def read_tables():
    """(file, score) -> figures of a pool; file -> figures of closed rows."""
    pools, closed = {}, {}
    for line in open(os.path.join(data, "BASELINES.md"), encoding="utf-8"):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) == 11 and cells[2].isdigit():
            pools.setdefault(cells[0], []).append((cells[1], int(cells[2]), dict(zip(POOL, cells[4:]))))
        elif len(cells) == 5 and cells[1].isdigit():
            closed[cells[0]] = (int(cells[1]), dict(zip(CLOSED, cells[3:])))
    return pools, closed


def run(cappy, kind, path, *options):
    call = [cappy, "eval", kind, path, "--json", "--quiet", *options]
    return json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)


def compare(name, got, rows, figures):
    bad = [] if got["rows"] == rows else [f"{got['rows']} rows, not {rows}"]
    for key, cell in figures.items():
        value = got["picks"].get(key)
        want = None if cell == "–" else float(cell.split()[0])
        # Of equal ones the first has the consensus; the table has some that differ by their rounding.
        room = 0.008 if key == "consensus" else 0.000051
        if want is not None and (value is None or abs(value - want) > room):
            bad.append(f"{key} is {value}, not {cell}")
    print(name, "ok" if not bad else "; ".join(bad))
    return bool(bad)


def main():
    cappy, *names = sys.argv[1:]
    pools, closed = read_tables()
    failed = False
    for name in names or [*pools, *(n for n in closed if n.startswith("classify"))]:
        if name in pools:
            path = glob.glob(os.path.join(data, "pools", name + ".jsonl*"))[0]
            for score, rows, figures in pools[name]:
                options = ["--by", "references" if score == "ROUGE-L" else "quality"]
                failed |= compare(f"{name} {score}", run(cappy, "pool", path, *options), rows, figures)
        else:
            path = glob.glob(os.path.join(data, name + ".jsonl*"))[0]
            failed |= compare(name, run(cappy, "classify", path), *closed[name])
    sys.exit(failed)


if __name__ == "__main__":
    main()
