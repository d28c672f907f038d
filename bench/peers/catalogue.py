# SPDX-License-Identifier: Apache-2.0
"""The peers: name, class of precision, module and class. A module is imported only when chosen."""

import importlib

PEERS = {
    "torch-fp32": ("fp32", "peer_torch", "Torch"),
    "ort-fp32": ("fp32", "peer_onnx", "OnnxRuntime"),
    "openvino-fp32": ("fp32", "peer_openvino", "OpenVino"),
    "ct2-fp32": ("fp32", "peer_ctranslate2", "CTranslate2"),
    "torch-bf16": ("bf16", "peer_torch", "Torch"),
    "torch-bf16-compiled": ("bf16", "peer_torch", "CompiledTorch"),
    "openvino-bf16": ("bf16", "peer_openvino", "OpenVino"),
    "ort-int8": ("int8", "peer_onnx", "OnnxRuntime"),
    "openvino-int8": ("int8", "peer_openvino", "OpenVino"),
    "ct2-int8": ("int8", "peer_ctranslate2", "CTranslate2"),
}
REFERENCE = "torch-fp32"

PRECISIONS = ("fp32", "bf16", "int8")


def score_bound(precision, reference):
    """How far from the reference's scores those of a class may be: rounding for fp32; a share of the scores' spread for the
    narrow ones, as scores of random weights have no scale of their own."""
    spread = float(reference.max() - reference.min())
    return {"fp32": 1e-4, "bf16": 0.1 * spread, "int8": 0.2 * spread}[precision]


def create(name, directory, threads):
    precision, module, kind = PEERS[name]
    return getattr(importlib.import_module(module), kind)(directory, threads, precision)
