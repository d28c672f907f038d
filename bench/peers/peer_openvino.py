# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: fp32, bf16, and int8 in weights and activations (w8a8), quantised by nncf.

For int8, nncf.quantize sets the ranges of the activations from pairs of the workload itself (64 of
them, whatever part of it is scored), with its settings for transformers (SmoothQuant, bias correction). What stays outside of int8 is computed
in bf16 where the processor has it.
"""

import openvino

from peer import Peer, Unsuitable, artefact, pad


def convert(directory, folder):
    import torch

    import peer_torch

    ids, mask = peer_torch.example()
    model = peer_torch.Scores(peer_torch.load(directory))
    with torch.no_grad():
        converted = openvino.convert_model(model, example_input=(ids, mask))
    for port, name in zip(converted.inputs, ("input_ids", "attention_mask")):
        port.get_tensor().set_names({name})
    openvino.save_model(converted, folder / "model.xml", compress_to_fp16=False)


def quantize(graph, pairs, folder):
    import nncf

    samples = [dict(zip(("input_ids", "attention_mask"), pad([pair]))) for pair in pairs]
    quantized = nncf.quantize(
        openvino.Core().read_model(graph), nncf.Dataset(samples), subset_size=len(samples),
        model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(quantized, folder / "model.xml", compress_to_fp16=False)


class OpenVino(Peer):
    def graph(self, pairs=None):
        """The path of the graph; `pairs` calibrate the quantised one where it is not there yet."""
        version = openvino.__version__.split("-")[0]
        plain = artefact(self.directory, f"openvino-{version}",
                         lambda folder: convert(self.directory, folder)) / "model.xml"
        if self.precision != "int8":
            return plain
        return artefact(self.directory, f"openvino-int8-{version}",
                        lambda folder: quantize(plain, pairs, folder)) / "model.xml"

    def has_bf16(self):
        return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")

    def build(self, pairs):
        if self.precision == "bf16" and not self.has_bf16():
            raise Unsuitable("OpenVINO computes in bf16 only on a processor with bf16 instructions")
        self.graph(pairs)

    def prepare(self):
        # One stream over all threads. The latency hint alone would leave out hyper-threads.
        narrow = self.precision != "fp32" and self.has_bf16()
        self.hint = "bf16" if narrow else "f32"
        self.compiled = openvino.Core().compile_model(self.graph(), "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(self.threads), "ENABLE_HYPER_THREADING": "YES",
            "INFERENCE_PRECISION_HINT": self.hint})
        self.request = self.compiled.create_infer_request()

    def forward(self, ids, mask):
        self.request.infer({"input_ids": ids, "attention_mask": mask}, share_inputs=True)
        return self.request.get_output_tensor(0).data[:, 0].copy()

    def describe(self):
        text = f"OpenVINO {openvino.__version__.split('-')[0]}"
        if self.precision == "int8":
            text += f", nncf w8a8, the rest in {self.hint}"
        return text
