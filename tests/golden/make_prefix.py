#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes golden values of the prefix mask for the tiny models beside this file, from the layers of transformers and a mask
of four dimensions.

    prefix/<model>.json          "pairs": texts, how many tokens the prefix has ("head"), scores; "rows": a batch with
                                 targets for every label, three responses to each instruction; for either loss the losses
                                 and lengths of gradients of 5 AdamW steps on it
    prefix/<model>.safetensors   for either loss ("mse", "listwise") the gradients of the first step ("mse.gradient.NAME")
                                 and how far each weight has gone at the end, in fp16 ("mse.way.NAME")

Tokens before `head` see one another alone, the others see all, and the head reads token `head`, the separator before the
response. listwise is ListNet on the first label with temperature 0.2. fp32, no dropout, learning rate 1e-3, decay 0.01 for
matrices and tables, gradients clipped to a norm of 1. Needs torch, transformers, tokenizers, safetensors.
Run: tests/golden/make_prefix.py
"""
import json
import os
import random

import tokenizers
import torch
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS, RATE, DECAY, CLIP, TEMPERATURE, LENGTH = 5, 1e-3, 0.01, 1.0, 0.2, 64
INSTRUCTIONS = ["What is the capital of France?", "", "Is this positive or negative?\n\nI loved it.", "Explain why the sky is blue.",
                "<s> [CLS] literal </s> [SEP]", "A long instruction. " * 7, "Translate to German: good morning"]
RESPONSES = ["Paris.", "The cat sat on the mat and slept.", "", "positive negative great actors", "[MASK] <mask> words",
             "Light is scattered by air; blue light is scattered more than red light."]
SOME = [0, 1, 3]  # responses of the batch; INSTRUCTIONS[:4] are its instructions


def encode(tokenizer, name, instruction, response):
    e = tokenizer.encode(instruction, response)
    head = e.sequence_ids.index(1) - 1 if 1 in e.sequence_ids else len(e.ids) - 2
    return dict(ids=e.ids, segments=e.type_ids if name == "bert" else [0] * len(e.ids), head=head)


def score(model, row):
    """Every label's score, [L]."""
    encoder = model.base_model
    n, head = len(row["ids"]), row["head"]
    seen = torch.ones(n, n, dtype=torch.bool)
    seen[:head, head:] = False
    mask = torch.zeros(1, 1, n, n).masked_fill(~seen, torch.finfo(torch.float32).min)
    hidden = encoder.embeddings(input_ids=torch.tensor([row["ids"]]), token_type_ids=torch.tensor([row["segments"]]))
    for layer in encoder.encoder.layer:
        out = layer(hidden, attention_mask=mask)
        hidden = out[0] if isinstance(out, tuple) else out
    read = hidden[:, head:]
    return model.classifier(encoder.pooler(read) if encoder.pooler is not None else read)[0]


def loss_of(model, rows, loss):
    scores = torch.stack([score(model, r) for r in rows])
    targets = torch.tensor([r["targets"] for r in rows])
    if loss == "mse":
        return ((scores - targets) ** 2).mean()
    z = torch.log_softmax(scores[:, 0].view(-1, len(SOME)), dim=1)
    p = torch.softmax(targets[:, 0].view(-1, len(SOME)) / TEMPERATURE, dim=1)
    return -(p * z).sum(dim=1).mean()


def train(name, rows, loss, out):
    model = AutoModelForSequenceClassification.from_pretrained(os.path.join(HERE, name), dtype=torch.float32,
                                                               attn_implementation="eager")
    model.eval()  # no dropout
    named = dict(model.named_parameters())
    start = {n: p.detach().clone() for n, p in named.items()}
    optimiser = torch.optim.AdamW(
        [{"params": [p for p in named.values() if p.ndim == 2], "weight_decay": DECAY},
         {"params": [p for p in named.values() if p.ndim == 1], "weight_decay": 0.0}],
        lr=RATE, betas=(0.9, 0.999), eps=1e-8)
    losses, norms = [], []
    for step in range(STEPS):
        optimiser.zero_grad()
        value = loss_of(model, rows, loss)
        value.backward()
        if step == 0:
            out.update({f"{loss}.gradient.{n}": p.grad.detach().clone() for n, p in named.items()})
        losses.append(value.item())
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        optimiser.step()
    out.update({f"{loss}.way.{n}": (p.detach() - start[n]).half() for n, p in named.items()})
    return dict(losses=losses, norms=norms)


def make(name):
    model = AutoModelForSequenceClassification.from_pretrained(os.path.join(HERE, name), dtype=torch.float32,
                                                               attn_implementation="eager").eval()
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(HERE, name, "tokenizer.json"))
    tokenizer.enable_truncation(LENGTH, strategy="longest_first")
    rng = random.Random(3)
    pairs = []
    for instruction in INSTRUCTIONS + ["both long " * 20]:
        for response in RESPONSES + ["a long response, indeed " * 9]:
            row = encode(tokenizer, name, instruction, response)
            with torch.no_grad():
                pairs.append(dict(instruction=instruction, response=response, head=row["head"],
                                  scores=score(model, row).tolist()))
    rows = [{**encode(tokenizer, name, i, RESPONSES[r]), "targets": [round(rng.random(), 3) for _ in range(model.config.num_labels)]}
            for i in INSTRUCTIONS[:4] for r in SOME]
    out = {}
    curves = {loss: train(name, rows, loss, out) for loss in ("mse", "listwise")}
    folder = os.path.join(HERE, "prefix")
    os.makedirs(folder, exist_ok=True)
    save_file(out, os.path.join(folder, name + ".safetensors"))
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as f:
        f.write('{"pairs": [\n' + ",\n".join(json.dumps(p, ensure_ascii=False) for p in pairs) + '\n],\n"rows": [\n' +
                ",\n".join(json.dumps(r) for r in rows) + "\n],\n" +
                ",\n".join(f'"{loss}": ' + json.dumps(c) for loss, c in curves.items()) + "}\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for model_name in ("bert", "roberta"):
        make(model_name)
