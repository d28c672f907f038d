#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# train_default.sh OUT [OPTION...]: trains the default model, by cappy data and cappy train.
#
# It goes on from the first one, which a PyTorch script made: models/default of commit 26ec6ed, whose folder is BASE
# (git archive 26ec6ed models/default | tar x -C FOLDER). CAPPY_SHARED names the folder with the data, CAPPY the command
# (build/cappy). OUT.1 and OUT.2 get the training rows of the two stages, OUT.1/model the model between them; options
# such as --threads 2 are given on to cappy train. A run that was interrupted goes on when the same command is given
# again. Needs python3. Afterwards: tools/model_card.sh OUT SAMPLES.
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

# train FOLDER BASE OUT OPTION...: nothing where the model is there already.
train() {
    folder=$1
    base=$2
    model=$3
    shift 3
    if [ ! -e "$model/model.safetensors" ]; then
        "$cappy" train "$folder/rows.jsonl" --model "$base" --out "$model" --resume --loss combined --epochs 1 \
            --batch-size 48 --max-length 256 --dropout 0 --store bf16 "$@"
    fi
}

# Everything, then once more a part of it and emotions, of which the first knows nothing.
rows "$out.1" 3 "rotten_tomatoes=1500,amazon=500,yelp=100,imdb=50,dbpedia=100,qqp=200,mnli=400,p3_closed=350,\
ni_closed=350,topics=900,p3_open=500,ni_open=800,long=1100,abstain=250,questions=2000,gisting=500,niv1=400"
rows "$out.2" 5 "emotions=350,feelings=550,rotten_tomatoes=350,amazon=120,yelp=30,topics=250,ni_closed=90,p3_closed=90,\
p3_open=120,ni_open=180,long=110,abstain=60,questions=450,gisting=120,niv1=90,qqp=40,mnli=100"
train "$out.1" "$BASE" "$out.1/model" --learning-rate 1.5e-4 --warmup 0.05 "$@"
train "$out.2" "$out.1/model" "$out" --learning-rate 1e-4 --warmup 0.1 "$@"
