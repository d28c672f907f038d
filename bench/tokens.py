#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures cappy's tokenizers beside PyPI `tokenizers`: the same text, one thread each, in turn.

tokens.py PROGRAM [--rounds N] [--megabytes N], where PROGRAM is build/bench/bench_tokens.

The text is every string of the answer pools of $CAPPY_SHARED. The ids are compared first. Each round of
cappy is a new process with empty caches; `tokenizers` keeps its own from round to round.
"""

import argparse
import gzip
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import tokenizers

ROOT = Path(__file__).resolve().parent.parent


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        yield from strings(list(value.values()))


def read_texts(shared, limit):
    """Different strings of the pools, mixed, up to `limit` bytes."""
    texts = set()
    for path in sorted((shared / "data" / "pools").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                texts.update(strings(json.loads(line)))
    texts = sorted(texts)
    random.Random(1).shuffle(texts)
    size, chosen = 0, []
    for text in texts:
        size += len(text.encode())
        if size > limit:
            break
        chosen.append(text)
    return chosen


def pack(texts):
    """The form in which the program takes texts: a length of four bytes, then the bytes."""
    return b"".join(struct.pack("=I", len(data)) + data for data in (t.encode() for t in texts))


def read_ids(output):
    """The ids that the program wrote: for each text their number, then they."""
    numbers = memoryview(output).cast("i")
    ids, at = [], 0
    while at < len(numbers):
        n = numbers[at]
        ids.append(numbers[at + 1:at + 1 + n].tolist())
        at += 1 + n
    return ids


def measure(name, directory, program, texts, rounds):
    """Lines of the table for one tokenizer."""
    peer = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    peer.no_truncation()
    peer.no_padding()
    stream = pack(texts)
    size = sum(len(text.encode()) for text in texts)

    def run(*arguments):
        return subprocess.run([program, directory, *arguments], input=stream, check=True,
                              capture_output=True).stdout

    def encode():
        return peer.encode_batch(texts, add_special_tokens=False)

    def encode_fast():
        return peer.encode_batch_fast(texts, add_special_tokens=False)

    if read_ids(run("ids")) != [encoding.ids for encoding in encode()]:
        sys.exit(f"tokenize: {name}: cappy's ids differ: nothing to compare")
    rates = {"cappy": [], "encode_batch": [], "encode_batch_fast": []}
    for _ in range(rounds):
        rates["cappy"].append(size / float(run("time", "1")))
        for key, call in (("encode_batch", encode), ("encode_batch_fast", encode_fast)):
            begin = time.perf_counter()
            call()
            rates[key].append(size / (time.perf_counter() - begin))
    ours = statistics.median(rates["cappy"])
    for key, label in (("encode_batch", f"tokenizers {tokenizers.__version__}, encode_batch"),
                       ("encode_batch_fast", "the same, encode_batch_fast (no offsets)"),
                       ("cappy", "cappy")):
        median = statistics.median(rates[key])
        low, high = min(rates[key]), max(rates[key])
        yield (f"| {name} | {label} | {median / 1e6:.2f} ({low / 1e6:.2f} to {high / 1e6:.2f}) "
               f"| {ours / median:.1f} |")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="build/bench/bench_tokens")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=float, default=4.0)
    arguments = parser.parse_args()
    if "CAPPY_SHARED" not in os.environ:
        print("skipped: set CAPPY_SHARED to the folder with the data")
        return
    shared = Path(os.environ["CAPPY_SHARED"])
    texts = read_texts(shared, arguments.megabytes * 1e6)
    print(f"{len(texts)} texts, {sum(len(t.encode()) for t in texts) / 1e6:.1f} MB, one thread, "
          f"{arguments.rounds} rounds in turn\n")
    print("| tokenizer | program | MB/s, median (range) | cappy is faster by |\n|---|---|---|---|")
    for name, directory in (("byte-level BPE", shared / "golden" / "tiny_roberta"),
                            ("WordPiece", ROOT / "models" / "default")):
        for line in measure(name, directory, arguments.program, texts, arguments.rounds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
