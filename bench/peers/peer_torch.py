# SPDX-License-Identifier: Apache-2.0
"""transformers on PyTorch: fp32, the whole model in bf16, and that compiled."""

import os

os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no pool of compilers beside the measurements

import torch
import transformers

from peer import Peer

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def load(directory, attention="sdpa", dtype=torch.float32):
    transformers.utils.logging.disable_progress_bar()
    return transformers.AutoModelForSequenceClassification.from_pretrained(
        directory, attn_implementation=attention, dtype=dtype).eval()


class Scores(torch.nn.Module):
    """A model whose inputs and output are plain tensors: what the exporters want."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def example():
    """Inputs to trace a model with: two pairs of different lengths."""
    ids = torch.randint(1000, 2000, (2, 16))
    mask = torch.ones_like(ids)
    mask[1, 12:] = 0
    return ids, mask


class Torch(Peer):
    def prepare(self):
        torch.set_num_threads(self.threads)
        self.model = Scores(load(self.directory, dtype=DTYPES[self.precision]))

    @torch.inference_mode()
    def forward(self, ids, mask):
        logits = self.model(torch.from_numpy(ids), torch.from_numpy(mask))
        return logits[:, 0].float().numpy()

    def describe(self):
        return f"transformers {transformers.__version__}, PyTorch {torch.__version__}, sdpa"


class CompiledTorch(Torch):
    """Compiled once for all lengths. The weights are constants (`freezing`) and packed once."""

    def prepare(self):
        import torch._inductor.config

        super().prepare()
        torch._inductor.config.freezing = True
        self.model = torch.compile(self.model, dynamic=True)

    # Not inference_mode, under which weights are not frozen. The first calls compile: one for
    # batches, one for a single pair; both are made before anything is timed.
    @torch.no_grad()
    def forward(self, ids, mask):
        return self.model(torch.from_numpy(ids), torch.from_numpy(mask))[:, 0].float().numpy()

    def describe(self):
        return super().describe() + ", torch.compile (dynamic shapes, frozen weights)"
