#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens a second of training steps in transformers on PyTorch, beside build/bench/bench_train.

The same work: MiniLM's or RoBERTa-large's shape with random weights, dropout of a tenth, mean squared
error, gradients clipped to 1, fused AdamW; real tokens counted. bf16 autocast and eager attention
are what was fastest on AMX. Mixed batches are grouped by length, which spares PyTorch most of the
padding. cappy and PyTorch take turns, one process each time, and the medians are compared.
"""

import argparse
import os
import random
import re
import statistics
import subprocess
import sys
import time


def batches(arguments):
    """Lists of token ids, as bench/train.c has them."""
    from workload import read_workload

    if arguments.work == "full":
        draw = random.Random(1)
        return [[[1000 + draw.randrange(28000) for _ in range(128)] for _ in range(64)]]
    pairs = sorted(read_workload(arguments.workload, 0), key=len)
    grouped = [pairs[i:i + 32] for i in range(0, len(pairs), 32)]
    random.Random(1).shuffle(grouped)
    return grouped


def train(arguments):
    """Prints the tokens a second of PyTorch."""
    import torch
    import transformers

    from peer import pad
    from shapes import SHAPES

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    family, settings = SHAPES[arguments.shape]
    settings = dict(settings)
    if arguments.layers:
        settings["num_hidden_layers"] = arguments.layers
    config = transformers.AutoConfig.for_model(family, num_labels=1, pad_token_id=1, **settings)
    model = transformers.AutoModelForSequenceClassification.from_config(
        config, attn_implementation="eager").train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.01, fused=True)
    work = [(*map(torch.from_numpy, pad(batch)), sum(map(len, batch)))
            for batch in batches(arguments)]
    tokens = 0
    for step in range(-1, arguments.steps):  # the first one is not timed
        if step == 0:
            begin = time.perf_counter()
        ids, mask, n = work[step % len(work)]
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = model(input_ids=ids, attention_mask=mask).logits[:, 0]
        targets = torch.arange(len(ids)) % 2
        torch.nn.functional.mse_loss(scores.float(), targets.float()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        tokens += n if step >= 0 else 0
    print(f"transformers {transformers.__version__}, PyTorch {torch.__version__}", file=sys.stderr)
    print(f"tokens/s {tokens / (time.perf_counter() - begin):.0f}")


def rate(command):
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return float(re.search(r"^tokens/s ([\d.]+)$", text, re.M)[1])


def compare(arguments):
    ours = [arguments.bench, arguments.shape, arguments.work, "bf16", str(arguments.steps),
            str(arguments.layers)]
    peer = [sys.executable, __file__, *sys.argv[1:], "--peer"]
    rates = ([], [])
    for _ in range(arguments.rounds):
        rates[0].append(rate(ours))
        rates[1].append(rate(peer))
    cappy, torch = map(statistics.median, rates)
    print(f"{arguments.shape}, {arguments.work}, bf16, {arguments.threads} threads, {arguments.steps} "
          f"steps, medians of {arguments.rounds}: cappy {cappy:,.0f} tokens/s, PyTorch {torch:,.0f}, "
          f"{cappy / torch:.2f} times as fast")


def main():
    shared = os.environ.get("CAPPY_SHARED")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="build/bench/bench_train")
    parser.add_argument("--shape", default="minilm", choices=("minilm", "roberta-large"))
    parser.add_argument("--work", default="mixed", choices=("mixed", "full"))
    parser.add_argument("--layers", type=int, default=0, help="other than the shape's")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--workload", default=shared and f"{shared}/bench/workload.jsonl")
    parser.add_argument("--peer", action="store_true", help="PyTorch alone, in this process")
    arguments = parser.parse_args()
    if arguments.work == "mixed" and not arguments.workload:
        parser.error("set CAPPY_SHARED or give --workload")
    (train if arguments.peer else compare)(arguments)


if __name__ == "__main__":
    main()
