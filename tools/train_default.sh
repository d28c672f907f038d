#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# train_default.sh OUT [OPTION...]: trains the default model, by cappy data and cappy train.
#
# It goes on from the one before it, models/default of commit 72a8d02, whose folder is BASE (git archive 72a8d02
# models/default | tar x -C FOLDER); that one was made in the same way from the first, of a PyTorch script
# (docs/quality-log.md). CAPPY_SHARED names the folder with the data, CAPPY the command (build/cappy). OUT.1 to OUT.3 get
# the training rows of the three stages, their models, and the mean of each with what it began from; options such as
# --threads 2 are given on to cappy train. A run that was interrupted goes on when the same command is given again. Needs
# python3 and numpy. Afterwards: tools/model_card.sh OUT SAMPLES.
set -eu

out=$1
shift
root=$(cd "$(dirname -- "$0")/.." && pwd)
cappy=${CAPPY:-$root/build/cappy}

# rows FOLDER SEED MIX: what is to be learnt of an open row are its candidates; the right one is among them.
rows() {
    if [ ! -e "$1/rows.jsonl" ]; then
        mkdir -p "$1"
        python3 "$root/tools/default_tasks.py" --seed "$2" --mix "$3" >"$1/tasks.jsonl"
        "$cappy" data --mismatches 0 --no-dedup "$1/tasks.jsonl" | grep -v '"kind": "reference"}$' >"$1/rows.jsonl.part"
        mv "$1/rows.jsonl.part" "$1/rows.jsonl"
    fi
}

# train FOLDER BASE OPTION...: the model FOLDER/model; nothing where it is there already.
train() {
    folder=$1
    base=$2
    shift 2
    if [ ! -e "$folder/model/model.safetensors" ]; then
        "$cappy" train "$folder/rows.jsonl" --model "$base" --out "$folder/model" --resume --loss combined --epochs 1 \
            --batch-size 48 --max-length 256 --dropout 0 --store bf16 --warmup 0.05 "$@"
    fi
}

rows "$out.1" 11 "opinions=5500,feelings=1200,emotions=800,tweets=800,told=2500,causes=2800,mnli=2200,inference=4500,\
topics=900,p3_closed=1200,ni_closed=900,p3_open=700,ni_open=1200,long=1200,abstain=250,questions=2400,summaries=450,\
gisting=500,niv1=400,qqp=300,dbpedia=150"
rows "$out.2" 12 "opinions=5000,feelings=1000,emotions=500,tweets=600,told=1800,causes=5000,mnli=1500,inference=3500,\
follows=7000,topics=800,p3_closed=1000,ni_closed=700,p3_open=700,ni_open=1200,long=1200,abstain=250,questions=2400,\
summaries=450,gisting=500,niv1=400,qqp=200,dbpedia=100"
train "$out.1" "$BASE" --learning-rate 1.5e-4 "$@"
python3 "$root/tools/average_weights.py" "$BASE" "$out.1/model" 0.6 "$out.1/mean"
train "$out.2" "$out.1/mean" --learning-rate 1.5e-4 "$@"
python3 "$root/tools/average_weights.py" "$out.1/mean" "$out.2/model" 0.5 "$out.2/mean"

# The first half of the second stage's rows once more, so that the weights serve the prefix mask, too.
mkdir -p "$out.3"
head -n 50000 "$out.2/rows.jsonl" >"$out.3/rows.jsonl"
train "$out.3" "$out.2/mean" --learning-rate 1e-4 --mask prefix "$@"
python3 "$root/tools/average_weights.py" "$out.2/mean" "$out.3/model" 0.5 "$out"
