#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures cappy beside other programs: the same pairs, weights, threads and machine.

All score the pairs of a workload file with models of real shapes and random weights. The workload
has token ids; cappy takes text. So the models' tokenizer is a vocabulary of words, `w1002` for id
1002, and each pair is written in those words: `cappy tokenize` must give the workload's ids back, or
nothing is measured. The peers are given ids ready made, sorted by length and filled up; the time of
cappy includes tokenizing, reading the rows and writing them. Loading, converting and compiling a
model counts for nobody.

cappy and its peers of one precision take turns, one precision after another. The result is one
Markdown table for each shape; below it, each peer that could not run, with the reason.
"""

import argparse
import datetime
import multiprocessing
import os
import shlex
import sys
import tempfile
from pathlib import Path

import machine
from cappy import Cappy
from catalogue import PEERS, PRECISIONS, score_bound
from rounds import Contest, reference_scores
from shapes import SEED, SHAPES, make_model
from table import HEAD, row
from workload import CALIBRATION_PAIRS, read_workload, write_rows


def model_directory(shape, folder):
    """The model of a shape, made in a process of its own where it is not there yet."""
    directory = folder / f"{shape}-{SEED}"
    if not directory.exists():
        maker = multiprocessing.get_context("spawn").Process(
            target=make_model, args=(shape, directory))
        maker.start()
        maker.join()
        if maker.exitcode != 0:
            sys.exit(f"score_peers: the model {shape} could not be made")
    return directory


def notes(contest):
    """What belongs under the table: cappy's opening time and memory, and who is missing."""
    if contest.ours.rates:
        opening = min(contest.cappy.open() for _ in range(3))
        weights = (contest.directory / "model.safetensors").stat().st_size
        yield (f"* cappy, {contest.ours.precision}: opens {weights / 1e6:,.0f} MB of weights and "
               f"scores a pair in {opening:.2f} s (best of 3); its peak resident memory on the "
               f"workload is {contest.resident / 1e6:,.0f} MB.")
    for name, reason in contest.missing.items():
        yield f"* {name} has no figures: {reason}"


def measure(shape, arguments, pairs, rows):
    """The table of one shape, with what belongs under it."""
    directory = model_directory(shape, arguments.models)
    if Cappy(arguments.cappy, directory, arguments.threads, "fp32", rows).tokenize() != pairs:
        sys.exit("score_peers: cappy's token ids are not those of the workload")
    calibration = read_workload(arguments.workload, CALIBRATION_PAIRS)
    reference = reference_scores(directory, arguments.threads, pairs)
    lines, below = [f"**{shape}**", "", HEAD], []
    for precision in PRECISIONS:
        names = [name for name in arguments.peers if PEERS[name][0] == precision]
        if not names:
            continue
        cappy = Cappy(arguments.cappy, directory, arguments.threads, precision, rows)
        contest = Contest(cappy, precision, directory, arguments.threads, pairs, calibration,
                          reference)
        contest.run(names, arguments.rounds, arguments.latency)
        lines += [row(figures, contest.ours, score_bound(precision, reference))
                  for figures in (contest.ours, *contest.figures.values()) if figures.rates]
        below += notes(contest)
    spread = f"* The reference's scores go from {reference.min():.3f} to {reference.max():.3f}."
    return "\n".join([*lines, "", spread, *below, ""])


def heading(arguments, pairs):
    """Machine, workload, date and command; without the names of this machine's folders."""
    options = [f"--{name}={value}" for name, value in (
        ("peers", arguments.peers != list(PEERS) and ",".join(arguments.peers)),
        ("shapes", ",".join(arguments.shapes)), ("pairs", arguments.pairs),
        ("rounds", arguments.rounds), ("threads", arguments.threads)) if value]
    options += [] if arguments.latency else ["--no-latency"]
    return (f"{datetime.date.today()}, {machine.describe()}, {arguments.threads} threads; "
            f"{len(pairs)} pairs, {sum(map(len, pairs)):,} tokens; {arguments.rounds} rounds in "
            f"turn:\n\n    CAPPY_SHARED=DIR bench/peers/run.sh build {shlex.join(options)}\n")


def parse_arguments():
    shared = os.environ.get("CAPPY_SHARED")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cappy", default="build/cappy", help="the command (default %(default)s)")
    parser.add_argument("--models", type=Path, default=Path.home() / ".cache" / "cappy-bench",
                        help="where models are kept, with their conversions 7 GB "
                        "(default %(default)s)")
    parser.add_argument("--workload", default=shared and f"{shared}/bench/workload.jsonl",
                        help="JSON lines with `ids` (default $CAPPY_SHARED/bench/workload.jsonl)")
    parser.add_argument("--peers", default=",".join(PEERS),
                        help="which of %(default)s (default all)")
    parser.add_argument("--shapes", default="roberta-large,minilm",
                        help=f"which of {', '.join(SHAPES)} (default %(default)s)")
    parser.add_argument("--pairs", type=int, default=0,
                        help="how many pairs of the workload (default all)")
    parser.add_argument("--rounds", type=int, default=5,
                        help="measurements of each (default %(default)s)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)),
                        help="for each (default all cores, %(default)s)")
    parser.add_argument("--no-latency", dest="latency", action="store_false",
                        help="leave out the time for 1 and 17 pairs of 64 tokens")
    parser.add_argument("--append", type=Path, metavar="FILE",
                        help="write the tables to the end of FILE, not to stdout")
    arguments = parser.parse_args()
    for name, known in (("shapes", SHAPES), ("peers", PEERS)):
        chosen = getattr(arguments, name).split(",")
        if unknown := [one for one in chosen if one not in known]:
            parser.error(f"none of the {name}: {', '.join(unknown)}")
        setattr(arguments, name, [one for one in known if one in chosen])
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    if arguments.workload is None:
        parser.error("set CAPPY_SHARED or give --workload")
    return arguments


def main():
    arguments = parse_arguments()
    arguments.models.mkdir(parents=True, exist_ok=True)
    pairs = read_workload(arguments.workload, arguments.pairs)
    with tempfile.TemporaryDirectory() as folder:
        rows = os.path.join(folder, "rows.jsonl")
        write_rows(pairs, rows)
        text = heading(arguments, pairs)
        for shape in arguments.shapes:
            text += "\n" + measure(shape, arguments, pairs, rows)
            if arguments.append:
                with open(arguments.append, "a", encoding="utf-8") as file:
                    file.write(text)
            else:
                print(text, end="", flush=True)
            text = ""


if __name__ == "__main__":
    main()
