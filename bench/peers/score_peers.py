#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures cappy beside transformers on PyTorch: the same pairs, weights, threads and machine.

Both programs score the pairs of a workload file with models of real shapes and random weights. The
workload has token ids; cappy takes text. So the models' tokenizer is a vocabulary of words, `w1002`
for id 1002, and each pair is written in those words: `cappy tokenize` must give the workload's ids
back, or nothing is measured. Nor is it when the scores of the two differ by more than the bound.
The peer is given its ids ready made and sorted by length; the time of cappy includes tokenizing,
reading the rows and writing them. Loading a model counts for neither, and is reported apart.

The two take turns. The result is a Markdown table on stdout.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers

SEED = 20240
BEGIN, PAD, END, UNKNOWN = range(4)
SCORE_BOUND = {"fp32": 1e-4, "bf16": 0.05, "int8": 0.1}

# The shapes of known models; what is not named is as transformers has it for the family.
SHAPES = {
    "roberta-large": ("roberta", dict(
        num_hidden_layers=24, hidden_size=1024, intermediate_size=4096, num_attention_heads=16,
        vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)),
    "minilm": ("bert", dict(
        num_hidden_layers=6, hidden_size=384, intermediate_size=1536, num_attention_heads=12,
        vocab_size=30522, max_position_embeddings=512, type_vocab_size=2, layer_norm_eps=1e-12)),
    "tiny": ("roberta", dict(
        num_hidden_layers=2, hidden_size=64, intermediate_size=256, num_attention_heads=4,
        vocab_size=30522, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)),
}


def build_tokenizer(vocab_size):
    """A tokenizer.json in which every id from 4 on is one word, and pairs look like RoBERTa's."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocab = {token: i for i, token in enumerate(special)}
    vocab.update({f"w{i}": i for i in range(len(special), vocab_size)})
    added = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for i, token in enumerate(special)]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", END], "cls": ["<s>", BEGIN],
                           "trim_offsets": True, "add_prefix_space": False},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "<unk>", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab},
    }


def make_model(shape, directory):
    """Writes a model directory with random weights, once: it gets its name when it is complete.

    The weights are twice as large as transformers makes them at first, so that attention is not flat
    and scores differ from pair to pair; otherwise comparing them would show little.
    """
    if directory.exists():
        return
    family, settings = SHAPES[shape]
    config = transformers.AutoConfig.for_model(
        family, num_labels=1, initializer_range=0.04, bos_token_id=BEGIN, pad_token_id=PAD,
        eos_token_id=END, **settings)
    torch.manual_seed(SEED)
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    part = directory.with_name(directory.name + ".part")
    model.save_pretrained(part)
    tokenizer = json.dumps(build_tokenizer(config.vocab_size))
    (part / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    part.rename(directory)


def read_workload(path, n_pairs):
    """The token ids of `n_pairs` pairs, taken evenly from the file; all of them when it is 0."""
    with open(path, encoding="utf-8") as file:
        ids = [json.loads(line)["ids"] for line in file]
    n_pairs = min(n_pairs or len(ids), len(ids))
    return [ids[i * len(ids) // n_pairs] for i in range(n_pairs)]


def write_rows(pairs, path):
    """The pairs as rows for cappy: <s> instruction </s></s> response </s>, a word for each id."""
    with open(path, "w", encoding="utf-8") as file:
        for ids in pairs:
            middle = ids.index(END)
            if ids[0] != BEGIN or ids[middle:middle + 2] != [END, END] or ids[-1] != END:
                sys.exit("score_peers: a pair of the workload is not <s> A </s></s> B </s>")
            row = {"instruction": " ".join(f"w{i}" for i in ids[1:middle]),
                   "response": " ".join(f"w{i}" for i in ids[middle + 2:-1])}
            file.write(json.dumps(row) + "\n")


# Runs a command and writes its exit status, seconds and peak resident kilobytes to the file in front.
# It is a process of its own because a child of this one, which holds PyTorch, would count as that
# large from its first moment.
LAUNCHER = """
import json, resource, subprocess, sys, time
begin = time.perf_counter()
code = subprocess.run(sys.argv[2:]).returncode
seconds = time.perf_counter() - begin
with open(sys.argv[1], "w") as file:
    json.dump([code, seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss], file)
"""


class Cappy:
    """Runs the command; one process for each measurement."""

    def __init__(self, command, directory, threads, precision, rows):
        self.command, self.rows = command, rows
        self.options = ["--model", str(directory), "--threads", str(threads),
                        "--precision", precision]

    def run(self, *arguments):
        """(stdout, stderr, seconds, peak resident bytes) of one call."""
        line = [self.command, *arguments]
        with tempfile.NamedTemporaryFile("r") as report:
            done = subprocess.run([sys.executable, "-c", LAUNCHER, report.name, *line],
                                  capture_output=True, text=True, check=True)
            code, seconds, resident = json.load(report)
        if code != 0:
            sys.exit(f"score_peers: {' '.join(line)} failed:\n{done.stderr}")
        return done.stdout, done.stderr, seconds, resident * 1024

    def tokenize(self):
        stdout = self.run("tokenize", *self.options[:2], self.rows)[0]
        return [json.loads(line)["ids"] for line in stdout.splitlines()]

    def score(self):
        """(scores, tokens per second as the command reports it, peak resident bytes)."""
        stdout, stderr, _, resident = self.run("score", *self.options, self.rows)
        found = re.search(r"([\d.,]+) tokens/s", stderr)
        if found is None:
            sys.exit(f"score_peers: cappy reported no tokens/s:\n{stderr}")
        scores = np.array([json.loads(line)["score"] for line in stdout.splitlines()])
        return scores, float(found[1].replace(",", "")), resident

    def open(self):
        """Seconds from start to end of a process that opens the model and scores one short pair."""
        return self.run("score", *self.options, "-i", "w1002", "-r", "w1003")[2]

    def version(self):
        return self.run("--version")[0].strip()


class Torch:
    """The peer: transformers in this process, fp32, batches of similar length."""

    def __init__(self, directory, threads, pairs):
        torch.set_num_threads(threads)
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(
            directory, attn_implementation="sdpa", dtype=torch.float32).eval()
        self.pairs = pairs

    @torch.inference_mode()
    def score(self, batch_size, every=1):
        """(scores, tokens per second); `every` takes a part of the pairs."""
        chosen = sorted(range(0, len(self.pairs), every), key=lambda i: len(self.pairs[i]))
        scores = np.zeros(len(self.pairs))
        tokens = sum(len(self.pairs[i]) for i in chosen)
        begin = time.perf_counter()
        for start in range(0, len(chosen), batch_size):
            batch = chosen[start:start + batch_size]
            longest = max(len(self.pairs[i]) for i in batch)
            ids = torch.full((len(batch), longest), PAD)
            for row, i in enumerate(batch):
                ids[row, :len(self.pairs[i])] = torch.tensor(self.pairs[i])
            logits = self.model(input_ids=ids, attention_mask=(ids != PAD).long()).logits
            scores[batch] = logits[:, 0].numpy()
        return scores, tokens / (time.perf_counter() - begin)

    def choose_batch_size(self):
        """The faster of 8 and 32, tried on a quarter of the pairs after a warm-up."""
        every = max(1, min(4, len(self.pairs) // 32))
        self.score(8, max(1, len(self.pairs) // 8))
        return max((8, 32), key=lambda size: self.score(size, every)[1])


def spread(values):
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def measure(shape, arguments, pairs, rows):
    """Compares the two on one shape; the lines of the table and notes on memory and opening."""
    directory = arguments.models / f"{shape}-{SEED}"
    make_model(shape, directory)
    cappy = Cappy(arguments.cappy, directory, arguments.threads, arguments.precision, rows)
    if cappy.tokenize() != pairs:
        sys.exit("score_peers: cappy's token ids are not those of the workload")
    peer = Torch(directory, arguments.threads, pairs)
    batch_size = peer.choose_batch_size()

    ours, theirs, resident, apart = [], [], 0, 0.0
    for _ in range(arguments.rounds):
        scores, rate, peak = cappy.score()
        ours.append(rate)
        resident = max(resident, peak)
        reference, rate = peer.score(batch_size)
        theirs.append(rate)
        apart = max(apart, float(np.abs(scores - reference).max()))
        if apart > SCORE_BOUND[arguments.precision]:
            sys.exit(f"score_peers: scores are up to {apart:.3g} apart: nothing to compare")
    opening = min(cappy.open() for _ in range(3))
    weights = (directory / "model.safetensors").stat().st_size

    ratio = statistics.median(ours) / statistics.median(theirs)
    name = f"transformers {transformers.__version__}, PyTorch {torch.__version__}"
    return [
        f"| {shape} | {name}, fp32, batches of {batch_size} | {spread(theirs)} | 1.00 |",
        f"| {shape} | {cappy.version()}, {arguments.precision} | {spread(ours)} | {ratio:.2f} |",
    ], (f"{shape}: scores from {reference.min():.3f} to {reference.max():.3f}, at most {apart:.1e} "
        f"apart; cappy opens {weights / 1e6:,.0f} MB of weights and scores a pair in "
        f"{opening:.2f} s (best of 3); its peak resident memory on the workload is {resident / 1e6:,.0f} MB, the "
        f"weights {(resident - weights) / 1e6:+,.0f} MB.")


def processor():
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return os.uname().machine


def parse_arguments():
    shared = os.environ.get("CAPPY_SHARED")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cappy", default="build/cappy", help="the command (default %(default)s)")
    parser.add_argument("--models", type=Path, default=Path.home() / ".cache" / "cappy-bench",
                        help="where the models are kept, 1.5 GB (default %(default)s)")
    parser.add_argument("--workload", default=shared and f"{shared}/bench/workload.jsonl",
                        help="JSON lines with `ids` (default $CAPPY_SHARED/bench/workload.jsonl)")
    parser.add_argument("--shapes", default="roberta-large,minilm",
                        help=f"which of {', '.join(SHAPES)} (default %(default)s)")
    parser.add_argument("--pairs", type=int, default=0,
                        help="how many pairs of the workload (default all)")
    parser.add_argument("--rounds", type=int, default=5,
                        help="measurements of each (default %(default)s)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)),
                        help="for both (default all cores, %(default)s)")
    parser.add_argument("--precision", choices=list(SCORE_BOUND), default="fp32",
                        help="cappy's (default %(default)s)")
    arguments = parser.parse_args()
    arguments.shapes = arguments.shapes.split(",")
    if unknown := [shape for shape in arguments.shapes if shape not in SHAPES]:
        parser.error(f"no such shape: {', '.join(unknown)}")
    if arguments.workload is None:
        parser.error("set CAPPY_SHARED or give --workload")
    return arguments


def main():
    arguments = parse_arguments()
    arguments.models.mkdir(parents=True, exist_ok=True)
    transformers.utils.logging.disable_progress_bar()
    pairs = read_workload(arguments.workload, arguments.pairs)
    print(f"{processor()}, {arguments.threads} threads; {len(pairs)} pairs, "
          f"{sum(map(len, pairs)):,} tokens; {arguments.rounds} rounds in turn\n")
    print("| model | program | tokens/s, median (range) | ratio |\n|---|---|---|---|", flush=True)
    notes = []
    with tempfile.TemporaryDirectory() as folder:
        rows = os.path.join(folder, "rows.jsonl")
        write_rows(pairs, rows)
        for shape in arguments.shapes:
            lines, note = measure(shape, arguments, pairs, rows)
            notes.append(note)
            print("\n".join(lines), flush=True)
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main()
