#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares cappy's token ids with PyPI `tokenizers`: real text, naughty strings, every code point in three contexts, and
the same tokenizers with changed settings.

Usage: CAPPY_SHARED=... token_oracle.py [--lines N] [--program build/bench/bench_tokens] [DIRECTORY...]

DIRECTORY holds a tokenizer.json; without any, the golden models of CAPPY_SHARED are used, and with transformers at hand
also their vocabulary files. Prints one line for each comparison and fails when any text differs.
"""
import argparse
import glob
import gzip
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RUST_BACKTRACE"] = "0"

import naughty
from tokenizers import Tokenizer


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def data_texts(shared, n, seed):
    """n lines of all the data, drawn without order: every string of every row, cut at its line ends in half of them."""
    rng = random.Random(seed)
    texts = []
    files = sorted(glob.glob(f"{shared}/data/**/*.jsonl*", recursive=True))
    for path in files:
        rows = list((gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8"))
        rng.shuffle(rows)
        quota = n // len(files) + 1 if len(files) else 0
        found = []
        for row in rows:
            for text in strings(json.loads(row)):
                found.extend(text.split("\n") if rng.random() < 0.5 else [text])
            if len(found) >= 3 * quota:
                break
        texts.extend(found[: 3 * quota])
    rng.shuffle(texts)
    return [t.encode("utf-8", "surrogatepass") for t in texts[:n]]


def cappy_ids(program, directory, texts):
    data = b"".join(struct.pack("=I", len(t)) + t for t in texts)
    run = subprocess.run([program, directory, "ids"], input=data, capture_output=True)
    if run.returncode != 0:
        sys.exit(run.stderr.decode())
    place, out = 0, []
    while place < len(run.stdout):
        (n,) = struct.unpack_from("=I", run.stdout, place)
        out.append(list(struct.unpack_from(f"={n}i", run.stdout, place + 4)))
        place += 4 + 4 * n
    return out


def reference_ids(tokenizer, texts):
    """The reference's ids; None for a text on which it panics, as it does on some overlaps of added tokens."""
    decoded = [t.decode("utf-8", "replace") for t in texts]
    try:
        return [e.ids for e in tokenizer.encode_batch_fast(decoded, add_special_tokens=False)]
    except BaseException as problem:
        if type(problem).__name__ != "PanicException":
            raise
        return [None] if len(texts) == 1 else [ids for t in texts for ids in reference_ids(tokenizer, [t])]


def compare(program, directory, tokenizer, what, texts):
    differing, panics = [], 0
    for start in range(0, len(texts), 50000):
        part = texts[start : start + 50000]
        ours = cappy_ids(program, directory, part)
        assert len(ours) == len(part)
        reference = reference_ids(tokenizer, part)
        panics += reference.count(None)
        differing += [t for t, a, b in zip(part, ours, reference) if a != b and b is not None]
    name = os.path.basename(directory.rstrip("/"))
    note = f" (and {panics} make the reference panic)" if panics else ""
    print(f"{name}: {what}: {len(texts)} texts, {len(differing)} differ{note}", flush=True)
    for text in differing[:5]:
        print("   ", text[:200], cappy_ids(program, directory, [text])[0][:20], reference_ids(tokenizer, [text])[0][:20])
    return len(differing)


def code_points():
    for before, behind in (("", ""), ("a", "b"), (" 1", " ")):
        yield [(before + chr(c) + behind).encode() for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def check(program, directory, tokenizer, texts):
    tokenizer.no_padding()
    tokenizer.no_truncation()
    bad = compare(program, directory, tokenizer, "data", texts)
    bad += compare(program, directory, tokenizer, "naughty", naughty.fixed() + naughty.mixed(20000, 2))
    for part in code_points():
        bad += compare(program, directory, tokenizer, "code points", part)
    return bad


def variants(spec):
    """Tokenizers made of `spec` by changing one thing, with names."""
    tokens = [" b", "  ", "a", "ab", "İ", "ÉÉ", "end", "text", "<s>", "[MASK]", "<s", "x", "\u0301", "naïve", "\n", "ab<"]

    def with_changes(**changes):
        return {**spec, **changes}

    rng = random.Random(3)
    for i in range(40):
        chosen = rng.sample(tokens, rng.randint(1, len(tokens)))
        flags = ["single_word", "lstrip", "rstrip", "normalized", "special"]
        added = [{"id": 0, "content": t, **{f: rng.random() < 0.4 for f in flags}} for t in chosen]
        yield f"added tokens {i}", with_changes(added_tokens=added)
    bert = {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": False,
            "lowercase": False}
    for key in ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase"):
        yield key, with_changes(normalizer={**bert, key: True})
    simple = [{"type": t} for t in ("NFD", "Lowercase", "StripAccents")]
    for part in simple:
        yield part["type"], with_changes(normalizer=part)
    yield "sequence", with_changes(normalizer={"type": "Sequence", "normalizers": simple})
    model = spec["model"]
    if model["type"] == "BPE":
        split = spec["pre_tokenizer"]
        yield "prefix and sequence", with_changes(normalizer={"type": "Sequence", "normalizers": simple},
                                                  pre_tokenizer={**split, "add_prefix_space": True})
        yield "no pattern", with_changes(pre_tokenizer={**split, "use_regex": False})
        yield "ignore_merges", with_changes(model={**model, "ignore_merges": True})
        few = {t: i for t, i in model["vocab"].items() if not any(c in t for c in "aÃĠ\u0122")}
        merges = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
        merges = [m for m in merges if all(t in few for t in (*m, "".join(m)))]
        for unknown in (None, "<unk>"):
            for fuse in (False, True):
                changed = {**model, "vocab": few, "merges": merges, "unk_token": unknown, "fuse_unk": fuse}
                yield f"bytes missing {unknown} {fuse}", with_changes(model=changed)
    else:
        for prefix in ("", "a", "[UNK]", "none"):
            yield f"prefix {prefix}", with_changes(model={**model, "continuing_subword_prefix": prefix})
        for limit in (0, 1, 3):
            yield f"limit {limit}", with_changes(model={**model, "max_input_chars_per_word": limit})


def check_variants(program, directory, texts):
    with open(f"{directory}/tokenizer.json", encoding="utf-8") as file:
        spec = json.load(file)
    bad = 0
    for name, changed in variants(spec):
        with tempfile.TemporaryDirectory() as scratch:
            path = os.path.join(scratch, name)
            os.mkdir(path)
            with open(f"{path}/tokenizer.json", "w", encoding="utf-8") as out:
                json.dump(changed, out)
            try:
                tokenizer = Tokenizer.from_file(f"{path}/tokenizer.json")
            except Exception as problem:  # the reference refuses it; so may we
                print(f"{name}: not compared: {problem}")
                continue
            refusal = subprocess.run([program, path, "ids"], stdin=subprocess.DEVNULL, capture_output=True)
            if refusal.returncode != 0:
                print(f"{name}: not compared: {refusal.stderr.decode().strip()}")
                continue
            tokenizer.no_padding()
            tokenizer.no_truncation()
            bad += compare(program, path, tokenizer, "variant", texts)
    return bad


def check_files(program, shared, texts):
    """The golden models' vocabulary files against transformers, which makes a tokenizer of them."""
    from transformers import AutoTokenizer

    bad = 0
    for name, files in (("tiny_roberta", ["vocab.json", "merges.txt"]), ("tiny_bert", ["vocab.txt"])):
        for config in ({}, {"add_prefix_space": True}, {"do_lower_case": False}, {"do_lower_case": False, "strip_accents":
                       True}, {"strip_accents": False}, {"tokenize_chinese_chars": False}):
            with tempfile.TemporaryDirectory() as scratch:
                directory = os.path.join(scratch, f"{name} files {json.dumps(config)}".replace("/", ""))
                os.mkdir(directory)
                for file in [*files, "config.json"]:
                    shutil.copy(f"{shared}/golden/{name}/{file}", directory)
                with open(f"{directory}/tokenizer_config.json", "w") as out:
                    json.dump(config, out)
                tokenizer = AutoTokenizer.from_pretrained(directory)._tokenizer
                tokenizer.no_padding()
                tokenizer.no_truncation()
                bad += compare(program, directory, tokenizer, "data and naughty", texts + naughty.fixed())
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, default=100000)
    parser.add_argument("--program", default="build/bench/bench_tokens")
    parser.add_argument("directories", nargs="*")
    arguments = parser.parse_args()
    shared = os.environ.get("CAPPY_SHARED")
    if shared is None:
        sys.exit("set CAPPY_SHARED to the data folder")
    texts = data_texts(shared, arguments.lines, 1)
    directories = arguments.directories or [f"{shared}/golden/tiny_roberta", f"{shared}/golden/tiny_bert"]
    bad = sum(check(arguments.program, d, Tokenizer.from_file(f"{d}/tokenizer.json"), texts) for d in directories)
    bad += sum(check_variants(arguments.program, d, naughty.fixed() + naughty.mixed(3000, 4)) for d in directories)
    if not arguments.directories:
        try:
            import transformers
        except ImportError:
            print("transformers is not installed: vocabulary files are not compared")
        else:
            bad += check_files(arguments.program, shared, texts[:5000])
    print(f"{bad} texts differ")
    sys.exit(bad != 0)


main()
