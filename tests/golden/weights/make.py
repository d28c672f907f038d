#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the weight files of this folder: the same tensors as safetensors and as torch.save writes them.

values.json holds what each float tensor must widen to, as the bits of 32-bit floats. Needs torch and safetensors.
"""
import json
import pathlib

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent


def make_tensors():
    special = [0.0, -0.0, 1.0, -1.5, 65504.0, 6.1e-5, 5.96e-8, float("inf"), float("-inf"), 0.333251953125]
    line = torch.arange(12, dtype=torch.float32) / 7 - 0.5
    return {
        "f32": line.reshape(3, 4).clone(),
        "f16": torch.tensor(special).half().reshape(2, 5),
        "bf16": torch.tensor(special).bfloat16().reshape(5, 2),
        "scalar": torch.tensor(-3.25),
        "empty": torch.zeros(0, 4),
        "position_ids": torch.arange(5),
        "mask": torch.tensor([True, False, True]),
    }


def write_values(tensors):
    values = {
        name: {
            "shape": list(tensor.shape),
            "bits": [bits & 0xFFFFFFFF for bits in tensor.float().flatten().view(torch.int32).tolist()],
        }
        for name, tensor in tensors.items()
        if tensor.is_floating_point()
    }
    (HERE / "values.json").write_text(json.dumps(values) + "\n")


def main():
    tensors = make_tensors()
    write_values(tensors)
    save_file(tensors, HERE / "mixed.safetensors", metadata={"format": "pt"})
    torch.save(tensors, HERE / "mixed.bin")

    # What a module's state_dict() looks like: an OrderedDict with a _metadata attribute, views of one storage, parameters.
    module = torch.nn.Linear(4, 3)
    state = module.state_dict()
    whole = torch.arange(8, dtype=torch.float32)
    state["weight"] = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    state["bias"] = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    state["view"] = whole[2:6].reshape(2, 2)
    state["whole"] = whole
    torch.save(state, HERE / "state_dict.bin")


if __name__ == "__main__":
    main()
