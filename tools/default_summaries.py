# SPDX-License-Identifier: Apache-2.0
"""Groups of summaries for tools/default_tasks.py: of the articles in P3's summarizing prompts, the first sentences, which say
what it is about, beside what systems do wrong: facts of another article, sentences in any order, said twice, broken off,
of the article's end, or of another one. What each is worth is set here, since likeness to the reference does not tell.
"""
import re

from default_texts import sentences

TASKS = re.compile(r"_(?:xsum|multi_news)_|cnn_dailymail|gigaword")
ARTICLE = 170 # words of an article, at most
ASK = ["{}\n\n===\n\nSummarize the article above in a few sentences.", "Summarize: {}", "Write a short summary of this text.\n\n{}",
       "Article: {}\n\nSummary:", "{}\n\nTL;DR:", "What are the main points?\n\n{}", "Give me the gist of the following article.\n\n{}"]
NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]+)*|\b\d[\d,.]*\b")


def articles(sources):
    """[[sentence, ...], ...]: the longest stretch without an empty line, in prompts that ask for a summary."""
    found = {}
    for row in sources:
        if TASKS.search(row["task"]) and "expand" not in row["task"]:
            body = max(re.split(r"\n\s*\n|===", row["instruction"]), key=len).strip()
            body = re.sub(r"^[\w ,']{0,60}: ", "", body)
            said = [s.strip() for s in sentences(body) if 6 < len(s.split()) < 45]
            if len(said) > 6:
                found[said[2]] = said
    return list(found.values())


def swapped(text, other, rng):
    """With a name or number of another article, or None."""
    mine, theirs = list(NAME.finditer(text)), [m.group() for m in NAME.finditer(other) if m.group() not in text]
    pairs = [(m, t) for m in mine for t in theirs if m.group()[0].isdigit() == t[0].isdigit()]
    if not pairs:
        return None
    match, name = rng.choice(pairs)
    return text[:match.start()] + name + text[match.end():]


def broken(text, rng):
    w = text.split()
    return " ".join(w[:rng.randrange(len(w) // 3, len(w) - 3)])


def garbled(text, rng):
    w = text.split()
    k = rng.randrange(len(w) - 4)
    n = rng.randint(2, 4)
    return " ".join(rng.choice([w[:k] + w[k + n:], w[:k + n] + w[k:], w[:k] + w[k:k + n][::-1] + w[k + n:]]))


def make(known, rng):
    """A task row, or None."""
    said, other = rng.sample(known, 2)
    words, kept = 0, []
    for sentence in said:
        words += len(sentence.split())
        if words > ARTICLE:
            break
        kept.append(sentence)
    if len(kept) < 5:
        return None
    n = rng.choice([1, 2, 2, 3, 3])
    lead, tail = kept[:n], sorted(rng.sample(range(n, len(kept)), min(n, len(kept) - n)))
    best = " ".join(lead)
    graded = [(best, 1.0), (" ".join(kept[k] for k in tail), 0.6), (broken(best, rng), 0.5), (garbled(best, rng), 0.5),
              (swapped(best, " ".join(other), rng), 0.4), (" ".join(other[:n]), 0.0),
              (" ".join(lead + [rng.choice(lead)]), 0.5), (" ".join(lead[:-1] + other[:1]), 0.3)]
    if n > 1:
        graded.append((" ".join(lead[::-1]), 0.7))
    seen, candidates = set(), []
    for text, quality in [graded[0]] + rng.sample(graded[1:], 5):
        if text and text not in seen:
            seen.add(text)
            candidates.append({"text": text, "quality": quality})
    return {"instruction": rng.choice(ASK).replace("{}", " ".join(kept)), "candidates": candidates}
