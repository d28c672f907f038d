#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_train.py CAPPY: trains the tiny BERT with `cappy train` and lets transformers score with the result.

The scores must equal `cappy score`'s within 1e-5. Exits 77, which the tests count as skipped, where torch and
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


def main():
    cappy = sys.argv[1]
    pairs = json.load(open(os.path.join(HERE, "bert", "golden.json"), encoding="utf-8"))["pairs"]
    with tempfile.TemporaryDirectory() as folder:
        rows, out = os.path.join(folder, "rows.jsonl"), os.path.join(folder, "out")
        with open(rows, "w", encoding="utf-8") as f:
            for i, p in enumerate(pairs):
                print(json.dumps(dict(instruction=p["instruction"], response=p["response"], score=i % 5 / 4)), file=f)
        subprocess.run([cappy, "train", rows, "--model", os.path.join(HERE, "bert"), "--out", out, "--steps", "10",
                        "--learning-rate", "1e-3", "--threads", "1", "--quiet"], check=True)
        scored = subprocess.run([cappy, "score", rows, "--model", out, "--quiet"], check=True, capture_output=True, text=True)
        got = [json.loads(line)["score"] for line in scored.stdout.splitlines()]
        model = AutoModelForSequenceClassification.from_pretrained(out).eval()
        tokenizer = AutoTokenizer.from_pretrained(out)
        moved = max(abs(g - p["scores"][0]) for g, p in zip(got, pairs))
        worst = 0.0
        for g, p in zip(got, pairs):
            ids = tokenizer(p["instruction"], p["response"], truncation="longest_first", max_length=64, return_tensors="pt")
            # The ids are the tokenizer's business; the weights are what is tested.
            ids["input_ids"] = torch.tensor([p["ids"]])
            ids["token_type_ids"] = torch.tensor([p["segments"]])
            ids["attention_mask"] = torch.ones_like(ids["input_ids"])
            with torch.no_grad():
                worst = max(worst, abs(model(**ids).logits[0, 0].item() - g))
    print(f"training moved the scores by up to {moved:.3f}; transformers differs from cappy by up to {worst:.2e}")
    sys.exit(not (worst < 1e-5 and moved > 0.01))


if __name__ == "__main__":
    main()
