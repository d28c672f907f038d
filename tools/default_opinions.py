# SPDX-License-Identifier: Apache-2.0
"""Task rows with choices that ask whether a text is for or against its subject, for tools/default_tasks.py: reviews, parts of
long ones, which are taken to be of the same side, and the sentences that task927 of Super-NaturalInstructions turns.
"""
import collections
import difflib

from default_texts import prompts, sentences, task_input

TURNED = "task927_yelp_negative_to_positive_style_transfer"
LONG = 45 # words: of longer reviews the first or the last sentences stand alone
ASK = [("{}\n\nIs the sentiment of this {against} or {for}?", ("negative", "positive")),
       ("Review: {}\nSentiment:", ("negative", "positive")),
       ("Somebody said: \"{}\" Did they like it?", ("No", "Yes")),
       ("{}\n\nWould the writer recommend it?", ("No", "Yes")),
       ("\"{}\"\nThis is {against} or {for}:", ("bad", "good")),
       ("What does this say about its subject? {}", ("It is bad.", "It is good.")),
       ("Does this sound {for} or {against}?\n\n{}", ("unhappy", "happy")),
       ("{}\n\nThe writer thinks that it was", ("terrible", "great")),
       ("Judge the tone of the text, {for} or {against}.\n\nText: {}", ("critical", "favourable")),
       ("{}\n\nThumbs up or thumbs down?", ("thumbs down", "thumbs up"))]


def shared_text(a, b):
    """The longest run of words that two prompts of one text have in common."""
    a, b = a.split(" "), b.split(" ")
    match = difflib.SequenceMatcher(None, a, b, autojunk=False).find_longest_match()
    return " ".join(a[match.a:match.a + match.size]).strip()


def reviews(sources):
    """(text, whether it is for its subject) of rows with two prompts for each text, whose first choice is against; of five
    choices, as many as stars, the outer ones alone."""
    for first, second in prompts(sources):
        last = len(first["choices"]) - 1
        if first["answer"] in (0, last):
            yield shared_text(first["instruction"], second["instruction"]), first["answer"] == last


def part(text, rng):
    """The text, if it is short; or the beginning or the end of it."""
    if len(text.split()) <= LONG:
        return text
    said = [s for s in sentences(text) if 4 < len(s.split()) <= LONG]
    return rng.choice([said[0], said[-1], " ".join(said[-2:])]) if said else None


def task(text, side, rng):
    wording, labels = rng.choice(ASK)
    ask = wording.replace("{against}", labels[0].lower().rstrip(".")).replace("{for}", labels[1].lower().rstrip("."))
    return {"task": "opinions", "instruction": ask.replace("{}", text), "choices": list(labels), "answer": int(side)}


def rows(ni, sets, rng):
    """sets: [[row, ...], ...], of reviews, each with the answers of one kind."""
    known = [review for rows_of_set in sets for review in reviews(rows_of_set)]
    times = collections.Counter(text for text, _ in known)
    known = [(text, side) for text, side in known if times[text] == 1] # not the words of two prompts
    for row in (r for r in ni if r["task"] == TURNED):
        known.append((task_input(row), False))
        known.append((row["references"][0], True))
    made = []
    for text, side in known:
        for text_or_part in dict.fromkeys((part(text, rng), part(text, rng))):
            if text_or_part:
                made.append(task(text_or_part, side, rng))
    return made
