# SPDX-License-Identifier: Apache-2.0
"""make_llm.py DIR: writes a language model of random weights with a tokenizer of bytes and a chat template. Exits with
77 where a package that serves it is missing: what tests/llm/requirements.txt lists. Its answers are noise; that it is
served by a real server is what matters."""
import importlib.util
import sys

for module in ("torch", "transformers", "fastapi", "uvicorn", "openai", "multipart", "accelerate"):
    if importlib.util.find_spec(module) is None:
        print(f"skipped: there is no {module} for {sys.executable}: install tests/llm/requirements.txt into a virtual "
              "environment and name its python with CAPPY_PYTHON")
        sys.exit(77)

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

letters = sorted(pre_tokenizers.ByteLevel.alphabet())
words = ["<s>", "</s>", "<user>", "<system>", "<assistant>"] + letters
tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
fast = PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>",
    additional_special_tokens=["<user>", "<system>", "<assistant>"],
    chat_template="<s>{% for m in messages %}{{ '<' + m['role'] + '>' + m['content'] }}{% endfor %}"
                  "{% if add_generation_prompt %}<assistant>{% endif %}")
torch.manual_seed(1)
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=4, max_position_embeddings=512, bos_token_id=0, eos_token_id=1, pad_token_id=1))
fast.save_pretrained(sys.argv[1])
model.generation_config.do_sample = True
model.generation_config.max_new_tokens = 24
model.save_pretrained(sys.argv[1])
