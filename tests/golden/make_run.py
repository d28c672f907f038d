#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the golden runs of 100 steps from PyTorch for the tiny models beside this file.

    train/run_<model>.json          for each schedule: learning rates, losses and lengths of gradients, step by step
    train/run_<model>.safetensors   how far each weight has gone at the end, "SCHEDULE.NAME", in fp16

On the batch of train/<model>.json (make_train.py), mean squared error, fp32, no dropout, peak learning rate 3e-4, decay
0.01 for matrices and tables, gradients clipped to a norm of 1. Schedules, as in the run to compare with:

    linear      warm-up over a tenth of the steps, then down to 0
    reference   Cappy's published run: that schedule over micro-steps, 16 to an update, inside optax.MultiSteps, which
                advances it once an update

Needs torch, transformers, safetensors. Run: tests/golden/make_run.py
"""
import json
import os

import torch
from make_train import HERE, loss_of
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification

STEPS, RATE, WARMUP, MICRO_STEPS, DECAY, CLIP = 100, 3e-4, 0.1, 16, 0.01, 1.0


def warm_up_and_decay(at, total):
    warmup = WARMUP * total
    return at / warmup if at < warmup else (total - at) / (total - warmup)


SCHEDULES = {
    "linear": lambda step: warm_up_and_decay(step, STEPS),
    "reference": lambda step: warm_up_and_decay(step, STEPS * MICRO_STEPS),
}


def run(name, rows, schedule):
    model = AutoModelForSequenceClassification.from_pretrained(os.path.join(HERE, name), dtype=torch.float32)
    model.eval()  # no dropout
    named = dict(model.named_parameters())
    start = {n: p.detach().clone() for n, p in named.items()}
    optimiser = torch.optim.AdamW(
        [{"params": [p for p in named.values() if p.ndim == 2], "weight_decay": DECAY},
         {"params": [p for p in named.values() if p.ndim == 1], "weight_decay": 0.0}],
        lr=RATE, betas=(0.9, 0.999), eps=1e-8)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, SCHEDULES[schedule])
    rates, losses, norms = [], [], []
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = loss_of(model, rows)
        loss.backward()
        rates.append(scheduler.get_last_lr()[0])
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        optimiser.step()
        scheduler.step()
    ways = {f"{schedule}.{n}": (p.detach() - start[n]).half() for n, p in named.items()}
    return dict(rates=rates, losses=losses, norms=norms), ways


def make(name):
    rows = json.load(open(os.path.join(HERE, "train", name + ".json"), encoding="utf-8"))["rows"]
    curves, ways = {}, {}
    for schedule in SCHEDULES:
        curves[schedule], way = run(name, rows, schedule)
        ways.update(way)
    path = os.path.join(HERE, "train", "run_" + name)
    save_file(ways, path + ".safetensors")
    with open(path + ".json", "w", encoding="utf-8") as f:
        f.write("{" + ",\n".join(f'"{s}": ' + json.dumps(c) for s, c in curves.items()) + "}\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for model_name in ("bert", "roberta"):
        make(model_name)
