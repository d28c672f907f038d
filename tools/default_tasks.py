#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Task rows for the default model, for tools/train_default.sh: JSON lines, in an order that means nothing, made of the
rows that $CAPPY_SHARED/data/README.md describes.

An open row holds references, to grade by, and the responses to learn from as its candidates, the right one among them:
cappy data grades them, and what it writes of kind "reference" is to be left out.
"""
import argparse
import collections
import gzip
import json
import math
import os
import random
import re
import sys
from pathlib import Path

import default_causes
import default_emotions
import default_inference
import default_opinions
import default_questions
import default_summaries
import default_texts
import default_topics

SHORT = 90       # rows longer than so many tokens, roughly, are drawn with the probability SHORT / length
LONGEST = 330    # rows longer than so many are not
MOST_CHOICES = 5 # the right one among them
MOST_CANDIDATES = 9


def read(path):
    with gzip.open(path.with_name(path.name + ".jsonl.gz"), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def words(text):
    return re.findall(r"\w+|[^\w\s]", text)


def is_developed_with(row):
    """One row in ten of gisting_seen, of which there is no other set to develop with."""
    return sum(map(ord, row["id"])) % 10 == 0


# ---- Which rows there are ----

def repair_choices(rows):
    """P3 holds the first 200 items or so of each set: of a fixed set of labels, one that is never right in its template
    would be learnt as always wrong. (Lists of options differ from row to row.)"""
    right = collections.defaultdict(set)
    for row in rows:
        if "choices" in row:
            right[row["task"]].add(row["choices"][row["answer"]])
    for row in rows:
        labels = right[row["task"]]
        if "choices" in row and len(labels) <= 20:
            answer = row["choices"][row["answer"]]
            row["choices"] = [c for c in row["choices"] if c in labels]
            row["answer"] = row["choices"].index(answer)


def is_usable(row):
    if "choices" in row: # letters say nothing about their texts; AG News has two of its four labels only
        return len(row["choices"]) > 1 and max(map(len, row["choices"])) > 1 and "ag_news" not in row["task"]
    row["references"] = [r for r in row["references"] if r.strip()]
    return bool(row["references"])


def is_answered_by_span(row):
    return len(default_texts.sentences(row["instruction"])) > 3 and \
        all(2 < len(r) and len(r.split()) < 7 and r.rstrip(".") in row["instruction"] for r in row["references"])


def load(data):
    """{source: {task: [row, ...]}}, and a function of a random.Random for each source whose rows are made anew."""
    p3 = read(data / "pretrain/p3_t0")
    ni = read(data / "pretrain/superni_train") + read(data / "pretrain/superni_train_more")
    sources = {name: read(data / "pretrain" / ("rendered_" + name))
               for name in ("rotten_tomatoes", "amazon", "yelp", "imdb", "dbpedia", "qqp", "mnli")}
    sources["topics"] = default_topics.rows(p3 + ni, random.Random(1))
    sources.update(default_emotions.rows(ni, sources["rotten_tomatoes"], p3, random.Random(1)))
    sources["opinions"] = default_opinions.rows(ni, [sources[n] for n in ("rotten_tomatoes", "amazon", "yelp", "imdb")],
                                                random.Random(1))
    sources["causes"] = default_causes.rows(p3 + ni, random.Random(1))
    articles = default_summaries.articles(p3)
    sources.update(default_inference.rows(sources["mnli"], ni, articles, random.Random(1)))
    sources["gsm8k"] = read(data / "pools/gsm8k_train2000")
    repair_choices(p3)
    for name, rows in (("p3", p3), ("ni", ni)):
        rows = [r for r in rows if is_usable(r)]
        sources[name + "_closed"] = [r for r in rows if "choices" in r]
        sources[name + "_open"] = [r for r in rows if "choices" not in r]
    opens = sources["p3_open"] + sources["ni_open"]
    sources["abstain"] = [r for r in opens if is_answered_by_span(r)]
    sources["long"] = [r for r in opens if len(r["references"][0].split()) > 14]
    sources["niv1"] = read(data / "pools/niv1_gpt3")
    sources["gisting"] = [r for r in read(data / "pools/gisting_seen") if not is_developed_with(r)]
    tasks = {}
    for name, rows in sources.items():
        tasks[name] = collections.defaultdict(list)
        for row in rows:
            tasks[name][row["task"]].append(row)
    questions = default_questions.load(p3 + ni)
    return tasks, {"questions": lambda rng: default_questions.make(questions, rng, graded, labelled),
                   "summaries": lambda rng: default_summaries.make(articles, rng)}


# ---- What is made of them ----

def closed(row, _rows, _elsewhere, rng):
    wrong = [c for k, c in enumerate(row["choices"]) if k != row["answer"]]
    choices = [row["choices"][row["answer"]]] + rng.sample(wrong, min(len(wrong), MOST_CHOICES - 1))
    return {"instruction": row["instruction"], "choices": choices, "answer": 0}


def graded(instruction, references, texts):
    """None if the texts are one and the same."""
    texts = list(dict.fromkeys(t.strip() for t in texts if t.strip()))
    return {"instruction": instruction, "references": references,
            "candidates": [{"text": t} for t in texts]} if len(texts) > 1 else None


def labelled(instruction, right, wrong):
    wrong = list(dict.fromkeys(t.strip() for t in wrong if t.strip() and t.strip() != right))
    return {"instruction": instruction,
            "candidates": [{"text": right, "quality": 1}] + [{"text": t, "quality": 0} for t in wrong]} if wrong else None


def stretch(text, n, rng):
    """n words in a row."""
    w = text.split()
    k = rng.randrange(max(1, len(w) - n))
    return " ".join(w[k:k + n]).strip(" ,.;:")


def spoilt(gold, instruction, other, rng):
    w = gold.split()
    numbers = list(re.finditer(r"\d+", gold))
    kind = rng.choice(["cut", "drop", "shuffle", "extend", "repeat", "echo", "number", "other", "loop"])
    if kind == "number" and numbers:
        m = rng.choice(numbers)
        return gold[:m.start()] + str(int(m.group()[:9]) + rng.choice([-3, -2, -1, 1, 2, 3, 10])) + gold[m.end():]
    if kind == "cut" and len(w) > 3:
        return " ".join(w[:max(1, int(len(w) * rng.uniform(0.3, 0.7)))])
    if kind == "drop" and len(w) > 4:
        return " ".join(x for x in w if rng.random() > 0.3)
    if kind == "shuffle" and len(w) > 3:
        k = rng.randrange(1, len(w))
        return " ".join(w[k:] + w[:k])
    if kind == "extend":
        return gold.rstrip() + rng.choice(["\n", " ", "\n\nInput: ", "\n\nQ: "]) + other
    if kind == "repeat":
        return rng.choice([" ", "\n", "\n\nOutput: "]).join([gold] * rng.randint(2, 6))[:800]
    if kind == "loop":
        return (rng.choice(["Input:\nOutput:\n\n", "", "A: "]) + other[:60] + "\n") * rng.randint(3, 8)
    if kind == "echo":
        parts = re.split(r"(?<=[.?!:\n])\s+", instruction.strip())
        return rng.choice([instruction[-400:], rng.choice(parts)])
    return other


def curt(instruction, elsewhere, rng):
    return rng.choice([t for t in elsewhere if len(t.split()) < 6] + ["Yes", "No", stretch(instruction, rng.randint(1, 4), rng)])


def opened(row, rows, elsewhere, rng):
    """The reference beside those of other rows, words of the prompt, and spoilt ones."""
    instruction, gold = row["instruction"], rng.choice(row["references"])
    n = len(gold.split())
    if n < 8 and rng.random() < 0.5: # most references are short; most questions to a model ask for more
        return None
    texts = [gold]
    if n > 11 and rng.random() < 0.6:
        texts.append(curt(instruction, elsewhere, rng))
    others = [rng.choice(rng.choice(rows)["references"]) for _ in range(12)]
    others = [t for t in others if t not in row["references"]] or elsewhere
    bag = set(words(instruction.lower()))
    near = lambda t: len(bag & set(words(t.lower()))) / (2 + len(set(words(t.lower()))))
    texts += [max(others, key=near), rng.choice(others)]
    if rng.random() < 0.6:
        texts.append(stretch(instruction, max(1, min(60, n + rng.randint(-1, 2))), rng))
    if rng.random() < 0.6:
        texts.append(spoilt(gold, instruction, rng.choice(elsewhere if rng.random() < 0.5 else others), rng))
    return graded(instruction, row["references"], texts)


def lengths(row, rows, elsewhere, rng):
    """How much is enough: the whole answer, parts of it, a word, another's answer, an endless one."""
    instruction, gold = row["instruction"], rng.choice(row["references"])
    w = gold.split()[:90]
    texts = [" ".join(w) if len(w) == 90 else gold]
    texts += [" ".join(w[:max(1, int(len(w) * share))]) for share in (rng.uniform(0.4, 0.7), rng.uniform(0.08, 0.3))]
    texts += [curt(instruction, elsewhere, rng), " ".join(rng.choice(rng.choice(rows)["references"]).split()[:90])]
    if rng.random() < 0.4:
        texts.append(rng.choice([" ".join(w[:12] * rng.randint(5, 9)), " ".join(w) + "\n\n" + " ".join(elsewhere)[:500]]))
    return graded(instruction, row["references"], texts)


def abstaining(row, _rows, _elsewhere, rng):
    """Asks for a phrase when the answer is not in the text; for half of the rows takes the answer out of it."""
    instruction, is_gone, phrase = row["instruction"], rng.random() < 0.5, rng.choice(default_questions.ABSTAIN)
    if is_gone:
        instruction = "\n".join(s for s in default_texts.sentences(instruction)
                                if not any(t.rstrip(".") in s for t in row["references"]))
    ask = rng.choice(default_questions.ASK) % phrase
    instruction = instruction + "\n\n" + ask if rng.random() < 0.3 else ask + "\n\n" + instruction
    gold = rng.choice(row["references"])
    spans = [stretch(instruction, rng.choice([1, 1, 2, 3, 5, 9]), rng) for _ in range(2)]
    if is_gone:
        return labelled(instruction, phrase, [gold] + spans)
    return graded(instruction, row["references"], [gold, phrase] + spans)


WORDINGS = ["{}"] * 3 + ["### Instruction:\n{}\n\n### Response:", "{}\n\nAnswer:", "{}\n\nOutput:", "User: {}\nAssistant:",
                         "Below is an instruction. Write a response to it.\n\n{}", "Q: {}\nA:"]


def pooled(row, _rows, elsewhere, rng):
    """Answers of models, in one of several wordings of the same prompt."""
    texts = [c["text"] for c in row["candidates"]]
    texts = rng.sample(texts, min(len(texts), MOST_CANDIDATES))
    if rng.random() < 0.4:
        texts.append(rng.choice(row["references"]))
    if rng.random() < 0.2:
        texts.append(rng.choice(elsewhere))
    return graded(rng.choice(WORDINGS).replace("{}", row["instruction"]), row["references"], texts)


MAKERS = {"p3_open": opened, "ni_open": opened, "gsm8k": opened, "long": lengths, "abstain": abstaining,
          "niv1": pooled, "gisting": pooled}


def is_drawn(name, row, rng):
    size = len(words(row["instruction"])) * 1.2 + 10
    return name in ("niv1", "gisting") or size <= LONGEST and rng.random() < SHORT / size


def make(name, sources, makers, opens, rng):
    """One row of a source, or None."""
    if name in makers:
        return makers[name](rng)
    tasks = sources[name]
    rows = tasks[rng.choices(list(tasks), [math.sqrt(len(r)) for r in tasks.values()])[0]]
    row = rng.choice(rows)
    if not is_drawn(name, row, rng):
        return None
    elsewhere = [rng.choice(rng.choice(opens)["references"]) for _ in range(4)]
    return MAKERS.get(name, closed)(row, rows, elsewhere, rng)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CAPPY_SHARED", ".")) / "data",
                        help="the folder with pretrain/ and pools/; $CAPPY_SHARED/data if not given")
    parser.add_argument("--mix", metavar="SOURCE=N,...", required=True,
                        help="rows from each source, of which a task is drawn by the root of its size")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    mix = {name: int(n) for name, n in (x.split("=") for x in arguments.mix.split(","))}
    rng = random.Random(arguments.seed)
    sources, makers = load(arguments.data)
    opens = [r for name in ("p3_open", "ni_open") for rows in sources[name].values() for r in rows]
    names = [name for name, n in mix.items() for _ in range(n)]
    rng.shuffle(names)
    for k, name in enumerate(names):
        while (row := make(name, sources, makers, opens, rng)) is None:
            pass
        print(json.dumps({"id": f"{name}/{k}", "task": name, **row}, ensure_ascii=False))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main()
