#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""train_memory.py CAPPY [--layers 2,6] [OPTION...]: the memory that `cappy train` needs for models of RoBERTa-large's shape.

Makes such models of random weights with a few of the 24 layers, trains each for two steps with passes of 512 and of 1024
tokens, and takes the peak of the resident memory. From the differences follow the bytes a parameter and the bytes of a
token's activations, and from those what all 24 layers need. Other options, such as --recompute or --precision bf16, are
those of `cappy train`. Needs no more than the standard library; about 2 GB for 6 layers.
"""
import argparse
import array
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HIDDEN, FFN, HEADS, VOCABULARY, POSITIONS, LAYERS = 1024, 4096, 16, 50265, 514, 24


def shapes(layers):
    yield "roberta.embeddings.word_embeddings.weight", (VOCABULARY, HIDDEN)
    yield "roberta.embeddings.position_embeddings.weight", (POSITIONS, HIDDEN)
    yield "roberta.embeddings.token_type_embeddings.weight", (1, HIDDEN)
    for layer in [None] + list(range(layers)):
        place = "roberta.embeddings." if layer is None else f"roberta.encoder.layer.{layer}."
        norms = ["LayerNorm"] if layer is None else ["attention.output.LayerNorm", "output.LayerNorm"]
        for norm in norms:
            yield f"{place}{norm}.weight", (HIDDEN,)
            yield f"{place}{norm}.bias", (HIDDEN,)
        if layer is not None:
            for name, rows, columns in [("attention.self.query", HIDDEN, HIDDEN), ("attention.self.key", HIDDEN, HIDDEN),
                                        ("attention.self.value", HIDDEN, HIDDEN),
                                        ("attention.output.dense", HIDDEN, HIDDEN), ("intermediate.dense", FFN, HIDDEN),
                                        ("output.dense", HIDDEN, FFN)]:
                yield f"{place}{name}.weight", (rows, columns)
                yield f"{place}{name}.bias", (rows,)
    for name, rows in [("classifier.dense", HIDDEN), ("classifier.out_proj", 1)]:
        yield name + ".weight", (rows, HIDDEN)
        yield name + ".bias", (rows,)


def count(shape):
    return shape[0] * (shape[1] if len(shape) == 2 else 1)


def make_model(folder, layers):
    """Returns the number of parameters."""
    os.makedirs(folder)
    config = dict(architectures=["RobertaForSequenceClassification"], model_type="roberta", hidden_size=HIDDEN,
                  num_hidden_layers=layers, num_attention_heads=HEADS, intermediate_size=FFN, vocab_size=VOCABULARY,
                  max_position_embeddings=POSITIONS, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5,
                  id2label={"0": "score"}, label2id={"score": 0})
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)
    tokenizer = os.path.join(ROOT, "tests", "golden", "roberta", "tokenizer.json")
    os.symlink(tokenizer, os.path.join(folder, "tokenizer.json"))
    header, offset = {}, 0
    for name, shape in shapes(layers):
        size = 4 * count(shape)
        header[name] = dict(dtype="F32", shape=shape, data_offsets=[offset, offset + size])
        offset += size
    text = json.dumps(header).encode()
    rng = random.Random(1)
    block = array.array("f", [rng.gauss(0, 0.02) for _ in range(1 << 16)])
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes(layers):
            left = count(shape)
            while left > 0:
                some = block[:left] if "LayerNorm.weight" not in name else array.array("f", [1.0] * min(left, HIDDEN))
                f.write(some.tobytes())
                left -= len(some)
    return offset // 4


def make_rows(path):
    rng = random.Random(2)
    with open(path, "w", encoding="utf-8") as f:
        for i in range(8):
            text = " ".join(rng.choices(["capital", "France", "good", "morning", "sky", "blue"], k=900))
            print(json.dumps(dict(instruction=text, response="Paris", score=i % 2)), file=f)


def peak(cappy, folder, rows, pass_tokens, options):
    """The peak of two steps of training, in bytes."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as out:
        command = [cappy, "train", rows, "--model", folder, "--out", os.path.join(out, "model"), "--steps", "2",
                   "--batch-size", "2", "--pass-tokens", str(pass_tokens), "--threads", "1", "--quiet"] + options
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit(f"{command}: status {status}")
        return usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cappy")
    parser.add_argument("--layers", default="2,6", help="two numbers of layers")
    arguments, options = parser.parse_known_args()
    small, large = (int(n) for n in arguments.layers.split(","))
    peaks, parameters = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        rows = os.path.join(folder, "rows.jsonl")
        make_rows(rows)
        for layers in (small, large):
            model = os.path.join(folder, str(layers))
            parameters[layers] = make_model(model, layers)
            for tokens in (512, 1024):
                peaks[layers, tokens] = peak(arguments.cappy, model, rows, tokens, options)
                print(f"{layers} layers, {parameters[layers] / 1e6:.1f} M parameters, passes of {tokens} tokens: "
                      f"{peaks[layers, tokens] / 1e9:.3f} GB", flush=True)
            os.remove(os.path.join(model, "model.safetensors"))
    a_token = {n: (peaks[n, 1024] - peaks[n, 512]) / 512 for n in (small, large)}
    fixed = {n: peaks[n, 512] - 512 * a_token[n] for n in (small, large)}
    a_parameter = (fixed[large] - fixed[small]) / (parameters[large] - parameters[small])
    rest = fixed[small] - a_parameter * parameters[small]
    a_layer = (a_token[large] - a_token[small]) / (large - small)
    tokens_of_all = a_token[small] + (LAYERS - small) * a_layer
    all_parameters = sum(count(shape) for _, shape in shapes(LAYERS))
    print(f"{a_parameter:.2f} bytes for each parameter of a layer, {rest / 1e6:.0f} MB whatever the model, "
          f"{a_layer / 1e3:.1f} kB a token and layer and {(a_token[small] - small * a_layer) / 1e3:.1f} kB a token beside")
    alone = rest + a_parameter * all_parameters
    total = alone + 512 * tokens_of_all
    print(f"{LAYERS} layers, {all_parameters / 1e6:.1f} M parameters, passes of 512 tokens: {total / 1e9:.2f} GB, of which "
          f"{512 * tokens_of_all / 1e9:.2f} GB are activations: {alone / all_parameters:.2f} bytes a parameter + activations")


if __name__ == "__main__":
    main()
