#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/token/unicode_tables.c: what the reference tokenizer holds each code point to be.

Usage: unicode_tables.py > src/token/unicode_tables.c     (needs PyPI `tokenizers`)

The reference takes its properties from four places (a regex engine, the Rust standard library and two crates), each
with a Unicode version of its own. So nothing here is read from a Unicode database: every property is measured, by
handing every code point to the reference.
"""
import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import unicodedata

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel

N_CODE_POINTS = 0x110000
BLOCK = 128
CODE_POINTS = [c for c in range(N_CODE_POINTS) if not 0xD800 <= c <= 0xDFFF]
FLAGS = ["LETTER", "NUMBER", "SPACE", "WORD", "CONTROL", "CJK", "NONSPACING", "COMBINING", "PUNCTUATION"]
HANGUL = range(0xAC00, 0xAC00 + 11172)  # decomposed by arithmetic


def changed(normalizer):
    """{code point: what it becomes} for those a normalizer changes."""
    pairs = ((c, normalizer.normalize_str(chr(c))) for c in CODE_POINTS)
    return {c: s for c, s in pairs if s != chr(c)}


def matched(pattern_of_others):
    """The code points a pattern of the regex engine does not remove."""
    keep = normalizers.Replace(Regex(pattern_of_others), "")
    found = set()
    for i in range(0, len(CODE_POINTS), 2048):
        found |= set(map(ord, keep.normalize_str("".join(map(chr, CODE_POINTS[i : i + 2048])))))
    return found


def word_characters():
    """What keeps a single_word added token from matching when it follows."""
    tokenizer = Tokenizer(WordLevel({"a": 0}, unk_token="a"))
    tokenizer.add_tokens([AddedToken("<x>", single_word=True, normalized=False)])
    return {c for c in CODE_POINTS if 1 not in tokenizer.encode("<x>" + chr(c)).ids}


def combining_classes(decomposed):
    """Canonical combining classes, from the order in which the reference puts two marks."""
    nfd = normalizers.NFD()

    def swaps(first, second):
        text = "a" + chr(first) + chr(second)
        return nfd.normalize_str(text) != text

    lowest, highest = 0x0334, 0x0345  # classes 1 and 240
    simple = [c for c in CODE_POINTS if c not in decomposed and c not in HANGUL]
    marks = [c for c in simple if swaps(highest, c) or swaps(c, lowest) or c in (lowest, highest)]
    example = {}
    for c in marks:
        example.setdefault(unicodedata.combining(chr(c)), c)
    example.pop(0, None)
    order = sorted(example)
    classes = {}
    for c in marks:
        # The class is the highest one whose example is not moved behind c.
        below = [k for k in order if not swaps(example[k], c)]
        classes[c] = max(below)
    for c in marks:
        known = unicodedata.combining(chr(c))
        assert known in (0, classes[c]), hex(c)
    return classes


def measure():
    clean = changed(normalizers.BertNormalizer(True, False, False, False))
    cjk = changed(normalizers.BertNormalizer(False, True, False, False))
    stripped = changed(normalizers.BertNormalizer(False, False, True, False))
    decomposed = changed(normalizers.NFD())
    lower = changed(normalizers.Lowercase())
    accents = changed(normalizers.StripAccents())
    bert = pre_tokenizers.BertPreTokenizer()
    pieces = {c: len(bert.pre_tokenize_str("a" + chr(c) + "a")) for c in CODE_POINTS}

    sets = {
        "LETTER": matched(r"[^\p{L}]"),
        "NUMBER": matched(r"[^\p{N}]"),
        "SPACE": matched(r"\S"),
        "WORD": word_characters(),
        "CONTROL": {c for c, s in clean.items() if s == ""},
        "CJK": set(cjk),
        "NONSPACING": {c for c, s in stripped.items() if s == ""},
        "COMBINING": set(accents),
        "PUNCTUATION": {c for c, n in pieces.items() if n == 3},
    }
    # What the code relies on.
    assert sets["SPACE"] == {c for c, n in pieces.items() if n == 2}
    assert {c for c, s in clean.items() if s == " "} | {0x20} == sets["SPACE"] - sets["CONTROL"]
    assert all(s == " " + chr(c) + " " for c, s in cjk.items())
    assert all(s == "" for s in accents.values())
    for c, s in stripped.items():
        parts = decomposed.get(c, chr(c))
        assert s == "".join(x for x in parts if ord(x) not in sets["NONSPACING"]), hex(c)
    for c in HANGUL:
        assert decomposed.pop(c) == unicodedata.normalize("NFD", chr(c))
    return sets, decomposed, lower, combining_classes(decomposed)


def two_stage(value):
    """Blocks of `value` over all code points, equal ones once: (index of each block, values)."""
    blocks, index = {}, []
    for start in range(0, N_CODE_POINTS, BLOCK):
        block = tuple(value(c) for c in range(start, start + BLOCK))
        index.append(blocks.setdefault(block, len(blocks)))
    return index, [v for block in blocks for v in block]


def array(kind, name, values):
    print(f"const {kind} {name}[{len(values)}] = {{")
    line = "   "
    for v in values:
        item = f" {v},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line + "\n};\n")


def main():
    sets, decomposed, lower, classes = measure()
    pool, places = [0], {}

    def place(text):
        """The offset in the pool of a sequence of code points: its length, then they."""
        if text is None:
            return 0
        if text not in places:
            places[text] = len(pool)
            pool.extend([len(text), *map(ord, text)])
        return places[text]

    records = {(0, 0, 0): 0}
    record_of = {}
    for c in sorted(set(decomposed) | set(lower) | set(classes)):
        record = (place(lower.get(c)), place(decomposed.get(c)), classes.get(c, 0))
        record_of[c] = records.setdefault(record, len(records))
    flag_index, flags = two_stage(lambda c: sum((c in sets[f]) << i for i, f in enumerate(FLAGS)))
    fold_index, folds = two_stage(lambda c: record_of.get(c, 0))
    assert max(pool[1:]) < N_CODE_POINTS and len(pool) < 65536 and len(records) < 65536

    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Written by tools/unicode_tables.py; do not edit. Measured with PyPI tokenizers "
          f"{tokenizers.__version__}. */")
    print("/* lint: long, a table */")
    print("/* clang-format off */")
    print('#include "token/unicode.h"\n')
    array("uint16_t", "cappy_unicode_flag_index", flag_index)
    array("uint16_t", "cappy_unicode_flags", flags)
    array("uint8_t", "cappy_unicode_fold_index", fold_index)
    array("uint16_t", "cappy_unicode_folds", folds)
    print(f"const struct cappy_unicode_record cappy_unicode_records[{len(records)}] = {{")
    line = "   "
    for r in records:
        item = " {%d, %d, %d}," % r
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line + "\n};\n")
    array("uint32_t", "cappy_unicode_pool", pool)


main()
