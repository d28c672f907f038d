#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the golden training steps from PyTorch for the tiny models beside this file.

    train/<model>.json        the pairs of one batch with targets for every label; the loss (mean squared error) of two
                              AdamW runs of 20 steps on it
    train/<model>.safetensors gradients of the first step ("gradient.NAME") and the final weights ("weight.NAME")

fp32, no dropout, learning rate 1e-3 after a linear warm-up of 4 steps and down to 0 at step 20, decay 0.01 for matrices
and tables, gradients clipped to a norm of 1. Needs torch, transformers, safetensors. Run: tests/golden/make_train.py
"""
import json
import os
import random

import torch
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS, WARMUP, RATE, DECAY, CLIP = 20, 4, 1e-3, 0.01, 1.0


def batch(name, labels):
    rng = random.Random(3)
    rows = json.load(open(os.path.join(HERE, name, "golden.json"), encoding="utf-8"))["pairs"]
    rows = [r for r in rows if "<pad>" not in r["response"]] if name == "bert" else rows
    return [dict(ids=r["ids"], segments=r["segments"], targets=[round(rng.random(), 3) for _ in range(labels)])
            for r in rows[:12]]


def loss_of(model, rows):
    losses = []
    for r in rows:
        scores = model(input_ids=torch.tensor([r["ids"]]), attention_mask=torch.ones(1, len(r["ids"]), dtype=torch.long),
                       token_type_ids=torch.tensor([r["segments"]])).logits[0]
        losses.append(((scores - torch.tensor(r["targets"])) ** 2).mean())
    return torch.stack(losses).mean()


def make(name):
    model = AutoModelForSequenceClassification.from_pretrained(os.path.join(HERE, name), dtype=torch.float32)
    model.eval()  # no dropout
    rows = batch(name, model.config.num_labels)
    named = dict(model.named_parameters())
    decays = [p for n, p in named.items() if p.ndim == 2]
    rest = [p for n, p in named.items() if p.ndim == 1]
    optimiser = torch.optim.AdamW([{"params": decays, "weight_decay": DECAY}, {"params": rest, "weight_decay": 0.0}],
                                  lr=RATE, betas=(0.9, 0.999), eps=1e-8)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: s / WARMUP if s < WARMUP else max(0.0, (STEPS - s) / (STEPS - WARMUP)))
    out, losses, norms = {}, [], []
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = loss_of(model, rows)
        loss.backward()
        if step == 0:
            for n, p in named.items():
                out["gradient." + n] = p.grad.detach().clone()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        optimiser.step()
        schedule.step()
    for n, p in named.items():
        out["weight." + n] = p.detach().clone()
    folder = os.path.join(HERE, "train")
    os.makedirs(folder, exist_ok=True)
    save_file(out, os.path.join(folder, name + ".safetensors"))
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as f:
        f.write('{"losses": ' + json.dumps(losses) + ',\n"norms": ' + json.dumps(norms) + ',\n"rows": [\n')
        f.write(",\n".join(json.dumps(r) for r in rows) + "\n]}\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for model_name in ("bert", "roberta"):
        make(model_name)
