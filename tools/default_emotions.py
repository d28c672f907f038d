# SPDX-License-Identifier: Apache-2.0
"""Task rows with choices that ask for the emotion in a text, for tools/default_tasks.py: of the 500 sentences that
task875 of Super-NaturalInstructions labels, each in several wordings, with several sets of labels, under several names;
and of reviews, of which is known only whether they are for or against: one emotion of that side, the others of the other.
"""
import collections
import difflib
import random
import re

TASK = "task875_emotion_classification"
NAMES = {"joy": ("joy", "joy", "happiness"), "sadness": ("sadness", "sadness", "sorrow"), "anger": ("anger", "anger", "rage"),
         "fear": ("fear", "fear", "anxiety"), "love": ("love", "love", "affection"),
         "surprise": ("surprise", "surprise", "amazement"), "optimism": ("optimism", "optimism", "hope")}
# What the set calls joy is hope where it has one of these.
HOPE = re.compile(r"\b(?:optimis\w+|hop(?:e|eful|efully|ing)|eager|excited|confident|determined|encouraged|keen|looking forward"
                  r"|positive|inspired|motivated)\b")
SIDES = (("anger", "sadness", "disappointment", "annoyance", "frustration", "boredom", "disgust"),
         ("joy", "optimism", "love", "delight", "happiness", "enthusiasm", "hope"))
ASK = ["{text}\n\nHow does the writer feel?", "Name the emotion in this message.\n\n{text}", "Which feeling does this text show?\n\n{text}",
       "Text: {text}\nEmotion:", "{text}\n\nThe mood of these words is:", "What is the person who wrote this feeling?\n{text}"]
ASK_OF = ["{text}\n\nHow does the writer feel: {labels}?", "Name the emotion in this message. Options: {labels}\n\n{text}",
          "Is the feeling in this text {labels}?\n\n{text}", "Label the post with one of these moods: {labels}.\n\nPost: {text}\nMood:",
          "{text}\n\nChoose the emotion that fits: {labels}", "Somebody wrote: \"{text}\" Which of these do you hear in it?\n{list}",
          "Read the message and select a feeling.\n\n{text}\n\n{list}"]


def listed(labels, rng):
    form = rng.choice(["- {}", "* {}", "{}", "({n}) {}", "{n}. {}"])
    return "\n".join(form.format(label, n=n) for n, label in enumerate(labels, 1))


def ask(text, labels, rng):
    wording = rng.choice(ASK if rng.random() < 0.3 else ASK_OF)
    sentence = ", ".join(labels[:-1]) + rng.choice([" or ", ", ", ", or "]) + labels[-1]
    return wording.format(text=text, labels=sentence, list=listed(labels, rng))


def task(text, labels, right, rng):
    labels = rng.sample(labels, len(labels))
    return {"task": "emotions", "instruction": ask(text, labels, rng), "choices": labels, "answer": labels.index(right)}


def of_sentences(sources, rng):
    for row in (r for r in sources if r["task"] == TASK):
        text, emotion = row["instruction"].split("\n\n", 1)[1].strip(), row["choices"][row["answer"]]
        emotion = "optimism" if emotion == "joy" and HOPE.search(text) else emotion
        if emotion not in NAMES:
            continue
        others = [e for e in NAMES if e != emotion and {e, emotion} != {"joy", "optimism"} and {e, emotion} != {"joy", "love"}]
        for _ in range(4):
            right = rng.choice(NAMES[emotion])
            wrong = [rng.choice(NAMES[e]) for e in rng.sample(others, rng.randint(2, 4))]
            yield task(text, [right] + wrong, right, rng)


def reviews(sources):
    """(text, whether it is for its subject): what the two prompts of each review share. Their first choice is against."""
    prompts = collections.defaultdict(list)
    for row in sources:
        prompts[row["id"].rsplit("/", 1)[1]].append(row)
    for rows in prompts.values():
        if len(rows) == 2:
            a, b = (row["instruction"] for row in rows)
            match = difflib.SequenceMatcher(None, a, b, autojunk=False).find_longest_match()
            yield a[match.a:match.a + match.size].strip(), rows[0]["answer"]


def of_reviews(sources, rng):
    for text, side in reviews(sources):
        right = rng.choice(SIDES[side])
        yield task(text, [right] + rng.sample(SIDES[1 - side], rng.randint(1, 3)), right, rng)


def rows(sentences, opinions, rng):
    """The task rows, made of Super-NaturalInstructions and of rendered reviews."""
    return {"emotions": list(of_sentences(sentences, rng)), "feelings": list(of_reviews(opinions, rng))}
