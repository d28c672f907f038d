#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the tiny golden encoders beside this file, models without a classification head, for training to begin from.

    bert_encoder/     BertModel as AutoModel saves it: no "bert." in front of the names; with a pooler
    roberta_encoder/  RobertaModel likewise, without a pooler

With the tokenizers of bert/ and roberta/. Needs torch, transformers. Run: tests/golden/make_encoders.py
"""
import json
import os
import shutil

from make_models import HERE, randomise
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

SIZES = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24)


def vocabulary(name):
    return json.load(open(os.path.join(HERE, name, "config.json"), encoding="utf-8"))["vocab_size"]


def write(name, model):
    folder = os.path.join(HERE, name + "_encoder")
    randomise(model).save_pretrained(folder)
    shutil.copyfile(os.path.join(HERE, name, "tokenizer.json"), os.path.join(folder, "tokenizer.json"))


if __name__ == "__main__":
    write("bert", BertModel(BertConfig(vocab_size=vocabulary("bert"), max_position_embeddings=40, **SIZES)))
    write("roberta", RobertaModel(RobertaConfig(
        vocab_size=vocabulary("roberta"), max_position_embeddings=42, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, **SIZES), add_pooling_layer=False))
