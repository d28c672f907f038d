# SPDX-License-Identifier: Apache-2.0
"""What was measured of one program, and the Markdown of it."""

import statistics
from dataclasses import dataclass, field


@dataclass
class Figures:
    """What was measured of one program in one class of precision."""
    name: str
    program: str
    precision: str
    batch_size: int = 0  # 0: the program packs pairs by itself
    rates: list = field(default_factory=list)  # tokens a second, one for each round
    one: list = field(default_factory=list)  # seconds for 1 pair of 64 tokens
    seventeen: list = field(default_factory=list)  # and for 17
    apart: float = 0.0  # the largest difference to the reference's scores

    def rate(self):
        return statistics.median(self.rates)


HEAD = """\
| peer | program | precision | pairs a batch | tokens/s, median (min to max) | cappy / it | 1 x 64, ms | \
17 x 64, ms | largest difference |
|---|---|---|---|---|---|---|---|---|"""


def spread(values):
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def milliseconds(seconds):
    if not seconds:
        return ""
    value = 1e3 * statistics.median(seconds)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def row(figures, ours, bound):
    """The line of one program; `ours` are cappy's figures in the same class."""
    apart = f"{figures.apart:.1e}" + (f", over {bound:g}" if figures.apart > bound else "")
    cells = [figures.name, figures.program, figures.precision, figures.batch_size or "packed",
             spread(figures.rates), f"{ours.rate() / figures.rate():.2f}",
             milliseconds(figures.one), milliseconds(figures.seventeen), apart]
    return "| " + " | ".join(map(str, cells)) + " |"
