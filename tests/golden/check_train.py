#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_train.py CAPPY: trains tiny models with `cappy train` and lets transformers score with the results.

The scores must equal `cappy score`'s within 1e-5, and transformers must find every weight that it looks for: also where
the model began as an encoder without a classification head. Exits 77, which the tests count as skipped, where torch and
transformers are missing. Run by the test train/transformers.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
except ImportError as missing:
    print(f"SKIPPED: {missing}; install bench/requirements.txt and name the interpreter in CAPPY_PYTHON")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))


def check(cappy, base, golden, folder):
    """Trains `base` on the pairs of `golden`; True where transformers agrees."""
    rows, out = os.path.join(folder, base + ".jsonl"), os.path.join(folder, base)
    pairs = json.load(open(os.path.join(HERE, golden, "golden.json"), encoding="utf-8"))["pairs"]
    model_options = ["--model", os.path.join(HERE, base), "--quiet", "--threads", "1"]
    with open(rows, "w", encoding="utf-8") as f:
        for i, p in enumerate(pairs):
            print(json.dumps(dict(instruction=p["instruction"], response=p["response"], score=i % 5 / 4)), file=f)
    subprocess.run([cappy, "train", rows, "--out", out, "--steps", "10", "--learning-rate", "1e-3"] + model_options,
                   check=True)
    scored = subprocess.run([cappy, "score", rows, "--model", out, "--quiet"], check=True, capture_output=True, text=True)
    tokenized = subprocess.run([cappy, "tokenize", rows, "--model", out, "--quiet"], check=True, capture_output=True,
                               text=True)
    got = [json.loads(line)["score"] for line in scored.stdout.splitlines()]
    ids = [json.loads(line)["ids"] for line in tokenized.stdout.splitlines()]
    model, found = AutoModelForSequenceClassification.from_pretrained(out, output_loading_info=True)
    AutoTokenizer.from_pretrained(out)
    model.eval()
    worst = 0.0
    for g, pair, i in zip(got, pairs, ids):
        segments = pair["segments"]
        if i != pair["ids"]:  # an encoder with a shorter limit: where the second text begins is not always to be seen
            separator = i[-1]
            if i.count(separator) != 2 and golden == "bert":
                continue
            first = i.index(separator) + 1 if golden == "bert" else len(i)
            segments = [0] * first + [1] * (len(i) - first)
        with torch.no_grad():
            score = model(input_ids=torch.tensor([i]), attention_mask=torch.ones(1, len(i), dtype=torch.long),
                          token_type_ids=torch.tensor([segments])).logits
        worst = max(worst, abs(score[0, 0].item() - g)) if score.shape == (1, 1) else float("inf")
    lacking = list(found["missing_keys"]) + list(found["unexpected_keys"]) + list(found["mismatched_keys"])
    moved = max(abs(g - p["scores"][0]) for g, p in zip(got, pairs)) if base == golden else float("inf")
    print(f"{base}: training moved the scores by up to {moved:.3f}; transformers differs from cappy by up to {worst:.2e}; "
          f"weights out of place: {lacking}")
    return worst < 1e-5 and moved > 0.01 and not lacking


def main():
    with tempfile.TemporaryDirectory() as folder:
        good = [check(sys.argv[1], base, base.split("_")[0], folder) for base in ("bert", "bert_encoder", "roberta_encoder")]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
