# SPDX-License-Identifier: Apache-2.0
"""What the processor is and can do, as Linux tells it."""

import os
from pathlib import Path

# What the speed of these programs depends on, in the order of the table's heading.
TELLING = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16",
           "amx_int8", "asimddp", "i8mm", "bf16", "sve")


def fact(key):
    """The value of a line of /proc/cpuinfo, empty where there is none."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def flags():
    return set((fact("flags") or fact("Features")).split())


def has_vnni():
    """Whether bytes multiply without the 16-bit saturation of the older instructions."""
    return bool(flags() & {"avx_vnni", "avx512_vnni", "asimddp"})


def describe():
    """One line: the model, and those of its instructions that matter here."""
    name = fact("model name") or os.uname().machine
    return f"{name} ({' '.join(flag for flag in TELLING if flag in flags())})"
