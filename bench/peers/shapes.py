# SPDX-License-Identifier: Apache-2.0
"""Model directories of known shapes with random weights and a tokenizer whose words are the ids."""

import json

from workload import BEGIN, END, PAD

SEED = 20240

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
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
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
