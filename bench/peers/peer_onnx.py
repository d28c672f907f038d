# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: fp32, and int8 with activations quantised as they come.

The graph is exported by PyTorch and fused by ONNX Runtime's optimizer for transformers, which makes
one operation of each attention. It knows the pattern of the `eager` attention only.
"""

import onnxruntime

import machine
from peer import Peer, artefact


def export(directory, folder):
    """The fused graph as folder/model.onnx."""
    import torch
    from onnxruntime.transformers import optimizer

    import peer_torch

    model = peer_torch.load(directory, attention="eager")
    plain = folder / "plain.onnx"
    dynamic = {"input_ids": {0: "batch", 1: "length"}, "attention_mask": {0: "batch", 1: "length"},
               "logits": {0: "batch"}}
    torch.onnx.export(peer_torch.Scores(model), peer_torch.example(), str(plain), dynamo=False,
                      input_names=["input_ids", "attention_mask"], output_names=["logits"],
                      dynamic_axes=dynamic, opset_version=17)
    fused = optimizer.optimize_model(
        str(plain), model_type="bert", num_heads=model.config.num_attention_heads,
        hidden_size=model.config.hidden_size, opt_level=0)
    count = fused.get_fused_operator_statistics()["Attention"]
    if count != model.config.num_hidden_layers:
        raise RuntimeError(f"{count} attentions of {model.config.num_hidden_layers} were fused")
    fused.save_model_to_file(str(folder / "model.onnx"))
    plain.unlink()


def quantize(graph, reduce_range, folder):
    """The matrix products of `graph` with weights in int8, a scale for each output column."""
    import onnx
    from onnxruntime import quantization

    quantization.quantize_dynamic(
        str(graph), str(folder / "model.onnx"), per_channel=True, reduce_range=reduce_range,
        weight_type=quantization.QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})


class OnnxRuntime(Peer):
    def graph(self):
        """The path of the graph, made where it is not there yet."""
        version = onnxruntime.__version__
        fused = artefact(self.directory, f"onnx-{version}",
                         lambda folder: export(self.directory, folder)) / "model.onnx"
        if self.precision == "fp32":
            return fused
        reduce_range = not machine.has_vnni()
        name = f"onnx-int8-{version}" + ("-reduced" if reduce_range else "")
        return artefact(self.directory, name,
                        lambda folder: quantize(fused, reduce_range, folder)) / "model.onnx"

    def build(self, pairs):
        self.graph()

    def prepare(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(self.graph()), options, providers=["CPUExecutionProvider"])

    def forward(self, ids, mask):
        return self.session.run(None, {"input_ids": ids, "attention_mask": mask})[0][:, 0]

    def describe(self):
        text = f"ONNX Runtime {onnxruntime.__version__}, fused"
        if self.precision == "int8":
            text += ", quantize_dynamic per channel"
            text += "" if machine.has_vnni() else ", reduced range"
        return text
