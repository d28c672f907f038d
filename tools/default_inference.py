# SPDX-License-Identifier: Apache-2.0
"""Task rows with choices that ask whether one text says another, for tools/default_tasks.py: of the pairs in rendered_mnli, in
other words than its own; those of which task1613 of Super-NaturalInstructions asks for the second; and texts beside what other
tasks there make of them in fewer or other words, or that with a name of another text, or what an article says further down.
"""
import difflib
import re

import default_summaries
from default_texts import prompts, task_input

WRITTEN = "task1613_sick_given_category_generate_sentence"
# What these ask for says no more than the text it is made of; FULLER ask for the text of what says no more.
SHORTER = ("task111_", "task1340_", "task1355_", "task933_", "task934_", "task770_", "task045_")
FULLER = ("task955_", "task1530_")
FALSE = "task1579_gigaword_incorrect_summarization"
KINDS = ["entailment", "neutral", "contradiction"]
# Three choices: it follows, it may be, it does not; two: it follows, or it does not.
ASK = [("{a}. Is it true that {b}?", ["Yes", "Maybe", "No"]),
       ("{a}.\n\nClaim: {b}.\nIs the claim true, false or not known from this?", ["True", "Not known", "False"]),
       ("Given that \"{a}\", is \"{b}\" right, possible or wrong?", ["Right", "Possible", "Wrong"]),
       ("Text: {a}.\nStatement: {b}.\nDoes the text support the statement?", ["It does", "It says nothing of it", "It denies it"]),
       ("{a}.\n\nDoes this mean that {b}?", ["Yes", "No"]),
       ("Somebody says: {a}. May one conclude that {b}, yes or no?", ["Yes", "No"]),
       ("{a}.\n\nQuestion: {b}. True or false?", ["True", "False"]),
       ("\"{b}\": does that follow from \"{a}\"?", ["It follows", "It does not follow"])]


# What is left of a prompt before and behind a text, where both prompts have it.
PROMPT = re.compile(r"^.*\bthat \"|^\W*(?:that|true that|claim:|question:|statement:)\W|\"?[?.]\"?\s+(?:yes|true|always|guaranteed|correct)\b.*$",
                    re.IGNORECASE | re.DOTALL)


def shared_texts(a, b):
    """The two longest strings that two prompts have in common, in order, without words of the prompts at their ends; None if
    one is short."""
    blocks = difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    longest = sorted(sorted(blocks, key=lambda m: -m.size)[:2], key=lambda m: m.a)
    texts = [re.sub(PROMPT, "", a[m.a:m.a + m.size]) for m in longest]
    return texts if len(texts) == 2 and min(len(t.split()) for t in texts) > 2 else None


def rendered(sources):
    """(text, hypothesis, index in KINDS)"""
    for first, second in prompts(sources):
        if texts := shared_texts(first["instruction"], second["instruction"]):
            yield *texts, first["answer"]


def written(sources):
    for row in (r for r in sources if r["task"] == WRITTEN):
        match = re.search(r"sentence_A: (.*?)\.? category: (\w+)", row["instruction"])
        yield match[1], row["references"][0], KINDS.index(match[2])


def bag(text):
    return set(re.findall(r"\w{3,}", text.lower()))


def retold(ni, rng):
    """(text, statement) of which the statement follows."""
    for row in ni:
        text = task_input(row).rsplit("Sentence: ", 1)[-1].strip()
        for other in rng.sample(row.get("references", []), min(2, len(row.get("references", [])))):
            pair = (text, other) if row["task"].startswith(SHORTER) else (other, text) if row["task"].startswith(FULLER) else None
            if pair and 4 < len(pair[1].split()) < 40 and pair[0] != pair[1] and \
                    len(bag(pair[1]) - bag(pair[0])) < 0.4 * len(bag(pair[1])): # some are beside another row's text
                yield pair


def followed(ni, articles, rng):
    """(text, statement, whether it follows); of news, one in three texts stands among other sentences."""
    pairs = list(retold(ni, rng))
    for text, statement in pairs:
        if rng.random() < 0.3:
            text = " ".join(rng.sample([text, rng.choice(rng.choice(articles))], 2))
        yield text, statement, True
        others = [other for _, other in rng.sample(pairs, 60) if other != statement]
        near = max(others, key=lambda other: len(bag(other) & bag(text)))
        swapped = default_summaries.swapped(statement, " ".join(others[:8]), rng)
        yield text, swapped if swapped and rng.random() < 0.6 else near, False
    for said in articles:
        n = rng.randint(2, 4)
        text = " ".join(said[:n])
        later = max(said[n:], key=lambda sentence: len(bag(sentence) & bag(text)))
        yield text, later, False
        swapped = default_summaries.swapped(said[0], later, rng)
        is_false = swapped is not None and rng.random() < 0.3
        yield text, swapped if is_false else said[rng.randrange(n)], not is_false
    for row in (r for r in ni if r["task"] == FALSE):
        yield task_input(row), row["references"][0], False


def ask(text, hypothesis, answer, asks, rng):
    """answer: an index in KINDS, or whether it follows."""
    wording, choices = rng.choice(asks)
    text, hypothesis = (t.strip(" .:?\"'\n") for t in (text, hypothesis))
    answer = int(answer > 0) if len(choices) == 2 else answer
    return {"task": "inference", "instruction": wording.replace("{a}", text).replace("{b}", hypothesis), "choices": choices,
            "answer": answer}


def rows(mnli, ni, articles, rng):
    """{source: rows}"""
    made = [ask(*pair, ASK, rng) for pair in list(rendered(mnli)) * 3 + list(written(ni)) * 2]
    two = [(wording, choices) for wording, choices in ASK if len(choices) == 2]
    follows = [ask(text, statement, int(not does), two, rng)
               for text, statement, does in followed(ni, articles, rng)]
    return {"inference": made, "follows": follows}
