#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy adapt: what it parts, writes and prints, the same however it is interrupted, and what it refuses.
. "$(dirname -- "$0")/check.sh"

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
export OMP_NUM_THREADS OMP_WAIT_POLICY

# Pools, choices, and references alone.
awk 'BEGIN {
    for (i = 0; i < 40; i++)
        printf "{\"task\": \"pool\", \"instruction\": \"Name town number %d.\", \"references\": [\"the town of %d\"], " \
            "\"candidates\": [\"a town\", \"the town of %d\", \"the town of %d\"]}\n", i, i, i, i + 1
    for (i = 0; i < 40; i++)
        printf "{\"task\": \"choice\", \"instruction\": \"Is %d even?\", \"choices\": [\"yes\", \"no\"], " \
            "\"answer\": %d}\n", i, i % 4 == 1
    for (i = 0; i < 40; i++)
        printf "{\"task\": \"open\", \"instruction\": \"Say %d.\", \"references\": [\"it is %d\"]}\n", i, i
    for (i = 0; i < 20; i++)
        printf "{\"task\": \"graded\", \"instruction\": \"Write %d.\", \"candidates\": [" \
            "{\"text\": \"good %d\", \"quality\": 0.9}, {\"text\": \"bad\", \"quality\": 0.25}]}\n", i, i
}' >"$dir/rows.jsonl"
rows=$dir/rows.jsonl
options="$rows --threads 1 --steps 12 --batch-size 8 --save-every 2 --precision fp32"

# ---- The result ----

# shellcheck disable=SC2086 # several options
check adapt 0 '' adapt $options --out "$dir/one" --quiet
output_like '*98 instructions to learn from*14 to watch it by, 28 held out*held-out questions*random *consensus*base *scorer *mix *oracle *scorer - random *mix - consensus *held-out choices*random *majority*base *scorer *the model of step *'
[ "$(ls "$dir/one" | tr '\n' ' ')" = 'config.json model.safetensors tokenizer.json training.json training.jsonl ' ] ||
    fail "files: $(ls -a "$dir/one")"
grep -q mix_temperature "$dir/one/config.json" && fail 'a temperature of the mix from 14 rows'
check 'the result scores' 0 '' score --model "$dir/one" -i 'Name town number 1.' -r 'a town'
output_like '[0-9-]*.[0-9]*'

# ---- The temperature of the mix ----

awk 'BEGIN {
    for (i = 0; i < 220; i++)
        printf "{\"instruction\": \"Write %d.\", \"candidates\": [{\"text\": \"good %d\", \"quality\": 0.9}, " \
            "{\"text\": \"bad\", \"quality\": 0.25}]}\n", i, i
}' >"$dir/pool.jsonl"
check 'a pool' 0 '' adapt "$dir/pool.jsonl" --threads 1 --steps 2 --precision fp32 --out "$dir/pool" --quiet --json
temperature=$(printf '%s' "$out" | sed -n 's/.*"mix_temperature": \([0-9.]*\).*/\1/p')
check 'its temperature' 0 '' info --model "$dir/pool" --json
output_like "*\"mix_temperature\": ${temperature:-none}*"
printf '{"instruction": "a", "response": "b", "score": 1}\n' >"$dir/two.jsonl"
check 'training on' 0 '*1 steps*' train "$dir/two.jsonl" --model "$dir/pool" --steps 1 --out "$dir/on" --threads 1
grep -q mix_temperature "$dir/on/config.json" && fail 'another model has the temperature'

# ---- From an encoder without a head ----

# shellcheck disable=SC2086
check 'from an encoder' 0 "*note: *bert_encoder has no classification head: its *made anew*" adapt $options \
    --model "$root/tests/golden/bert_encoder" --max-length 32 --out "$dir/encoder" --quiet --report "$dir/encoder.html"
output_like '*random *consensus*scorer *mix *oracle *The base model is an encoder without a head*no row for it*the model of step *'
case $out in *'|base '* | *'- base'*) fail 'a base model that gives no scores has a row' ;; esac
check 'a score from it' 0 '' score --model "$dir/encoder" -i a -r b
# shellcheck disable=SC2086
check 'from an encoder, as JSON' 0 '*note: *made anew*' adapt $options --model "$root/tests/golden/bert_encoder" --max-length 32 \
    --out "$dir/encoder" --quiet --resume --json
case $out in *'"base"'*) fail 'a base model that gives no scores is in the JSON' ;; esac
grep -qE 'Picks that changed|Scores of the base model|>base<' "$dir/encoder.html" && fail 'the page tells of the base model'

# shellcheck disable=SC2086
check 'computed again' 0 '' adapt $options --out "$dir/again" --quiet --recompute
cmp -s "$dir/one/model.safetensors" "$dir/again/model.safetensors" || fail 'another model'

# ---- Interruptions ----

# shellcheck disable=SC2086
check 'done already, as JSON, with a page' 0 '' adapt $options --out "$dir/one" --quiet --resume --json --report "$dir/page.html"
output_like '{"model": *"instructions": {"train": 98, "validation": 14, "held_out": 28}*"pool": *"picks": {"random": *"mix": *"classify": *"accuracy": *'
for part in '<title>cappy adapt: ' 'Best of N' 'Calibration' 'Scores of the adapted model' 'Loss' 'Picks that changed' '</html>'; do
    grep -q "$part" "$dir/page.html" || fail "the page has no $part"
done
grep -qE 'https?:|src=|href=|<script|url\(' "$dir/page.html" && fail 'the page asks for something from outside'
grep -qE 'nan|inf"' "$dir/page.html" && fail 'a number in the page is none'
# shellcheck disable=SC2086
check 'a page that cannot be written' 1 '*nowhere/page.html*' adapt $options --out "$dir/one" --quiet --resume --report "$dir/nowhere/page.html"
kills=0 resume=
while :; do
    # shellcheck disable=SC2086
    "$cappy" adapt $options --out "$dir/killed" --quiet $resume >"$dir/out" 2>"$dir/err" &
    child=$!
    sleep "0.0$((kills % 5))$((kills * 7 % 10))"
    if [ $kills -lt 10 ] && kill -9 $child 2>/dev/null; then
        kills=$((kills + 1)) resume=--resume
        wait $child 2>/dev/null
    elif wait $child; then
        break
    else
        read_output
        fail 'resuming failed'
        break
    fi
done 2>/dev/null
name="killed $kills times"
cmp -s "$dir/one/model.safetensors" "$dir/killed/model.safetensors" || fail 'another model'
cmp -s "$dir/one/training.json" "$dir/killed/training.json" || fail 'another record'
[ "$(ls "$dir/killed" | tr '\n' ' ')" = 'config.json model.safetensors tokenizer.json training.json training.jsonl ' ] ||
    fail "files: $(ls -a "$dir/killed")"

# Few rows are gone through ten times at most, in batches whose size the mask decides on.
check_steps()
{
    size=$1
    shift
    "$cappy" adapt "$rows" --threads 1 "$@" --out "$dir/few" --quiet >"$dir/out" 2>"$dir/err" &
    child=$!
    while [ ! -s "$dir/few/training.jsonl" ]; do sleep 0.05; done
    training=$(wc -l <"$dir/few/adapt-rows.jsonl")
    kill -INT $child
    wait $child
    read_output
    name="how often a few rows are gone through, $*"
    match "$err" "*interrupted after step * of $(((10 * training + size - 1) / size)), which*" || fail 'the number of steps'
    rm -r "$dir/few"
}
check_steps 1 --batch-size 1
check_steps 32
check_steps 48 --mask prefix

# A polite interruption saves first, and says how to go on.
"$cappy" adapt "$rows" --threads 1 --steps 100000 --batch-size 8 --out "$dir/polite" --quiet >"$dir/out" 2>"$dir/err" &
child=$!
while [ ! -s "$dir/polite/training.jsonl" ]; do sleep 0.05; done
kill -INT $child
wait $child
status=$?
read_output
name='a polite interruption'
[ $status -eq 1 ] || fail "exit status $status"
match "$err" '*interrupted after step *, which is saved in */polite: the same command with --resume goes on*' || fail 'the message'
[ -n "$(find "$dir/polite" -path '*checkpoint-*' -name trainer_state.json)" ] || fail 'no checkpoint'
sed 's/the town of 7"/the town of 77"/' "$rows" >"$dir/changed.jsonl"
check 'rows that changed' 1 '*the rows are not those that this run was begun with*' \
    adapt "$dir/changed.jsonl" --threads 1 --steps 100000 --batch-size 8 --out "$dir/polite" --quiet --resume

# No file may be larger than 4 kB: the training rows cannot be written, or the checkpoints.
limited()
(
    # shellcheck disable=SC3045 # dash has it
    ulimit -f $size
    exec "$cappy" "$@"
)
# shellcheck disable=SC2086
size=8 run 'rows that cannot be written' 1 '*/full/adapt-rows.jsonl*: *' limited adapt $options --out "$dir/full" --quiet
[ ! -e "$dir/full" ] || fail "something was left: $(ls "$dir/full")"
# shellcheck disable=SC2086
size=100 run 'a model that cannot be written' 1 '*note: *checkpoint-2.part/*model.safetensors: *' \
    limited adapt $options --out "$dir/full" --quiet
# shellcheck disable=SC2086
check 'files can grow again' 0 '' adapt $options --out "$dir/full" --quiet --resume
cmp -s "$dir/one/model.safetensors" "$dir/full/model.safetensors" || fail 'another model'

# ---- A held-out file ----

head -n 5 "$rows" >"$dir/held.jsonl"
# shellcheck disable=SC2086
check 'a held-out file' 0 '' adapt $options --held-out "$dir/held.jsonl" --out "$dir/two" --quiet
output_like '*, 5 held out*5 rows left out of training*5 held-out questions, 15 responses*'
case $out in *choices*) fail 'choices were not held out' ;; esac
cp "$dir/held.jsonl" "$dir/same.jsonl"
check 'all is held out' 1 '*no rows to learn from: all their instructions are held out*' \
    adapt "$dir/same.jsonl" --held-out "$dir/held.jsonl" --out "$dir/none" --quiet

# ---- By a field ----

# Three prompts of each of 40 examples; the first prompt of example 7 is that of example 6.
awk 'BEGIN {
    for (prompt = 0; prompt < 3; prompt++)
        for (i = 0; i < 40; i++)
            printf "{\"example\": %d, \"instruction\": \"%s is %d even?\", \"choices\": [\"yes\", \"no\"], \"answer\": %d}\n", i, \
                substr("Or. Say,Well,", 1 + 4 * prompt, 4), prompt == 0 && i == 7 ? 6 : i, i % 2
}' >"$dir/prompts.jsonl"
check 'split by a field' 0 '' adapt "$dir/prompts.jsonl" --split-by example --threads 1 --steps 2 --out "$dir/by" --quiet --json
output_like '{"model": *"groups": {"train": 28, "validation": 4, "held_out": 8}*"classify": {"rows": 2[34],*'
check 'a field that is not there' 1 '*prompts.jsonl:1: the row has no "input", by which --split-by parts the rows' \
    adapt "$dir/prompts.jsonl" --split-by input --out "$dir/none" --quiet
check 'a field of few values' 1 '*there are only 2 different values of the field to split by; adapting needs at least 10*' \
    adapt "$dir/prompts.jsonl" --split-by answer --out "$dir/none" --quiet

# ---- What is refused ----

check 'no file' 2 '*give the files of task rows*' adapt --out "$dir/none"
check 'no --out' 2 '*give --out*' adapt "$rows"
check 'steps and epochs' 2 '*either --steps or --epochs*' adapt "$rows" --steps 1 --epochs 1 --out "$dir/none"
check 'int8' 2 '*int8 is for scoring*' adapt "$rows" --precision int8 --out "$dir/none"
check 'cuda' 2 '*--device cuda: *' adapt "$rows" --device cuda --out "$dir/none"
check 'a pipe' 2 '*-: is read twice*give a file*' adapt - --out "$dir/none" </dev/null
check 'a directory that is there' 2 "*$dir/one: is there*--resume*" adapt "$rows" --out "$dir/one"
check 'a file that is there' 2 '*is not a directory*' adapt "$rows" --out "$rows"
check 'no such file' 1 '*nowhere.jsonl: *' adapt "$dir/nowhere.jsonl" --out "$dir/none"
mkdir "$dir/other"
sed 's/"model_type": "bert"/"model_type": "distilbert"/' "$CAPPY_MODEL/config.json" >"$dir/other/config.json"
check 'a model of another architecture' 1 '*"distilbert" is not supported; bert, roberta*' \
    adapt "$rows" --model "$dir/other" --out "$dir/none"
# Tasks with a row each: nothing to choose from where the reference is all there is.
awk '{ sub(/"task": "open"/, "\"task\": \"alone " NR "\""); print }' "$rows" >"$dir/alone.jsonl"
check 'tasks with one row only' 0 '' adapt "$dir/alone.jsonl" --threads 1 --steps 2 --out "$dir/lonely" --quiet
output_like '*98 instructions to learn from*, 28 held out*held-out rows have nothing to choose from and are in no figure*'
printf 'rows\n' >"$dir/unread.jsonl"
check 'a model that is not there, before rows are read' 1 '*no such model directory*' \
    adapt "$dir/unread.jsonl" --model "$dir/nowhere" --out "$dir/none"
check 'a model of several labels' 1 '*gives 3 numbers*' adapt "$rows" --model "$several" --out "$dir/none"
check 'other options' 2 '*another --batch-size*' adapt "$rows" --threads 1 --steps 12 --batch-size 9 --save-every 2 \
    --precision fp32 --out "$dir/one" --resume --quiet
check 'another seed' 2 '*another --seed*' adapt "$rows" --threads 1 --steps 12 --batch-size 8 --save-every 2 \
    --precision fp32 --out "$dir/one" --resume --quiet --seed 2

refuse()
{
    printf '%s\n' "$3" >"$dir/bad.jsonl"
    check "$1" 1 "$2" adapt "$dir/bad.jsonl" --out "$dir/none" --quiet
}
refuse 'no rows' '*bad.jsonl: there are no rows to learn from' ''
refuse 'one row' '*there is only 1 different instruction; adapting needs at least 10*' "$(head -n 1 "$rows")"
refuse 'few rows' '*there are only 3 different instructions; *' "$(head -n 3 "$rows")"
refuse 'the same row' '*there is only 1 different instruction;*' "$(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do head -n 1 "$rows"; done)"
refuse 'neither kind' '*bad.jsonl:*: the row has no target*' \
    "$(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "{\"instruction\": \"a $i\"}"; done)"
refuse 'training rows' '*bad.jsonl:*it is a training row already*' \
    "$(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "{\"instruction\": \"a $i\", \"response\": \"b\", \"score\": 1}"; done)"
refuse 'no instruction' '*bad.jsonl:1: *no "instruction"*' '{"references": ["a"]}'
refuse 'not JSON' '*bad.jsonl:1: *' 'rows'
refuse 'a quality beyond 1' '*bad.jsonl:*"quality" of "candidates"*it must be from 0 to 1*' \
    "$(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "{\"instruction\": \"a $i\", \"references\": [\"b\"], \"candidates\": [{\"text\": \"c\", \"quality\": 3}, {\"text\": \"d\", \"quality\": 4}]}"; done)"
refuse 'nothing to choose from' '*no held-out row has two answers to choose from*' \
    "$(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "{\"instruction\": \"a $i\", \"references\": [\"the same\"]}"; done)"
[ ! -e "$dir/none" ] || fail 'something was left behind'

finish
