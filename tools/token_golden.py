#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/token/: two small tokenizers and what the reference makes of nasty text with them, so that the
tests need no network.

Usage: token_golden.py     (needs PyPI `tokenizers` and `transformers`)
"""
import json
import os
import random
import shutil
import struct
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import naughty
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "tests", "golden", "token")
BLOCK = 8192
CONTEXTS = [("", ""), ("a", "b"), (" 1", " ")]
TEXT = """The quick brown fox jumps over the lazy dog, and then it doesn't; they've said we'll see, I'm sure it's fine.
Translate the following sentence into French: How are you today? Answer with yes or no, and explain your reasoning.
What is the capital of France? Paris is the capital and most populous city, with an estimated population of 2,102,650.
A scorer takes an instruction and a response and returns one number: about 0 where it is wrong, about 1 where right.
Wo ist der nächste Bahnhof? Où est la bibliothèque? ¿Dónde está la estación? Где находится станция? Πού είναι;
""".splitlines()


def write(name, value):
    path = os.path.join(OUT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        if isinstance(value, list):
            out.write("[\n" + ",\n".join(json.dumps(v) for v in value) + "\n]\n")
        else:
            json.dump(value, out, indent=1, ensure_ascii=False, sort_keys=False)
            out.write("\n")


def added(content, **flags):
    names = ["single_word", "lstrip", "rstrip", "normalized", "special"]
    return {"id": 0, "content": content, **{n: bool(flags.get(n)) for n in names}}


def train(tokenizer, trainer):
    tokenizer.train_from_iterator(TEXT + [t.decode("utf-8", "replace") for t in naughty.fixed()[:700]], trainer)
    return json.loads(tokenizer.to_str())


def make_bpe():
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=specials, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    spec = train(tokenizer, trainer)
    spec["added_tokens"] = [added(s, special=True, lstrip=s == "<mask>") for s in specials]
    spec["added_tokens"] += [added("word", single_word=True, normalized=True), added("endoftext", rstrip=True)]
    spec["post_processor"] = json.loads(processors.RobertaProcessing(("</s>", 2), ("<s>", 0)).__getstate__())
    return spec


def make_wordpiece():
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    spec = train(tokenizer, trainers.WordPieceTrainer(vocab_size=900, special_tokens=specials, show_progress=False))
    spec["added_tokens"] = [added(s, special=True) for s in specials] + [added("Naïve", normalized=True)]
    spec["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                 {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
                 {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
        "special_tokens": {t: {"id": t, "ids": [specials.index(t)], "tokens": [t]} for t in ("[CLS]", "[SEP]")},
    }
    return spec


def ids(tokenizer, texts):
    return [e.ids for e in tokenizer.encode_batch([t.decode("utf-8", "replace") for t in texts],
                                                  add_special_tokens=False)]


def fnv(state, data):
    for byte in data:
        state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return state


def digests(results):
    """One FNV-1a of each block of code points; results(code points) gives bytes for each."""
    out = []
    for start in range(0, 0x110000, BLOCK):
        points = [c for c in range(start, start + BLOCK) if not 0xD800 <= c <= 0xDFFF]
        state = 0xCBF29CE484222325
        for data in results(points):
            state = fnv(state, data)
        out.append(f"{state:016x}")
    return out


def id_digests(tokenizer, before, behind):
    return digests(lambda points: [struct.pack(f"<{len(i) + 1}i", len(i), *i) for i in
                                   ids(tokenizer, [(before + chr(c) + behind).encode() for c in points])])


def text_digests(normalizer):
    def results(points):
        for c in points:
            data = normalizer.normalize_str(chr(c)).encode()
            yield struct.pack("<i", len(data)) + data

    return digests(results)


def truncations(tokenizer):
    """For room for 0 to 12 tokens: what is kept of texts of 0 to 12 tokens each, two digits in base 16 for each pair."""
    rows = []
    tokenizer.no_padding()
    for room in range(13):
        row = ""
        tokenizer.enable_truncation(room + 4)
        for first in range(13):
            for second in range(13):
                sides = tokenizer.encode("<pad>" * first, "<pad>" * second).sequence_ids
                row += f"{sides.count(0):x}{sides.count(1):x}"
        rows.append(row)
    return rows


def file_cases(texts):
    """What transformers makes of vocabulary files with these settings."""
    from transformers import AutoTokenizer

    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "normalized": True,
            "single_word": False}
    big = 1000000000000000019884624838656
    cases = [
        ("roberta", {}, None, None),
        ("roberta", {"add_prefix_space": True, "model_max_length": 512, "tokenizer_class": "RobertaTokenizer"}, None, None),
        ("roberta", {"mask_token": mask, "model_max_length": big}, None, None),
        ("roberta", {}, {"mask_token": {**mask, "normalized": False}, "additional_special_tokens": ["<x>"]}, None),
        ("roberta", {}, None, {"text": 600, "<new>": 601}),
        ("roberta", {"added_tokens_decoder": {"600": {"content": "ab", "lstrip": False, "rstrip": True, "normalized": False,
                     "single_word": False, "special": False}}}, {"mask_token": "ignored"}, None),
        ("bert", {}, None, None),
        ("bert", {"do_lower_case": False, "tokenizer_class": "BertTokenizer"}, None, None),
        ("bert", {"strip_accents": False, "tokenize_chinese_chars": False}, None, None),
        ("bert", {"do_lower_case": False, "strip_accents": True, "mask_token": "x"}, None, None),
    ]
    out = []
    for family, config, special, extra in cases:
        files = {"roberta": ["vocab.json", "merges.txt"], "bert": ["vocab.txt"]}[family]
        with tempfile.TemporaryDirectory() as scratch:
            for name in files:
                shutil.copy(os.path.join(OUT, "files", name), scratch)
            write_all = {"config.json": {"model_type": family}, "tokenizer_config.json": config,
                         "special_tokens_map.json": special, "added_tokens.json": extra}
            for name, value in write_all.items():
                if value is not None:
                    with open(os.path.join(scratch, name), "w", encoding="utf-8") as file:
                        json.dump(value, file)
            tokenizer = AutoTokenizer.from_pretrained(scratch)
            case = {n: json.dumps(v) for n, v in write_all.items() if v is not None and n != "config.json"}
            out.append({"files": files, "settings": case, "ids": ids(tokenizer._tokenizer, texts)})
    return out


def main():
    specs = {"bpe": make_bpe(), "wordpiece": make_wordpiece()}
    tokenizers = {}
    for name, spec in specs.items():
        tokenizers[name] = Tokenizer.from_str(json.dumps(spec))
        path = os.path.join(OUT, name, "tokenizer.json")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        tokenizers[name].save(path, pretty=False)

    rng = random.Random(5)
    fixed = naughty.fixed()
    texts = [t.encode() for t in TEXT] + rng.sample(fixed, 350) + naughty.mixed(60, 6)
    texts += [b"a word, awordb word9 word word", b"x endoftext   y", b"x   <mask>   y", "A Naïve naive NAÏVE x".encode()]
    made = {name: ids(tokenizer, texts) for name, tokenizer in tokenizers.items()}
    rows = [{"text": t.hex(), **{name: made[name][i] for name in made}} for i, t in enumerate(texts)]
    write("lines.json", rows)

    bert = {"uncased": normalizers.BertNormalizer(), "cased": normalizers.BertNormalizer(lowercase=False)}
    simple = {"NFD": normalizers.NFD(), "Lowercase": normalizers.Lowercase(), "StripAccents": normalizers.StripAccents()}
    write("digests.json", {
        "block": BLOCK,
        "ids": [{"tokenizer": name, "before": before, "behind": behind, "digests": id_digests(t, before, behind)}
                for name, t in tokenizers.items() for before, behind in CONTEXTS],
        "normalized": [{"normalizer": json.loads(n.__getstate__()), "digests": text_digests(n)}
                       for n in (*bert.values(), *simple.values())],
    })
    write("truncation.json", truncations(tokenizers["bpe"]))

    os.makedirs(os.path.join(OUT, "files"), exist_ok=True)
    tokenizers["bpe"].model.save(os.path.join(OUT, "files"))
    tokenizers["wordpiece"].model.save(os.path.join(OUT, "files"))
    few = [t.encode() for t in TEXT] + [t.encode() for t in (
        "x   <mask>  y <s></s> <x> <new> text TEXT abab ab  c", "Ünïcödé 中文 [MASK] [mask] x", " leading", "", "<mask>")]
    write("files/cases.json", {"texts": [t.decode() for t in few], "cases": file_cases(few)})


main()
