# SPDX-License-Identifier: Apache-2.0
"""The texts within rows, for the tools/default_*.py."""
import collections
import re


def sentences(text):
    return [s for s in re.split(r"(?<=[.?!])\s+|\n+", text.strip()) if s.strip()]


def task_input(row):
    """What a row of Super-NaturalInstructions asks about, behind what it asks."""
    return row["instruction"].split("\n\n", 1)[-1].strip()


def prompts(sources):
    """Rows in twos: the two prompts of each text of a rendered data set."""
    rows_of = collections.defaultdict(list)
    for row in sources:
        rows_of[row["id"].rsplit("/", 1)[1]].append(row)
    return [rows for rows in rows_of.values() if len(rows) == 2]
