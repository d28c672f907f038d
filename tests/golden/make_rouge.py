#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/task: stems by NLTK's PorterStemmer and ROUGE-L by rouge-score.

  python tests/golden/make_rouge.py

Needs rouge-score. The words are built from letters and suffixes, which reach every rule, and taken
from the documents of the repository; the texts are paragraphs of these documents, whole and damaged.
"""
import json
import random
import re
from pathlib import Path

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

SUFFIXES = """s ss sses ies ied eed ed ing y ational tional enci anci izer bli abli alli entli eli ousli ization
ation ator alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance
ence er ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ll lly ally fully edly ings eds""".split()
IRREGULAR = """sky skies dying lying tying news inning innings outing outings canning cannings howe proceed exceed
succeed""".split()
HERE = Path(__file__).parent / "task"
DOCUMENTS = Path(__file__).parent.parent.parent / "docs"


def built_words(rng, count):
    for _ in range(count):
        stem = "".join(rng.choice(["aeiou", "bcdfghklmnprstvwxz", "y", "bcdlst0"][rng.choice([0, 0, 1, 1, 1, 2, 3])])
                       for _ in range(rng.randint(0, 6)))
        if rng.random() < 0.3 and stem:
            stem += stem[-1]
        yield stem + rng.choice(SUFFIXES) + (rng.choice(SUFFIXES) if rng.random() < 0.2 else "")


def main():
    rng = random.Random(1)
    stemmer = PorterStemmer()
    words = set(IRREGULAR) | set(built_words(rng, 2500))
    texts = []
    for path in sorted(DOCUMENTS.glob("*.md")):
        paragraphs = [" ".join(p.split()) for p in path.read_text(encoding="utf-8").split("\n\n")]
        words |= set(re.findall(r"[a-z0-9]+", " ".join(paragraphs).lower()))
        for one, other in zip(rng.sample(paragraphs, min(12, len(paragraphs))), rng.sample(paragraphs, min(12, len(paragraphs)))):
            kept = [w for w in one.split() if rng.random() < 0.7]
            rng.shuffle(other_words := other.split()[:20])
            at = rng.randrange(len(kept) + 1)
            texts.append(([one[:300], other[:300]], " ".join(kept[:at] + other_words[:8] + kept[at:])[:300]))
    HERE.mkdir(exist_ok=True)
    with open(HERE / "stems.txt", "w", encoding="ascii") as file:
        for word in sorted(w for w in words if w):
            file.write(f"{word} {stemmer.stem(word)}\n")
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    odd = [(["İstanbul'da 5 K\u212a"], "i stanbul da 5 kk"), ([""], "a"), (["a"], ""), (["..."], "!"), (["A-b_c"], "a b c"),
           (["the cat"] * 2 + ["cat the"], "The CAT"), (["x " * 700], "y x " * 600), (["naïve café"], "na ve caf")]
    with open(HERE / "rouge.jsonl", "w", encoding="utf-8") as file:
        for references, response in odd + texts:
            f = scorer.score_multi(references, response)["rougeL"].fmeasure
            file.write(json.dumps({"references": references, "response": response, "rouge_l": f}) + "\n")


main()
