# SPDX-License-Identifier: Apache-2.0
"""Task rows with choices that ask what caused something, or what came of it, for tools/default_tasks.py: of the sentences in
the training rows in which one half gives the reason of the other, and of the stories in three sentences of which three
tasks of Super-NaturalInstructions ask for one. The wrong choices are of others, the most of them near in words.
"""
import re

from default_texts import sentences

REASON = re.compile(r"([A-Z][^,;:\"?()]{12,110}?),? (because|so|>Causes>) (?!of\b|that\b|much\b|many\b|far\b|long\b)"
                    r"([^;:\"?()]{12,110}?)[.!]?")
WHY = ["{}.\n\nWhat was the cause of this?", "{}. Why?", "{} because", "Somebody says: {}. What is the reason?",
       "What led to this? {}.", "{}.\nPick the reason for it:\n{list}", "Which of these is why? {}.\n\n{list}"]
WHAT = ["{}.\n\nWhat happened as a result?", "{}. What then?", "{}, so", "{}. What does that lead to?",
        "What came of this? {}.", "{}.\nPick what follows from it:\n{list}", "Which of these is the effect? {}.\n\n{list}"]
NEAR = 30 # others that the nearest wrong choice is looked for among


def reasons(sources):
    """[(cause, effect), ...], each once."""
    found = {}
    for row in sources:
        for text in [row["instruction"]] + row.get("references", []):
            for sentence in sentences(text):
                if 7 < len(sentence.split()) < 32 and (match := REASON.fullmatch(sentence.strip())):
                    first, link, second = (part.strip() for part in match.groups())
                    if link != "so" or ", so " in sentence:
                        found[(second, first) if link == "because" else (first, second)] = None
    return list(found)


STORIES = {"task067_": ("Beginning", None), "task071_": ("Middle", None), "task072_": (None, "Middle")} # None: what is asked for


def told(sources):
    """[(cause, effect), ...] of stories."""
    found = {}
    for row in sources:
        for prefix, ends in STORIES.items():
            if row["task"].startswith(prefix):
                parts = dict(re.findall(r"(Beginning|Middle|Ending): (.*?)(?= (?:Middle|Ending):|$)", row["instruction"].split("\n\n")[-1]))
                for answer in row["references"][:2]:
                    pair = tuple((parts.get(end, "") if end else answer).strip(" .!") for end in ends)
                    if all(len(half.split()) > 3 for half in pair):
                        found[pair] = None
    return list(found)


def sentence(text):
    return text[0].upper() + text[1:] + "."


def bag(text):
    return set(re.findall(r"\w{4,}", text.lower()))


def task(given, right, others, wording, rng):
    """others: halves of the kind that is asked for."""
    wrong = [t for t in rng.sample(others, NEAR) if t != right]
    about = bag(given) | bag(right)
    near = max(wrong, key=lambda t: len(about & bag(t)))
    choices = [right, near] if rng.random() < 0.7 else [right, near, wrong[0] if wrong[0] != near else wrong[1]]
    choices = [sentence(t) for t in rng.sample(choices, len(choices))]
    listed = "\n".join("- " + t for t in choices)
    return {"task": "causes", "instruction": wording.replace("{list}", listed).replace("{}", given[0].upper() + given[1:]),
            "choices": choices, "answer": choices.index(sentence(right))}


def rows(sources, rng):
    pairs = reasons(sources) + told(sources)
    causes, effects = [c for c, _ in pairs], [e for _, e in pairs]
    made = []
    for cause, effect in pairs:
        made.append(task(effect, cause, causes, rng.choice(WHY), rng))
        made.append(task(cause, effect, effects, rng.choice(WHAT), rng))
    return made
