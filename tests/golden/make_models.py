#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the tiny golden models beside this file: random weights, small tokenizers, and the reference's scores.

    bert/     BertForSequenceClassification, WordPiece, fp32 safetensors, 2 layers, 4 heads of 8, one label
    roberta/  RobertaForSequenceClassification, byte-level BPE, fp16 safetensors, 3 layers, 3 heads of 12, three labels

Each gets golden.json: {"pairs": [{"instruction", "response", "ids", "segments", "scores"}]} from transformers in fp32.
Needs torch, transformers, tokenizers. Run: tests/golden/make_models.py
"""
import json
import os
import random

import tokenizers
import torch
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (BertConfig, BertForSequenceClassification, RobertaConfig,
                          RobertaForSequenceClassification)

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT = """The capital of France is Paris. The capital of Italy is Rome. What is the capital of Spain? Madrid, of course.
Translate to German: good morning. Guten Morgen! Summarise the text in one sentence. The cat sat on the mat and slept.
Is this review positive or negative? I loved the film; it was a wonderful story with great actors. negative positive
Solve: 12 + 30 = 42. Write a polite e-mail to the landlord about the broken heating. Dear Sir or Madam, thank you for
your message. Explain why the sky is blue. Light is scattered by air; blue light is scattered more than red light.""".split("\n")
PAIRS = [
    ("What is the capital of France?", "Paris."), ("What is the capital of France?", "The cat sat on the mat."),
    ("", ""), ("Translate: good morning", ""), ("", "Guten Morgen!"), ("Is this positive or negative?\n\nI loved it.", "positive"),
    ("naïve café résumé Ünïcödé", "日本語 と 한국어"), ("emoji 👩‍👩‍👧‍👦🏳️‍🌈", "tab\tand\nnewline\r\n  spaces"),
    ("A long instruction. " * 12, "short"), ("short", "a long response, indeed " * 14), ("both long " * 20, "very long " * 20),
    ("numbers 3.14159 -42 1e10", "x = {a: [1, 2]}; // code"), ("<s> [CLS] literal </s> [SEP]", "[MASK] <mask> <pad> [PAD]"),
]


def pairs():
    rng = random.Random(7)
    words = " ".join(TEXT).split()
    out = list(PAIRS)
    for n in (1, 2, 3, 5, 8, 11, 13, 17, 21, 24):
        out.append((" ".join(rng.choices(words, k=n)), " ".join(rng.choices(words, k=rng.randint(1, 9)))))
    return out


def bert_tokenizer():
    t = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(TEXT, trainers.WordPieceTrainer(
        vocab_size=320, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", t.token_to_id("[CLS]")), ("[SEP]", t.token_to_id("[SEP]"))])
    t.decoder = decoders.WordPiece()
    return t


def roberta_tokenizer():
    t = tokenizers.Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(TEXT, trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    return t


def randomise(model):
    """Weights large enough that scores differ visibly and every part of the model matters."""
    torch.manual_seed(5)
    for name, p in model.named_parameters():
        with torch.no_grad():
            if "LayerNorm.weight" in name:
                p.uniform_(0.5, 1.5)
            else:
                p.normal_(0, 0.5 if "embeddings" in name else 0.35)
    return model.eval()


def write(name, tokenizer, model, dtype, length):
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    model = model.to(dtype)
    model.save_pretrained(folder)
    tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    model = model.float()
    tokenizer.enable_truncation(length, strategy="longest_first")
    rows = []
    for instruction, response in pairs():
        e = tokenizer.encode(instruction, response)
        segments = e.type_ids if name == "bert" else [0] * len(e.ids)
        with torch.no_grad():
            scores = model(input_ids=torch.tensor([e.ids]), attention_mask=torch.ones(1, len(e.ids), dtype=torch.long),
                           token_type_ids=torch.tensor([segments])).logits[0].tolist()
        rows.append({"instruction": instruction, "response": response, "ids": e.ids, "segments": segments, "scores": scores})
    with open(os.path.join(folder, "golden.json"), "w", encoding="utf-8") as f:
        f.write('{"pairs": [\n' + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]}\n")


def main():
    t = bert_tokenizer()
    write("bert", t, randomise(BertForSequenceClassification(BertConfig(
        vocab_size=t.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=80,
        max_position_embeddings=64, id2label={0: "score"}, label2id={"score": 0}))), torch.float32, 64)
    t = roberta_tokenizer()
    write("roberta", t, randomise(RobertaForSequenceClassification(RobertaConfig(
        vocab_size=t.get_vocab_size(), hidden_size=36, num_hidden_layers=3, num_attention_heads=3, intermediate_size=52,
        max_position_embeddings=66, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        id2label={0: "contradiction", 1: "neutral", 2: "entailment"},
        label2id={"contradiction": 0, "neutral": 1, "entailment": 2}))), torch.float16, 64)


if __name__ == "__main__":
    main()
