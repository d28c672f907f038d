# SPDX-License-Identifier: Apache-2.0
"""CTranslate2: the encoder in fp32 or int8, and the last matrix of the head in numpy.

Its converter reads encoders without a head. The first matrix of the head is a pooler to it: RoBERTa's
is handed over as one, which computes the same. It computes no padding, since it is told the lengths.
"""

import types

import ctranslate2
import numpy as np

from peer import Peer, artefact


class Vocabulary:
    """The little that the converter asks of a tokenizer. Ids are given, so names are never used."""

    unk_token, bos_token, eos_token = "<unk>", "<s>", "</s>"

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def get_vocab(self):
        return {f"w{i}": i for i in range(self.size)}


def convert(directory, folder):
    from ctranslate2.converters import transformers as converter

    import peer_torch

    model = peer_torch.load(directory)
    encoder, head = model.base_model, model.classifier
    if encoder.pooler is None:
        del encoder.pooler
        encoder.pooler = types.SimpleNamespace(dense=head.dense)
        head = head.out_proj
    np.savez(folder / "head.npz", weight=head.weight.detach().numpy(),
             bias=head.bias.detach().numpy())
    model.config.position_embedding_type = "absolute"  # the converter asks; newer configs lack it
    loader = converter._MODEL_LOADERS[type(model.config).__name__]
    spec = loader(encoder, Vocabulary(model.config.vocab_size))
    spec.validate()
    spec.optimize()
    spec.save(str(folder))


class CTranslate2(Peer):
    def folder(self):
        return artefact(self.directory, f"ctranslate2-{ctranslate2.__version__}",
                        lambda folder: convert(self.directory, folder))

    def build(self, pairs):
        self.folder()

    def prepare(self):
        wanted = "float32" if self.precision == "fp32" else "int8_float32"
        self.encoder = ctranslate2.Encoder(
            str(self.folder()), device="cpu", compute_type=wanted, inter_threads=1,
            intra_threads=self.threads)
        head = np.load(self.folder() / "head.npz")
        self.weight, self.bias = head["weight"], head["bias"]

    def forward(self, ids, mask):
        view = ctranslate2.StorageView.from_array
        lengths = mask.sum(axis=1).astype(np.int32)
        output = self.encoder.forward_batch(view(ids.astype(np.int32)), view(lengths))
        return (np.array(output.pooler_output) @ self.weight.T + self.bias)[:, 0]

    def describe(self):
        return f"CTranslate2 {ctranslate2.__version__}"
