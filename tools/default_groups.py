# SPDX-License-Identifier: Apache-2.0
"""The training groups of the default model: one instruction with several responses and their labels, made from the rows
that $CAPPY_SHARED/data/README.md describes.  groups() is an endless stream of them."""
import collections, gzip, json, math, os, random, re, zlib
from pathlib import Path

import default_questions
from rouge_score import rouge_scorer

# Groups drawn from each source, in proportion.  rendered_mnli is left out, so that natural language
# inference stays an unseen kind of task.
MIX = {"pool_niv1": 1800, "pool_gisting": 4500, "gsm8k": 100, "rotten_tomatoes": 1200, "amazon": 600,
       "yelp": 200, "imdb": 50, "dbpedia": 200, "qqp": 200, "p3_closed": 500, "p3_open": 1200,
       "ni_closed": 400, "ni_open": 2000, "abstain": 300, "topics": 1300, "long": 2500, "qa": 10000}
SHORT = 90          # rows longer than this many tokens (roughly) are kept with probability SHORT/length
VAL_EVERY = 50      # one row in 50 (by a checksum of its id) is held out for validation
_rouge = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)


def rouge(refs, text):
    return max(_rouge.score(r, text)["rougeL"].fmeasure for r in refs)


def read(path):
    path = next((p for p in (Path(str(path) + ".jsonl.gz"), Path(str(path) + ".jsonl")) if p.exists()), path)
    with (gzip.open(path, "rt", encoding="utf-8") if str(path).endswith(".gz") else open(path, encoding="utf-8")) as f:
        return [json.loads(line) for line in f]


def words(s):
    return re.findall(r"\w+|[^\w\s]", s)


def sentences(s):
    return re.split(r"(?<=[.?!\n])\s+", s.strip())


def load_sources(data, embed):
    """{source: {task: [row, ...]}} for training and for validation; embed(texts) gives a unit vector each."""
    train, val = (collections.defaultdict(lambda: collections.defaultdict(list)) for _ in range(2))
    files = {"p3_t0": "p3", "superni_train": "ni", "superni_train_more": "ni"}
    files |= {"rendered_" + n: n for n in ("rotten_tomatoes", "amazon", "yelp", "imdb", "dbpedia", "qqp")}
    rows = [(s, r) for f, s in files.items() for r in read(data / "pretrain" / f)]
    topics = load_topics([r for s, r in rows if s == "p3"], embed, random.Random(2))
    rows += [("topics", r) for r in topics]
    rows += [("pool_niv1", r) for r in read(data / "pools/niv1_gpt3")]
    rows += [("pool_gisting", r) for r in read(data / "pools/gisting_seen")]
    rows += [("gsm8k", r) for r in read(data / "pools/gsm8k_train2000")]
    seen = collections.defaultdict(set)            # the answers that occur in each p3 template
    for s, r in rows:
        if s == "p3" and "choices" in r:
            seen[r["task"]].add(r["choices"][r["answer"]])
    for s, r in rows:
        if s in ("p3", "ni"):
            if "ag_news" in r["task"] or all(len(c) == 1 and c.isalpha() for c in r.get("choices", ["--"])):
                continue                           # p3's AG News has two of its four labels only; bare letters
            s += "_closed" if "choices" in r else "_open"
        if s == "p3_closed":
            # p3 holds the first ~200 items of each set: a choice of a fixed label set that is never right
            # in its template would be learnt as always wrong.  (Lists of options differ from row to row.)
            if len(seen[r["task"]]) <= 20:
                right = r["choices"][r["answer"]]
                r["choices"] = [c for c in r["choices"] if c in seen[r["task"]]]
                r["answer"] = r["choices"].index(right)
            if len(r["choices"]) < 2:
                continue
        if "references" in r:
            r["references"] = [t for t in r["references"] if t.strip()]
            if not r["references"]:
                continue
        r["n"] = len(words(r["instruction"]))
        to = val if zlib.crc32(r["id"].encode()) % VAL_EVERY == 0 else train
        to[s][r["task"]].append(r)
        if s in ("p3_open", "ni_open") and len(sentences(r["instruction"])) > 3 and r["n"] < 220 and \
                all(len(t.split()) < 7 and len(t) > 2 and t.rstrip(".") in r["instruction"] for t in r["references"]):
            to["abstain"][r["task"]].append(r)     # the answer is a short span of the prompt
        if s in ("p3_open", "ni_open") and r["n"] < 150 and len(r["references"][0].split()) > 14:
            to["long"][r["task"]].append(r)        # more than a phrase is asked for
    items = default_questions.load([r for s, r in rows if s in ("p3", "ni")])
    for k, item in enumerate(items):
        to = val if k % VAL_EVERY == 0 else train
        to["qa"]["real" if item[1] else "cloze"].append(item)
    return train, val


# Topics, as no training set has them balanced: news sentences of the training rows, labelled by the encoder itself as a
# sentence embedder (all-MiniLM's cosine with "This text is about ..."), asked for in the words of ASK_TOPIC or of p3's
# AG News prompts, from which the texts and their two-of-four labels are taken out.
SECTIONS = {"politics": ("World politics", "World News", "Politician"), "sports": ("Sports", "Sports", "Athlete"),
            "business": ("Business", "Business", "Business executive"),
            "science": ("Science and technology", "Science and Technology", "Scientist")}
TOPICS = ["World politics", "Sports", "Business", "Science and technology", "Health", "Entertainment", "Crime", "Education",
          "Travel", "Food and cooking", "Religion", "War and conflict", "Weather", "Law", "Music", "Movies", "Finance",
          "Computers and the internet", "Space", "Animals", "Art and culture", "Elections", "Football", "Energy", "History"]
ASK_TOPIC = ["%s\n\nWhat is this text about?", "Choose the topic of the text.\n\n%s", "Topic of the following news: %s",
             "%s\nWhich category fits best?", "Classify the article by subject.\n\n%s", "%s\n\nThe subject of this news story is:",
             "In which part of a newspaper would this appear?\n\n%s", "Label the text with its theme.\n\nText: %s\nTheme:"]


def load_topics(rows, embed, rng):
    """Rows with choices for the source "topics"."""
    news = ("xsum", "cnn_dailymail", "multi_news", "gigaword")
    texts, prompts = set(), collections.defaultdict(list)
    for r in rows:
        if any(n in r["task"] for n in news):
            parts = [x for t in r.get("references", []) + [r["instruction"]] for x in sentences(t.replace("``", '"'))]
            texts |= {" ".join(x.split()) for x in parts if 9 <= len(x.split()) <= 45}
        elif "ag_news" in r["task"]:
            prompts[r["task"]].append(r)
    asks = [(a, None) for a in ASK_TOPIC]
    for group in prompts.values():                     # what all prompts of a template begin and end with
        both = [r["instruction"] for r in group]
        head, tail = os.path.commonprefix(both), os.path.commonprefix([b[::-1] for b in both])[::-1]
        texts |= {" ".join(b[len(head):len(b) - len(tail)].split()) for b in both}
        column = next(k for k in range(3) if group[0]["choices"][1] == SECTIONS["sports"][k] and
                      group[0]["choices"][0] == SECTIONS["politics"][k])
        asks += [(head.replace("%", "%%") + "%s" + tail.replace("%", "%%"), column)] * 2
    texts = sorted(t for t in texts if len(t) > 30)
    rng.shuffle(texts)
    texts = texts[:6000]
    names = [f"This text is about {t}." for t in TOPICS]
    near = embed(texts) @ embed(names).T                      # [texts, topics]
    out, sure = [], collections.defaultdict(list)
    for text, sim in zip(texts, near):
        order = sim[:4].argsort(descending=True).tolist()
        if sim[order[0]] - sim[order[1]] > 0.06:
            sure[list(SECTIONS)[order[0]]].append((text, sim))
    print("topics", {k: len(v) for k, v in sure.items()}, flush=True)
    for k in range(6000):
        section = rng.choice(list(SECTIONS))
        text, sim = rng.choice(sure[section])
        ask, column = rng.choice(asks)
        if column is None and rng.random() < 0.6:      # any topics, if the nearest stands out
            some = rng.sample(range(len(TOPICS)), rng.randint(3, 6))
            order = sorted(some, key=lambda t: -sim[t])
            if sim[order[0]] - sim[order[1]] < 0.06:
                continue
            choices = [TOPICS[t] for t in some]
            answer = some.index(order[0])
        else:
            choices = [v[column or 0] for v in SECTIONS.values()]
            answer = list(SECTIONS).index(section)
        ins = ask % text
        if column is None and rng.random() < 0.4:
            ins += "\nOptions: " + ", ".join(choices)
        out.append({"id": f"topics/{k}", "task": "topics", "instruction": ins, "choices": choices, "answer": answer,
                    "n": len(words(ins))})
    return out


def spoil(gold, row, other, rng):
    """A damaged response: (text, factor on its ROUGE-L)."""
    w = gold.split()
    kind = rng.choice(["cut", "drop", "shuffle", "extend", "repeat", "echo", "number", "other", "loop"])
    if kind == "number" and (m := list(re.finditer(r"\d+", gold))):
        m = rng.choice(m)
        return gold[:m.start()] + str(int(m.group()[:9]) + rng.choice([-3, -2, -1, 1, 2, 3, 10])) + gold[m.end():], 0.5
    if kind == "cut" and len(w) > 3:
        return " ".join(w[:max(1, int(len(w) * rng.uniform(0.3, 0.7)))]), 1
    if kind == "drop" and len(w) > 4:
        return " ".join(x for x in w if rng.random() > 0.3), 1
    if kind == "shuffle" and len(w) > 3:
        k = rng.randrange(1, len(w))
        return " ".join(w[k:] + w[:k]), 1
    if kind == "extend":
        return gold.rstrip() + rng.choice(["\n", " ", "\n\nInput: ", "\n\nQ: "]) + other, 1
    if kind == "repeat":
        return rng.choice([" ", "\n", "\n\nOutput: "]).join([gold] * rng.randint(2, 6))[:800], 1
    if kind == "loop":
        return (rng.choice(["Input:\nOutput:\n\n", "", "A: "]) + other[:60] + "\n") * rng.randint(3, 8), 1
    if kind == "echo":
        s = re.split(r"(?<=[.?!:\n])\s+", row["instruction"].strip())
        return rng.choice([row["instruction"][-400:], rng.choice(s)]), 1
    return other, 1


ABSTAIN = ["unanswerable", "No answer.", "Not given.", "I don't know.", "Not stated in the text.", "N/A", "not mentioned",
           "The passage does not say.", "cannot be answered", "No such information.", "Unknown."]
ASK = ['If the text does not give the answer, reply "%s".', 'Say "%s" if the answer is not there.',
       'Answer from the text, or "%s" when it is not in it.', 'Write "%s" if it cannot be told.']


def make_group(source, row, rows, elsewhere, rng):
    """[(instruction, response, label), ...] for one row; None if it has no contrast."""
    ins, out = row["instruction"], {}
    add = lambda text, label: text.strip() and out.setdefault(text.strip(), label)
    if source == "abstain":
        # Ask for a stock phrase when the answer is not in the text; for half of the rows take the answer out of it.
        gone, phrase = rng.random() < 0.5, rng.choice(ABSTAIN)
        gold = rng.choice(row["references"])
        if gone:
            ins = "\n".join(s for s in sentences(ins) if not any(t.rstrip(".") in s for t in row["references"]))
        ask = rng.choice(ASK) % phrase
        ins = ins + "\n\n" + ask if rng.random() < 0.3 else ask + "\n\n" + ins
        add(phrase, float(gone))
        add(gold, float(not gone))
        for _ in range(2):
            w, n = ins.split(), rng.choice([1, 1, 2, 3, 5, 9])
            k = rng.randrange(max(1, len(w) - n))
            text = " ".join(w[k:k + n]).strip(" ,.;:")
            add(text, 0.0 if gone else rouge(row["references"], text))
        return [(ins, t, float(y)) for t, y in out.items()] if len(out) > 2 else None
    if source == "long":
        # How much is enough: the whole answer, parts of it, a word, another's answer, an endless one.
        gold = rng.choice(row["references"])
        w = gold.split()[:90]
        add(" ".join(w) if len(w) == 90 else gold, 1.0)
        for share in (rng.uniform(0.4, 0.7), rng.uniform(0.08, 0.3)):
            text = " ".join(w[:max(1, int(len(w) * share))])
            add(text, rouge(row["references"], text))
        k = rng.randrange(max(1, len(ins.split()) - 4))
        curt = [t for t in elsewhere if len(t.split()) < 5] + ["Yes", "No", " ".join(ins.split()[k:k + rng.randint(1, 4)])]
        text = rng.choice(curt)
        add(text, rouge(row["references"], text))
        other = rng.choice(rng.choice(rows)["references"])
        if other not in row["references"]:
            text = " ".join(other.split()[:90])
            add(text, rouge(row["references"], text))
        if rng.random() < 0.4:
            text = rng.choice([" ".join(w[:12] * rng.randint(5, 9)), " ".join(w) + "\n\n" + " ".join(elsewhere)[:500]])
            add(text, rouge(row["references"], text))
        return [(ins, t, float(y)) for t, y in out.items()]
    if "choices" in row:
        wrong = [c for i, c in enumerate(row["choices"]) if i != row["answer"]]
        rng.shuffle(wrong)
        add(row["choices"][row["answer"]], 1.0)
        for c in wrong[:4]:
            add(c, 0.0)
    elif "candidates" in row:
        refs = row["references"]
        if rng.random() < 0.4:
            add(rng.choice(refs), 1.0)
        for c in rng.sample(row["candidates"], min(7, len(row["candidates"]))):
            add(c["text"], rouge(refs, c["text"]))
        if rng.random() < 0.2:
            add(rng.choice(elsewhere), 0.0)
    else:
        refs = row["references"]
        gold = rng.choice(refs)
        if len(gold.split()) < 8 and rng.random() < 0.5:    # most references are short; most questions to a model ask for more
            return None
        add(gold, 1.0)
        if len(gold.split()) > 11 and rng.random() < 0.6:   # a curt answer where more is asked for
            short = [t for t in elsewhere if len(t.split()) < 6] + ["Yes", "No", "True", "0"]
            k = rng.randrange(max(1, len(ins.split()) - 4))
            text = rng.choice(short + [" ".join(ins.split()[k:k + rng.randint(1, 4)])])
            add(text, rouge(refs, text))
        pick = [rng.choice(rng.choice(rows)["references"]) for _ in range(12)]
        pick = [p for p in pick if p not in refs] or [rng.choice(elsewhere)]
        bag = set(words(ins.lower()))
        near = max(pick, key=lambda p: len(bag & set(words(p.lower()))) / (2 + len(set(words(p.lower())))))
        add(near, rouge(refs, near))                                        # the nearest of 12 targets of the task
        far = rng.choice(pick)
        score = rouge(refs, far)
        add(far, score if score >= 0.5 else 0.0)                            # a mismatched reference
        if rng.random() < 0.6:                                              # words of the prompt, as many as in gold
            w, n = ins.split(), max(1, min(60, len(gold.split()) + rng.randint(-1, 2)))
            k = rng.randrange(max(1, len(w) - n))
            text = " ".join(w[k:k + n]).strip(" ,.;:")
            add(text, rouge(refs, text))
        if rng.random() < 0.6:
            text, factor = spoil(gold, row, rng.choice(elsewhere if rng.random() < 0.5 else pick), rng)
            add(text, rouge(refs, text) * (1 if text in refs else factor))
    items = [(ins, t, float(y)) for t, y in out.items()]
    return items if len(items) > 1 and max(y for *_, y in items) - min(y for *_, y in items) > 0.02 else None


def groups(sources, rng, mix=MIX):
    """An endless stream of groups: a source by MIX, a task by the root of its size, a row favouring short ones."""
    mix = {s: n for s, n in mix.items() if s in sources}
    names, weights = list(mix), list(mix.values())
    tasks = {s: (list(t), [math.sqrt(len(r)) for r in t.values()]) for s, t in sources.items()}
    if "qa" in tasks:
        tasks["qa"] = (["real", "cloze"], [3, 1])
        others = [i for t in sources["qa"].values() for i in t]
    opens = [r for s in ("p3_open", "ni_open") for t in sources[s].values() for r in t]
    while True:
        s = rng.choices(names, weights)[0]
        t = rng.choices(*tasks[s])[0]
        row = rng.choice(sources[s][t])
        if s == "qa":
            if g := default_questions.make_group(row, others, rng, rouge):
                yield s, g
            continue
        size = row["n"] * 1.2 + 10
        if not s.startswith("pool") and (size > 330 or rng.random() > SHORT / size):
            continue
        elsewhere = [rng.choice(rng.choice(opens)["references"]) for _ in range(4)]
        if g := make_group(s, row, sources[s][t], elsewhere, rng):
            yield s, g
