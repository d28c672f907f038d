#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ways to choose among answers by scores and likeness, beside the mix that cappy has. A Markdown table for each file.

    tools/selection.py [--fit FILE | --fit-on N] [--only PATTERN] FILE...

Files are those of `cappy eval pool --samples`: rows with candidates, their scores, and references or qualities. What a way
leaves open (a weight, a share, a temperature) is fitted on the rows of --fit, or else on four fifths of the questions for
the rest, five times, or on N of them drawn at random for the rest, twelve times. It takes what the way's orders are worth on average, as cappy adapt does: the mean quality of the
first of k answers drawn at random, over all k. Differences to the mix are paired, with 95 % bootstrap intervals over
questions. --only shows the ways whose names match, beside the mix: so that a set for the final figures is not chosen on.
Needs numpy and rouge-score.
"""
import argparse
import itertools
import json
import os
import re
import sys

import numpy as np
from rouge_score import tokenizers

TOKENIZER = tokenizers.DefaultTokenizer(use_stemmer=True)
FOLDS = 5
DRAWS = 12


# ---- Likeness: ROUGE-L ----


def rouge_l(a, b):
    """F of two lists of tokens, by the longest common subsequence in bits."""
    if not a or not b:
        return 0.0
    places = {}
    for i, token in enumerate(a):
        places[token] = places.get(token, 0) | 1 << i
    whole = (1 << len(a)) - 1
    free = whole
    for token in b:
        met = free & places.get(token, 0)
        free = ((free + met) | (free - met)) & whole
    return 2 * (len(a) - free.bit_count()) / (len(a) + len(b))


class Question:
    def __init__(self, row):
        texts = [c["text"] if isinstance(c, dict) else c for c in row["candidates"]]
        tokens = [TOKENIZER.tokenize(t) for t in texts]
        n = len(texts)
        self.scores = np.array(row["scores"], dtype=float)
        if self.scores.shape != (n,):
            raise ValueError(f"{self.scores.size} scores of {n} candidates")
        if all(isinstance(c, dict) and "quality" in c for c in row["candidates"]):
            self.qualities = np.array([c["quality"] for c in row["candidates"]], dtype=float)
        else:
            references = [TOKENIZER.tokenize(t) for t in row["references"]]
            self.qualities = np.array([max(rouge_l(r, t) for r in references) for t in tokens])
        self.like = np.eye(n)
        for i, j in itertools.combinations(range(n), 2):
            self.like[i, j] = self.like[j, i] = rouge_l(tokens[i], tokens[j])
        self.consensus = (self.like.sum(1) - 1) / (n - 1)
        self.lengths = np.log1p([len(t.split()) for t in texts])
        said = [re.sub(r"\s+", " ", t.strip(" \t\r\n.,;:!?\"'`*").lower()) for t in texts]
        self.vote = np.array([[a == b for b in said] for a in said], dtype=float) @ np.maximum(self.scores, 1e-6)
        self.is_short = np.median([len(s.split()) for s in said]) <= 5


def read(path):
    """The questions of a file whose answers are more than two, so that consensus means something."""
    questions = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                if len(row["candidates"]) > 2:
                    questions.append(Question(row))
            except (ValueError, KeyError, TypeError) as problem:
                sys.exit(f"{path}:{number}: not a row that cappy eval pool --samples has scored: {problem!r}")
    if len(questions) < FOLDS:
        sys.exit(f"{path}: {len(questions)} questions with more than two candidates; at least {FOLDS} are needed")
    return questions


# ---- Ways: keys of the answers, given what was fitted ----


def weighted(q, temperature, with_itself, scale=1):
    """Likeness to the others, each counting by its score."""
    weights = np.exp((q.scores - q.scores.max()) / (temperature * scale + 1e-12))
    like = q.like if with_itself else q.like - np.eye(len(weights))
    return like @ weights / (weights.sum() if with_itself else np.maximum(weights.sum() - weights, 1e-12))


def best(q, share):
    """Which of the answers are among the first by score."""
    k = max(2, round(share * len(q.scores)))
    is_best = np.zeros(len(q.scores))
    is_best[np.argsort(-q.scores, kind="stable")[:k]] = 1
    return is_best


def among(q, share):
    chosen = best(q, share)
    return 10 * chosen + (q.like @ chosen - chosen) / np.maximum(chosen.sum() - chosen, 1)


def even(q, slope):
    """Scores without what length explains of them."""
    return q.scores - slope * (q.lengths - q.lengths.mean())


def scaled(values):
    return (values - values.mean()) / (values.std() + 1e-9)


WEIGHTS = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 4, 6, 8]
SHARES = [0.2, 0.35, 0.5, 0.65, 0.8]
TEMPERATURES = [0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.18, 0.25, 0.5, 1]
SLOPES = [-0.2, -0.15, -0.1, -0.05, -0.025, 0, 0.025, 0.05, 0.1, 0.15, 0.2]
RELATIVE = [0.1, 0.25, 0.35, 0.5, 0.7, 1, 1.5, 2, 3, 4, 8]
WAYS = {
    "mix: consensus weighted by exp(score / (t x deviation)), each like itself":
        (lambda q, t: weighted(q, t, True, q.scores.std()), [RELATIVE]),
    "mix, t = 1": (lambda q: weighted(q, 1, True, q.scores.std()), []),
    "score + w x consensus": (lambda q, w: q.scores + w * q.consensus, [WEIGHTS]),
    "score + consensus": (lambda q: q.scores + q.consensus, []),
    "random": (None, []),
    "scorer": (lambda q: q.scores, []),
    "consensus": (lambda q: q.consensus, []),
    "vote": (lambda q: q.vote, []),
    "vote where short, else score + w x consensus": (lambda q, w: q.vote if q.is_short else q.scores + w * q.consensus, [WEIGHTS]),
    "score + w x consensus + v x share of the vote": (lambda q, w, v: q.scores + w * q.consensus + v * q.vote / q.vote.max(), [WEIGHTS, WEIGHTS]),
    "first share by score, then consensus with all": (lambda q, s: 10 * best(q, s) + q.consensus, [SHARES]),
    "first share by score, then consensus among these": (among, [SHARES]),
    "consensus weighted by exp(score / t)": (lambda q, t: weighted(q, t, False), [TEMPERATURES]),
    "the same, each like itself": (lambda q, t: weighted(q, t, True), [TEMPERATURES]),
    "score + w x weighted consensus": (lambda q, w, t: q.scores + w * weighted(q, t, False), [WEIGHTS, TEMPERATURES]),
    "deviation of score + w x that of consensus, within the question": (lambda q, w: scaled(q.scores) + w * scaled(q.consensus), [WEIGHTS]),
    "scorer without length, slope b": (even, [SLOPES]),
    "score without length + w x consensus": (lambda q, w, b: even(q, b) + w * q.consensus, [WEIGHTS, SLOPES]),
}
MIX = next(iter(WAYS))


# ---- Fitting and telling ----


def first_of_k(n):
    """[n]: how often the answer at each place of an order is the first of k drawn, over all k from 2 to n."""
    chances = np.zeros(n)
    for k in range(2, n + 1):
        left = 1.0
        for place in range(n - k + 1):
            chances[place] += left * k / (n - place)
            left *= 1 - k / (n - place)
    return chances / (n - 1)


CHANCES = {}


def worth_of_order(q, keys):
    n = len(keys)
    if n not in CHANCES:
        CHANCES[n] = first_of_k(n)
    return q.qualities[np.argsort(-keys, kind="stable")] @ CHANCES[n]


def fit(way, grid, questions):
    options = list(itertools.product(*grid))
    if len(options) == 1:
        return options[0]
    return max(options, key=lambda o: np.mean([worth_of_order(q, way(q, *o)) for q in questions]))


def pick(way, q, options):
    return q.qualities.mean() if way is None else q.qualities[int(np.argmax(way(q, *options)))]


def measure(name, questions, fit_on):
    """What the way's picks are worth, and what was fitted."""
    way, grid = WAYS[name]
    if fit_on:
        options = fit(way, grid, fit_on)
        return np.array([pick(way, q, options) for q in questions]), [options]
    fold = np.random.default_rng(0).permutation(len(questions)) % FOLDS
    worth = np.zeros(len(questions))
    fitted = []
    for f in range(FOLDS):
        fitted.append(fit(way, grid, [q for q, g in zip(questions, fold) if g != f]))
        for i in np.flatnonzero(fold == f):
            worth[i] = pick(way, questions[i], fitted[-1])
    return worth, fitted


def interval(values):
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(1)
    return np.percentile(draws, [2.5, 97.5])


def say(fitted):
    return ", ".join(dict.fromkeys(" / ".join(f"{x:g}" for x in f) for f in fitted if f))


def measure_draws(name, questions, n):
    """The mean worth on the questions that are not drawn, and what was fitted on the n drawn ones."""
    way, grid = WAYS[name]
    rng = np.random.default_rng(0)
    worth, fitted = [], []
    for _ in range(DRAWS):
        order = rng.permutation(len(questions))
        fitted.append(fit(way, grid, [questions[i] for i in order[:n]]))
        worth.append(np.mean([pick(way, questions[i], fitted[-1]) for i in order[n:]]))
    return np.mean(worth), fitted


def show_draws(path, n, names):
    questions = read(path)
    if n >= len(questions):
        sys.exit(f"{path}: {len(questions)} questions; --fit-on {n} leaves none to measure on")
    print(f"{os.path.basename(path)}, {len(questions)} questions, fitted on {n} of them, {DRAWS} times\n")
    print("| way | worth | fitted |\n|---|--:|---|")
    for name in names:
        worth, fitted = measure_draws(name, questions, n)
        print(f"| {name} | {worth:.4f} | {say(fitted)} |", flush=True)
    print()


def show(path, fit_on, names):
    questions = read(path)
    print(f"{os.path.basename(path)}, {len(questions)} questions, best possible "
          f"{np.mean([q.qualities.max() for q in questions]):.4f}\n")
    print("| way | worth | less the mix (95 % interval) | fitted |\n|---|--:|---|---|")
    mix = None
    for name in [MIX, *(name for name in names if name != MIX)]:
        worth, fitted = measure(name, questions, fit_on)
        lead = ""
        if name == MIX:
            mix = worth
        else:
            low, high = interval(worth - mix)
            lead = f"{np.mean(worth - mix):+.4f} ({low:+.4f} to {high:+.4f})"
        print(f"| {name} | {worth.mean():.4f} | {lead} | {say(fitted)} |", flush=True)
    print()


def find_ways(pattern):
    """The names of ways that match."""
    try:
        names = [name for name in WAYS if re.search(pattern, name)]
    except re.error as problem:
        raise argparse.ArgumentTypeError(f"{pattern}: {problem}") from None
    if not names:
        raise argparse.ArgumentTypeError(f"{pattern}: no way has such a name; there are {'; '.join(WAYS)}")
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    fitting = parser.add_mutually_exclusive_group()
    fitting.add_argument("--fit", help="a file for what ways leave open")
    fitting.add_argument("--fit-on", type=int, metavar="N", help="fit on N questions drawn at random, as many as there may be to adapt with")
    parser.add_argument("--only", default=".", type=find_ways, metavar="PATTERN", help="a regular expression: names of ways to show")
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    try:
        fit_on = read(args.fit) if args.fit else None
        for path in args.files:
            if args.fit_on:
                show_draws(path, args.fit_on, args.only)
            else:
                show(path, fit_on, args.only)
    except OSError as problem:
        sys.exit(f"{problem.filename}: {problem.strerror}")


if __name__ == "__main__":
    main()
