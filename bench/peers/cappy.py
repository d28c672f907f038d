# SPDX-License-Identifier: Apache-2.0
"""Runs cappy's command; one process for each measurement."""

import json
import re
import subprocess
import sys
import tempfile

import numpy as np

# Runs a command and writes its exit status, seconds and peak resident kilobytes to the file in front.
# It is a process of its own because a child of this one would count as large as this one is from its
# first moment.
LAUNCHER = """
import json, resource, subprocess, sys, time
begin = time.perf_counter()
code = subprocess.run(sys.argv[2:]).returncode
seconds = time.perf_counter() - begin
with open(sys.argv[1], "w") as file:
    json.dump([code, seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss], file)
"""


class Cappy:
    def __init__(self, command, directory, threads, precision, rows):
        self.command, self.rows = command, rows
        self.options = ["--model", str(directory), "--threads", str(threads),
                        "--precision", precision]

    def run(self, *arguments):
        """(stdout, stderr, seconds, peak resident bytes) of one call."""
        line = [self.command, *arguments]
        with tempfile.NamedTemporaryFile("r") as report:
            done = subprocess.run([sys.executable, "-c", LAUNCHER, report.name, *line],
                                  capture_output=True, text=True, check=True)
            code, seconds, resident = json.load(report)
        if code != 0:
            sys.exit(f"score_peers: {' '.join(line)} failed:\n{done.stderr}")
        return done.stdout, done.stderr, seconds, resident * 1024

    def tokenize(self):
        stdout = self.run("tokenize", *self.options[:2], self.rows)[0]
        return [json.loads(line)["ids"] for line in stdout.splitlines()]

    def score(self):
        """(scores, tokens per second as the command reports it, peak resident bytes)."""
        stdout, stderr, _, resident = self.run("score", *self.options, self.rows)
        found = re.search(r"([\d.,]+) tokens/s", stderr)
        if found is None:
            sys.exit(f"score_peers: cappy reported no tokens/s:\n{stderr}")
        scores = np.array([json.loads(line)["score"] for line in stdout.splitlines()])
        return scores, float(found[1].replace(",", "")), resident

    def latency(self):
        """Seconds for 1 and for 17 pairs of 64 tokens inside one process: medians of 15."""
        stdout = self.run("bench", *self.options, "--rounds", "1", "--json")[0]
        facts = json.loads(stdout)["latency"]
        return facts["one_pair_seconds"], facts["seventeen_pairs_seconds"]

    def open(self):
        """Seconds from start to end of a process that opens the model and scores one short pair."""
        return self.run("score", *self.options, "-i", "w1002", "-r", "w1003")[2]

    def version(self):
        return self.run("--version")[0].strip()
