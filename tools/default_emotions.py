# SPDX-License-Identifier: Apache-2.0
"""Task rows with choices that ask for the emotion in a text, for tools/default_tasks.py: of the 500 sentences that
task875 of Super-NaturalInstructions labels, each in several wordings, with several sets of labels, under several names;
of reviews and tweets, of which is known only whether they are for or against: one emotion of that side, the others of the
other; and of what people say of themselves in any of the training rows, where a word tells the emotion.
"""
import collections
import re

import default_opinions
from default_texts import sentences, task_input

TASK = "task875_emotion_classification"
TWEETS = "task1687_sentiment140_classification"
STORIES = "task293_storycommonsense_emotion_text_generation"
NAMES = {"joy": ("joy", "joy", "happiness"), "sadness": ("sadness", "sadness", "sorrow"), "anger": ("anger", "anger", "rage"),
         "fear": ("fear", "fear", "anxiety"), "love": ("love", "love", "affection"),
         "surprise": ("surprise", "surprise", "amazement"), "optimism": ("optimism", "optimism", "hope")}
# What the set calls joy is hope where it has one of these.
HOPE = re.compile(r"\b(?:optimis\w+|hop(?:e|eful|efully|ing)|eager|excited|confident|determined|encouraged|keen|looking forward"
                  r"|positive|inspired|motivated)\b")
# Words that tell an emotion. A text with those of two does not tell.
WORDS = {emotion: re.compile(r"\b(?:%s)\b" % words, re.IGNORECASE) for emotion, words in {
    "anger": r"angry|anger\w*|mad at|furious|annoy\w+|irritated|outrag\w+|enraged|pissed|livid|rage|resent\w*|hate[sd]?"
             r"|infuriat\w+|hostile|offended|frustrat\w+|disgust\w*|jealous",
    "joy": r"happy|happiness|glad|delight\w*|joy\w*|thrilled|cheer\w*|ecstatic|overjoyed|elated|pleased|smil\w+|laugh\w*|fun"
           r"|enjoy\w*|celebrat\w+|excited|proud|grateful|amused|relieved|hilarious|love it",
    "sadness": r"sad|sadly|sadness|depress\w+|unhappy|miserable|heartbroken|grie\w+|cried|cry|crying|tears|sorrow|gloomy|lonely"
               r"|devastated|disappoint\w+|hopeless|mourn\w*|miss(?:ed)? (?:him|her|you|them)|hurt|ashamed|upset",
    "optimism": r"optimis\w+|hopeful|hopefully|i hope|hoping|looking forward|eager|confident|determined|encouraged|inspired"
                r"|motivated|believe in (?:you|your|my)\w*|never give up|don't give up|keep going|will be (?:fine|okay|better|great)",
    "fear": r"afraid|scared|scary|terrified|terrifying|fear\w*|frighten\w+|nervous|anxious|worried|worry|panic\w*|dread\w*",
}.items()}
PERSON = re.compile(r"\b(?:i|i'm|im|i've|my|me|we|our|you|your)\b", re.IGNORECASE)
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
        text, emotion = task_input(row), row["choices"][row["answer"]]
        emotion = "optimism" if emotion == "joy" and HOPE.search(text) else emotion
        if emotion not in NAMES:
            continue
        others = [e for e in NAMES if e != emotion and {e, emotion} != {"joy", "optimism"} and {e, emotion} != {"joy", "love"}]
        for _ in range(4):
            right = rng.choice(NAMES[emotion])
            wrong = [rng.choice(NAMES[e]) for e in rng.sample(others, rng.randint(2, 4))]
            yield task(text, [right] + wrong, right, rng)


def of_side(text, right, side, rng):
    return task(text, [right] + rng.sample(SIDES[1 - side], rng.randint(1, 3)), right, rng)


def of_reviews(sources, rng):
    for text, side in default_opinions.reviews(sources):
        yield of_side(text, rng.choice(SIDES[side]), side, rng)


def told(text):
    """The one emotion that its words tell, or None."""
    emotions = [emotion for emotion, words in WORDS.items() if words.search(text)]
    return emotions[0] if len(emotions) == 1 else None


def of_emotion(text, emotion, rng):
    right = rng.choice(NAMES[emotion])
    others = [e for e in WORDS if e != emotion and {e, emotion} != {"joy", "optimism"}]
    wrong = [rng.choice(NAMES[e]) for e in rng.sample(others, rng.randint(2, 3))]
    return task(text, [right] + wrong, right, rng)


def of_tweets(sources, rng):
    for row in (r for r in sources if r["task"] == TWEETS):
        text, side = task_input(row), row["choices"][row["answer"]] == "positive"
        for _ in range(2):
            yield of_side(text, rng.choice(SIDES[side][:2]), side, rng)


def of_stories(sources, rng):
    """A character's emotion in the last sentence of a story."""
    for row in (r for r in sources if r["task"] == STORIES):
        match = re.search(r"Context:(.*?)\n\s*Sentence:(.*?)\n\s*Character:(.*)", row["instruction"], re.DOTALL)
        emotion = told(" ".join(row["references"]))
        if match and emotion:
            context, last, who = (" ".join(part.split()) for part in match.groups())
            yield of_emotion(f"{context} {last} ({who})", emotion, rng)


def of_what_is_told(sources, rng):
    seen = set()
    for row in sources:
        texts = [task_input(row)] + row.get("references", [])
        for text in (t.strip() for whole in texts for t in sentences(whole)):
            if text not in seen and 5 < len(text.split()) < 40 and PERSON.search(text) and (emotion := told(text)):
                seen.add(text)
                yield of_emotion(text, emotion, rng)


def balanced(made, rng):
    """No more of one right answer than twice the rarest's."""
    by_answer = collections.defaultdict(list)
    for row in made:
        right = row["choices"][row["answer"]]
        by_answer[next(e for e, names in NAMES.items() if right in names)].append(row)
    most = 2 * min(map(len, by_answer.values()))
    return [row for rows in by_answer.values() for row in rng.sample(rows, min(most, len(rows)))]


def rows(ni, opinions, p3, rng):
    """{source: rows}, made of Super-NaturalInstructions, rendered reviews and P3."""
    return {"emotions": list(of_sentences(ni, rng)), "feelings": list(of_reviews(opinions, rng)),
            "tweets": list(of_tweets(ni, rng)),
            "told": balanced(list(of_stories(ni, rng)) + list(of_what_is_told(ni + p3, rng)), rng)}
