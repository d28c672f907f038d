# SPDX-License-Identifier: Apache-2.0
"""Task rows that ask about a text, for tools/default_tasks.py: which span answers, and whether any does.

The questions are those of the training rows whose prompts are a passage and a question, and cloze questions made from
the passages.  Half of the prompts offer a phrase to give when the text holds no answer; many hold earlier questions
with their answers, as prompts with examples do.
"""
import collections, re

from default_texts import sentences

PASSAGES = [   # task, pattern with the groups "p" (the passage) and "q" (the question)
    (r"p3_adversarial_qa_\w+_question_context_answer", r'Question: "(?P<q>.+?)"\s+Context: "(?P<p>.+)"\s+Answer:'),
    (r"p3_quoref_Given_Context_Answer_Question", r"(?P<q>.+?)\s+Answer the above question[^\n]*\s+(?P<p>.+)"),
    (r"p3_duorc_\w+_answer_question", r".*?Question: (?P<q>[^\n]+)\n.*?Movie plot: (?P<p>.+)"),
    (r"p3_sciq_Direct_Question", r"[^\n]*\n+(?P<p>.+?)\s+Q: (?P<q>.+?)\s+A:"),
    (r"task1327_qa_zre\w+", r".*?Context : (?P<p>.+?)\s+Question : (?P<q>.+)"),
    (r"task918_coqa\w+", r".*?story: (?P<p>.+), question: (?P<q>.+)"),
    (r"task002_quoref\w+", r".*?Passage: (?P<p>.+?)\s+Question: (?P<q>.+)"),
    (r"task051_multirc\w+", r".*?Sentence: (?P<p>.+?)\s+Question: (?P<q>.+)"),
]
PLAIN = r"task1609_xquad\w+|task739_lhoestq\w+|task461_qasper\w+|task461\w+|p3_(xsum|multi_news|cnn_dailymail)\w+"   # passages for cloze questions
ABSTAIN = ["unanswerable", "No answer.", "Not given.", "I don't know.", "Not stated in the text.", "N/A", "not mentioned",
           "The passage does not say.", "cannot be answered", "No such information.", "Unknown.", "not in the passage",
           "Not in the text.", "The answer is not there.", "None", "no answer found", "Not in the context."]
HEADS = ['Answer the question from the %(n)s; say "%(a)s" if the answer is not there.',
         'If the %(n)s does not give the answer, reply "%(a)s".', 'Answer from the %(n)s, or "%(a)s" when it is not in it.',
         'Read the %(n)s and answer. Write "%(a)s" if it cannot be told.',
         'Use only the %(n)s below. If it does not answer the question, output "%(a)s".']
ASK = ['If the text does not give the answer, reply "%s".', 'Say "%s" if the answer is not there.',
       'Answer from the text, or "%s" when it is not in it.', 'Write "%s" if it cannot be told.']
BARE = ["Answer the question from the %(n)s.", "Read the %(n)s and answer the question.", "",
        "Extract the answer to the question from the %(n)s.", "Give a short answer, in the words of the %(n)s."]
NOUNS = ["text", "passage", "background", "context", "paragraph", "story", "article"]
STOP = set("the a an of to in and or is was were are be been by for on at as with that this it its his her their he she they from "
           "but not which who whom had has have will would can could also than then into after before during when where while "
           "there these those such some other more most very all any each both about over under up out so if".split())
NAME = re.compile(r"(?:[A-Z][\w'.&-]*|\d[\d,.]*)(?: (?:of |the |de |and )?(?:[A-Z][\w'&-]*|\d[\d,]*))*")


def names(text):
    """Capitalised runs and numbers: what most questions ask for."""
    out = []
    for s in sentences(text):
        for m in NAME.finditer(s):
            t = m.group().strip(" .,'")
            if m.start() == 0 and (t.lower() in STOP or " " not in t) or len(t) < 2:
                continue
            out.append(t)
    return out


def ngram(text, n, rng):
    """About n words in a row, beginning and ending with words that mean something."""
    w = text.split()
    for _ in range(8):
        k = rng.randrange(max(1, len(w) - n))
        part = w[k:k + n]
        while part and part[0].lower() in STOP:
            part = part[1:]
        while part and part[-1].lower() in STOP:
            part = part[:-1]
        t = " ".join(part).strip(" ,.;:\"()'")
        if t and not re.search(r"[.?!] ", t):
            return t
    return ""


def load(rows):
    """{whether there are any questions: [(passage, [(question, answers), ...]), ...]} from training rows."""
    found = collections.defaultdict(dict)
    for r in rows:
        if "references" not in r:
            continue
        for task, pattern in PASSAGES:
            if re.fullmatch(task, r["task"]) and (m := re.fullmatch(pattern, r["instruction"].strip(), re.S)):
                p = " ".join(m["p"].split())
                found[p].setdefault(" ".join(m["q"].split()), r["references"])
        if re.fullmatch(PLAIN, r["task"]):
            p = " ".join(max(r["instruction"].split("\n"), key=len).split())
            if len(p.split()) > 40:
                found[p]
    items = [(p, list(q.items())) for p, q in found.items() if len(sentences(p)) > 1 or q]
    return {has: [i for i in items if bool(i[1]) == has] for has in (True, False)}


def cloze(sentence, rng):
    """(question, answer) made of a statement of the passage, or None."""
    spots = [m for m in NAME.finditer(sentence) if m.start() > 0 and len(m.group()) > 1]
    if rng.random() < 0.25 or not spots:
        t = ngram(sentence, rng.choice([1, 2, 2, 3, 4]), rng)
        k = sentence.find(t)
        if not t or k < 0:
            return None
        start, answer = k, t
    else:
        m = rng.choice(spots)
        start, answer = m.start(), m.group().strip(" .,'")
    left, right = sentence[:start].split(), sentence[start + len(answer):].split()
    if len(left) + len(right) < 4:
        return None
    keep = lambda w: [x for x in w if rng.random() > 0.12]
    left, right = keep(left[-rng.randint(4, 12):]), keep(right[:rng.randint(3, 10)])
    if rng.random() < 0.35:
        return " ".join(left + [rng.choice(["____", "...", "_"])] + right), answer
    if re.fullmatch(r"(1\d|20)\d\d", answer):
        wh = rng.choice(["what year", "when", "which year"])
    elif re.match(r"\d", answer):
        wh = rng.choice(["how many", "how much", "what number"])
    elif answer[0].isupper():
        wh = rng.choice(["who", "what", "which", "where", "whom"])
    else:
        wh = rng.choice(["what", "what", "how", "which thing"])
    q = " ".join(left + [wh] + right).strip(" ,.;:")
    if rng.random() < 0.5 and right:                          # "what ... right" alone, as most questions begin
        q = " ".join([wh] + right).strip(" ,.;:") if len(right) > 3 else q
    return q[0].upper() + q[1:] + "?", answer


def ask(passage, questions, rng):
    """(question, answers, the sentence that answers): a real one, if there is one, or a cloze question."""
    ss = sentences(passage)
    real = [(q, a) for q, a in questions if any(t.strip(" .").lower() in passage.lower() for t in a)]
    if real and rng.random() < 0.75:
        q, a = rng.choice(real)
        return q, a, next((s for s in ss if any(t.strip(" .").lower() in s.lower() for t in a)), None)
    for _ in range(6 if ss else 0):
        s = rng.choice(ss)
        if 8 <= len(s.split()) <= 45 and (c := cloze(s, rng)):
            return c[0], [c[1]], s
    return None


def foreign(passage, q, others, rng):
    """A question that the passage does not answer: another passage's, or this one's with its names changed."""
    mine = [n for n in names(q) if len(n) > 2]
    pool = [n for n in names(passage) if n not in q] + [n for n in names(rng.choice(others)[0]) if n not in passage]
    if mine and pool and rng.random() < 0.5:
        return q.replace(rng.choice(mine), rng.choice(pool))
    p, qs = rng.choice(others)
    got = ask(p, qs, rng)
    return got[0] if got and not any(t.lower() in passage.lower() for t in got[1]) else None


def holds(text, answers):
    return any(t.strip(" .").lower() in text.lower() for t in answers)


def around(ss, k, room, rng):
    """The sentences around the one at k that have so many words together."""
    lo = hi = k
    while sum(len(s.split()) for s in ss[lo:hi + 1]) < room and (lo > 0 or hi < len(ss) - 1):
        if lo > 0 and (rng.random() < 0.5 or hi == len(ss) - 1):
            lo -= 1
        else:
            hi += 1
    return ss[lo:hi + 1]


def unanswered(q, answers, shown, passage, others, rng):
    """(question, sentences), without what answers it where that can be done: its sentences are taken out, or it is another."""
    if rng.random() < 0.5 and len(shown) > 2:
        rest = [s for s in shown if not holds(s, answers)]
        return (q, rest) if rest else None
    new = foreign(passage, q, others, rng)
    return (new, shown) if new else None


def earlier(text, questions, q, phrase, others, rng):
    """[(question, answer), ...] about the same text; those with phrase (None: none) have no answer there."""
    out = []
    if rng.random() < 0.5:
        for _ in range(rng.choice([1, 1, 2, 3, 4])):
            got = ask(text, [x for x in questions if x[0] != q], rng)
            if not got or got[0] == q:
                continue
            if phrase and rng.random() < 0.3 and (new := foreign(text, got[0], others, rng)):
                out.append((new, phrase))
            elif holds(text, got[1]):
                out.append((got[0], got[1][0]))
    return out


def prompt(text, q, before, offered, phrase, rng):
    noun = rng.choice(NOUNS)
    head = (rng.choice(HEADS) if offered else rng.choice(BARE)) % {"n": noun, "a": phrase}
    a, b = rng.choice([("Q: ", "A:"), ("Question: ", "Answer:"), ("Q: ", "A:"), ("", "")])
    label = rng.choice(["", "", noun.capitalize() + ": ", noun.capitalize() + ":\n"])
    gap = rng.choice(["\n\n", "\n"])
    turns = gap.join(f"{a or 'Q: '}{x}{gap}{b or 'A:'} {y}" for x, y in before)
    last = f"{a}{q}" + (gap + b if b else "")
    parts = [head, label + text, turns, last] if before or rng.random() < 0.75 else [head, last.replace(gap + b, ""), label + text]
    return "\n\n".join(x for x in parts if x)


def make(passages, rng, graded, labelled):
    """A task row by graded() or labelled() of default_tasks, or None; three in four of a passage with questions."""
    passage, questions = rng.choice(passages[rng.random() < 0.75])
    others = passages[True] + passages[False]
    got = ask(passage, questions, rng)
    ss = sentences(passage)
    if not got or got[2] is None or not ss:
        return None
    q, answers, home = got
    shown = around(ss, ss.index(home) if home in ss else 0, rng.choice([50, 70, 90, 120, 160]), rng)
    offered, phrase = rng.random() < 0.6, rng.choice(ABSTAIN)
    without = unanswered(q, answers, shown, passage, others, rng) if offered and rng.random() < 0.5 else None
    q, shown = without or (q, shown)
    text = " ".join(shown)
    if len(text.split()) < 12 or not without and not holds(text, answers):
        return None
    before = earlier(text, questions, q, phrase if offered else None, others, rng)
    instruction = prompt(text, q, before, offered, phrase, rng)
    texts = wrong_answers(text, answers, before, shown, q, rng)
    if without and rng.random() < 0.6 and home in passage: # the answer that was taken out, or that of the other question
        texts.append(answers[0])
    texts = [blur(t, rng) for t in texts if t and t != phrase]
    if without:
        return labelled(instruction, phrase, texts)
    right = blur(rng.choice(answers).strip(), rng)
    texts = [t for t in texts if t.lower() != right.lower()]
    return graded(instruction, answers, [right] + ([phrase] if offered or rng.random() < 0.3 else []) + texts)


def blur(text, rng):
    """A full stop or a capital says nothing."""
    if rng.random() < 0.5:
        return text
    text = text.rstrip(".")
    text = text[:1].upper() + text[1:] if rng.random() < 0.4 else text
    return text + ("." if rng.random() < 0.5 else "")


def wrong_answers(text, answers, before, shown, q, rng):
    """Names and stretches of the text, an earlier answer, the right words in too many or too few."""
    spans = names(text)
    rng.shuffle(spans)
    n = max(1, min(8, len(answers[0].split())))
    out = spans[:rng.choice([1, 2, 2, 3])]
    out += [ngram(text, n + rng.choice([0, 0, 1, 2]), rng) for _ in range(rng.choice([0, 1, 2]))]
    if before and rng.random() < 0.8:
        out.append(rng.choice(before)[1])
    gold = answers[0].strip(" .")
    if rng.random() < 0.6:
        s = next((x for x in shown if gold.lower() in x.lower()), rng.choice(shown))
        w, at = s.split(), max(0, len(s[:s.lower().find(gold.lower())].split())) if gold.lower() in s.lower() else 0
        lo, hi = max(0, at - rng.randint(0, 6)), at + n + rng.randint(0, 8)
        out.append(rng.choice([s, " ".join(w[lo:hi]).strip(" ,.;:"), f"{q.rstrip('?')} {gold}", gold + ". " + rng.choice(shown)]))
    if len(gold.split()) > 2 and rng.random() < 0.3:
        out.append(" ".join(gold.split()[:rng.randint(1, len(gold.split()) - 1)]))
    return out
