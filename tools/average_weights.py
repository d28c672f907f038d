#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A model whose weights are between those of two others: average_weights.py A B SHARE OUT makes (1 - SHARE) x A + SHARE x B.

A and B are model directories of one shape with a model.safetensors each, in fp32 or bf16; OUT gets the other files of B but for what is said of its training.
Weights fine-tuned from one another lie in one valley, and the middle generalizes better than either end (Wortsman et al.,
"Model soups", 2022). Where one was trained for the full mask and the other, from it, for the prefix mask, OUT serves both.
Needs numpy.
"""
import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np

WIDTHS = {"F32": np.dtype("<f4"), "BF16": np.dtype("<u2")}


def read(directory):
    """(header, where the tensors begin, bytes) of a safetensors file."""
    data = (directory / "model.safetensors").read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:begin]), begin, data


def floats(kind, raw):
    numbers = np.frombuffer(raw, WIDTHS[kind])
    return numbers.astype("<f4") if kind == "F32" else (numbers.astype("<u4") << 16).view("<f4")


def packed(kind, numbers):
    """To nearest, of two as near the even one."""
    if kind == "F32":
        return numbers.astype("<f4").tobytes()
    bits = numbers.astype("<f4").view("<u4")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()


def mask_of(directory):
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    return config.get("cappy", {}).get("mask", "full")


def average(a, b, share, out):
    (header, begin, data), (other, other_begin, other_data) = read(a), read(b)
    made = bytearray(other_data)
    for name, tensor in other.items():
        if name == "__metadata__":
            continue
        if name not in header or header[name]["shape"] != tensor["shape"] or tensor["dtype"] not in WIDTHS:
            sys.exit(f"{a}, {b}: {name} is not in both, of one shape, in fp32 or bf16")
        first, last = (begin + at for at in header[name]["data_offsets"])
        start, end = (other_begin + at for at in tensor["data_offsets"])
        mean = (1 - share) * floats(header[name]["dtype"], data[first:last]) + share * floats(tensor["dtype"], other_data[start:end])
        made[start:end] = packed(tensor["dtype"], mean)
    shutil.copytree(b, out, ignore=shutil.ignore_patterns(".*", "checkpoint-*", "training.json"), dirs_exist_ok=True)
    (out / "model.safetensors").write_bytes(made)
    if {mask_of(a), mask_of(b)} == {"full", "prefix"}:
        config = json.loads((b / "config.json").read_text(encoding="utf-8"))
        config["cappy"] = {"mask": "both"}
        (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    for name in ("a", "b"):
        parser.add_argument(name, type=Path)
    parser.add_argument("share", type=float, help="of B, from 0 to 1")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    try:
        average(arguments.a, arguments.b, arguments.share, arguments.out)
    except (OSError, ValueError, KeyError) as problem:
        sys.exit(f"average_weights.py: {problem}")


if __name__ == "__main__":
    main()
