#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy train: what it writes, the same bits however it runs, and what it refuses.
. "$(dirname -- "$0")/check.sh"

rows=$dir/rows.jsonl
training_rows >"$rows"
# Threads that wait for each other are slow where others keep the processors busy: one, but where the
# number is what is tested.
OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
export OMP_NUM_THREADS OMP_WAIT_POLICY
options="$rows --steps 12 --batch-size 6 --save-every 4 --learning-rate 1e-3"

same()
{
    cmp -s "$dir/$1/model.safetensors" "$dir/$2/model.safetensors" || fail "$1 and $2 differ"
}

# ---- The result ----

# shellcheck disable=SC2086 # several options
check train 0 '12 steps, 72 examples, * tokens*loss *' train $options --threads 1 --out "$dir/one" --log "$dir/log"
output_is ''
[ "$(ls "$dir/one" | tr '\n' ' ')" = 'config.json model.safetensors tokenizer.json training.json ' ] ||
    fail "files: $(ls "$dir/one")"
[ "$(wc -l <"$dir/log")" -eq 12 ] || fail 'the log has not a line for each step'
grep -q '"layer_norm_eps": 1e-12,' "$dir/one/config.json" || fail 'numbers of config.json have other digits'
check 'the result scores' 0 '' score --model "$dir/one" -i 'What is the capital of France?' -r Paris
output_like '[0-9-]*.[0-9]*'
# shellcheck disable=SC2086
check 'until' 0 '5 steps, *' train $options --threads 1 --until 5 --out "$dir/until" --log "$dir/until.log"
[ "$(sed 's/, "seconds.*//' "$dir/until.log")" = "$(sed 's/, "seconds.*//; 5q' "$dir/log")" ] ||
    fail 'the first steps are others'
cmp -s "$dir/until/model.safetensors" "$dir/one/model.safetensors" && fail 'seven steps more changed nothing'
# shellcheck disable=SC2086
check 'four threads' 0 '' train $options --threads 4 --out "$dir/four" --quiet
same one four
# shellcheck disable=SC2086
check 'computed again' 0 '' train $options --threads 1 --recompute --out "$dir/again" --quiet
same one again
# In parts that are summed up apart, of passes that are none of them alone.
# shellcheck disable=SC2086
check 'passes' 0 '' train $options --threads 1 --pass-tokens 16 --out "$dir/passes" --quiet
# shellcheck disable=SC2086
check 'one part' 0 '' train $options --threads 1 --pass-tokens 16 --passes-per-sum 100 --out "$dir/part" --quiet
same passes part
# shellcheck disable=SC2086
check 'several parts' 0 '' train $options --threads 1 --pass-tokens 16 --passes-per-sum 2 --out "$dir/parts" --quiet
cmp -s "$dir/parts/model.safetensors" "$dir/part/model.safetensors" && fail 'parts change nothing, not even the last bits'
# shellcheck disable=SC2086
check 'another sum' 2 '*another --passes-per-sum (2, not 1)*' train $options --pass-tokens 16 --out "$dir/parts" --resume
gzip -c "$rows" >"$dir/rows.gz"
run 'compressed, from a pipe' 0 '' sh -c "'$cappy' train - --quiet --steps 12 --batch-size 6 \
    --learning-rate 1e-3 --out '$dir/pipe' <'$dir/rows.gz'"
same one pipe
check 'bf16' 0 '' train "$rows" --threads 1 --steps 2 --precision bf16 --out "$dir/bf16" --quiet
check 'bf16, computed again' 0 '' train "$rows" --threads 1 --steps 2 --precision bf16 --recompute --out "$dir/bf16.again" --quiet
same bf16 bf16.again
check 'an epoch' 0 '3 steps, 40 examples, *' train "$rows" --threads 1 --batch-size 16 --out "$dir/epoch"
check 'two epochs' 0 '5 steps, 80 examples, *' train "$rows" --threads 1 --batch-size 16 --epochs 2 --out "$dir/epochs"
check 'stored in bf16' 0 '' train "$rows" --threads 1 --steps 2 --store bf16 --out "$dir/half" --quiet
[ $(($(wc -c <"$dir/half/model.safetensors") * 2 - $(wc -c <"$dir/bf16/model.safetensors"))) -lt 20000 ] || fail 'not half as large'
grep -q '"dtype": "bfloat16"' "$dir/half/config.json" || fail 'config.json does not say so'
check 'a score from bf16' 0 '' score --model "$dir/half" -i a -r b
check 'combined' 0 '5 steps, 40 examples, *' train "$rows" --threads 1 --loss combined --batch-size 8 --out "$dir/both"
check 'listwise' 0 '5 steps, 40 examples, *' train "$rows" --threads 1 --loss listwise --batch-size 8 --out "$dir/list"
check 'bce' 0 '' train "$rows" --threads 1 --steps 3 --loss bce --quiet --out "$dir/bce"
check 'a score of bce is a sigmoid' 0 '' score --model "$dir/bce" -i a -r b
output_like '0.*'
check 'another seed' 0 '' train "$rows" --threads 1 --steps 12 --batch-size 6 --learning-rate 1e-3 --seed 2 --quiet --out "$dir/seed"
cmp -s "$dir/one/model.safetensors" "$dir/seed/model.safetensors" && fail 'the seed changes nothing'

# An encoder becomes a classifier; the same one, whoever makes it.
for encoder in bert_encoder roberta_encoder; do
    for copy in a b; do
        check "$encoder" 0 "*note: *$encoder has no classification head: its *made anew*" train "$rows" --threads 1 \
            --steps 2 --max-length 32 --model "$root/tests/golden/$encoder" --out "$dir/$encoder.$copy" --quiet
    done
    same $encoder.a $encoder.b
    check "a score from a trained $encoder" 0 '' score --model "$dir/$encoder.a" -i a -r b
    output_like '[0-9-]*.[0-9]*'
done
check 'a score from an encoder' 1 '*bert_encoder: *no classification head*' score --model "$root/tests/golden/bert_encoder" -i a -r b

# ---- Interruptions ----

# A polite interruption saves first.
"$cappy" train "$rows" --threads 1 --steps 100000 --out "$dir/polite" --log "$dir/polite.log" 2>"$dir/err" &
child=$!
while [ ! -s "$dir/polite.log" ]; do sleep 0.05; done
kill -INT $child
wait $child
[ $? -eq 1 ] || fail 'the exit status of an interrupted run is not 1'
read_output
match "$err" '*interrupted after step *--resume*' || fail 'the message'
[ -f "$dir/polite/checkpoint-"*/trainer_state.json ] || fail 'no checkpoint'
step=$(wc -l <"$dir/polite.log")
[ -d "$dir/polite/checkpoint-$step" ] || fail "the checkpoint is not of step $step"

# shellcheck disable=SC2086
check 'finished already' 0 '*was finished already*' train $options --out "$dir/one" --resume
same one four
# A damaged checkpoint is noticed, and the run begins anew where there is none before it.
damaged=$dir/polite/checkpoint-$step/model.safetensors
printf 'x' | dd of="$damaged" bs=1 seek=5000 conv=notrunc 2>/dev/null
rm "$dir/polite.log"
"$cappy" train "$rows" --threads 1 --steps 100000 --out "$dir/polite" --log "$dir/polite.log" --resume 2>"$dir/err" &
child=$!
while [ ! -s "$dir/polite.log" ]; do sleep 0.05; done
kill -INT $child
wait $child
read_output
name='a damaged checkpoint'
match "$err" '*note: *damaged: its checksum*' || fail 'the note'
match "$(head -n 1 "$dir/polite.log")" '{"step": 1, *' || fail 'it did not begin anew'

# ---- What is refused ----

check 'no file' 2 '*give the files*' train --out "$dir/none"
check 'no --out' 2 '*give --out*' train "$rows" --threads 1
check 'steps and epochs' 2 '*either --steps or --epochs*' train "$rows" --threads 1 --out "$dir/none" --steps 1 --epochs 1
check 'int8' 2 '*int8 is for scoring*' train "$rows" --threads 1 --out "$dir/none" --precision int8
check 'cuda' 2 '*--device cuda: *' train "$rows" --device cuda --out "$dir/none"
for value in x '' 1e 0x10 nan inf 1,5; do
    check "rate '$value'" 2 '*--learning-rate must be a number*' train "$rows" --threads 1 --out "$dir/none" --learning-rate "$value"
done
check 'a rate below 0' 2 '*--learning-rate must be from 0 to 10*' train "$rows" --threads 1 --out "$dir/none" --learning-rate=-1
check 'a directory that is there' 2 "*$dir/one: is there*--resume*" train "$rows" --threads 1 --out "$dir/one"
check 'a file that is there' 2 '*is not a directory*' train "$rows" --threads 1 --out "$rows"
check 'other options' 2 '*another --batch-size (6, not 7)*' train "$rows" --threads 1 --steps 12 --batch-size 7 \
    --save-every 4 --learning-rate 1e-3 --out "$dir/one" --resume
sed 's/Paris 3"/Paris 33"/' "$rows" >"$dir/changed.jsonl"
check 'other rows' 1 '*the rows are not those*' train "$dir/changed.jsonl" --steps 12 --batch-size 6 \
    --save-every 4 --learning-rate 1e-3 --out "$dir/one" --resume
# The same rows, but another tokenizer or another config.json.
cp -r "$CAPPY_MODEL" "$dir/base"
sed 's/"do_lower_case": *true/"do_lower_case": false/; s/"lowercase": *true/"lowercase": false/' \
    "$CAPPY_MODEL/tokenizer.json" >"$dir/base/tokenizer.json"
check 'another tokenizer' 1 '*the tokenizer of */base is not the one*same --model*' train "$rows" --steps 12 \
    --batch-size 6 --save-every 4 --learning-rate 1e-3 --model "$dir/base" --out "$dir/one" --resume
cp "$CAPPY_MODEL/tokenizer.json" "$dir/base/tokenizer.json"
check 'the same model elsewhere' 0 '*was finished already*' train "$rows" --steps 12 \
    --batch-size 6 --save-every 4 --learning-rate 1e-3 --model "$dir/base" --out "$dir/one" --resume
sed 's/"layer_norm_eps": 1e-12/"layer_norm_eps": 1e-6/' "$CAPPY_MODEL/config.json" >"$dir/base/config.json"
check 'another config.json' 1 '*the config.json of */base is not the one*' train "$rows" --steps 12 \
    --batch-size 6 --save-every 4 --learning-rate 1e-3 --model "$dir/base" --out "$dir/one" --resume
sed 's/"model_type": "bert"/"model_type": "distilbert"/' "$CAPPY_MODEL/config.json" >"$dir/base/config.json"
check 'another architecture' 1 '*"distilbert" is not supported; bert, roberta*' train "$rows" --model "$dir/base" --out "$dir/none"

# Two runs in one directory: the second is refused, whether it begins or goes on; where a run was
# killed, the next one goes on.
"$cappy" train "$rows" --threads 1 --steps 100000 --save-every 1 --out "$dir/busy" --log "$dir/busy.log" 2>"$dir/err" &
child=$!
while [ ! -s "$dir/busy.log" ]; do sleep 0.05; done
check 'two runs' 1 "*$dir/busy: another run is at work there*another --out*" train "$rows" --threads 1 --steps 100000 \
    --save-every 1 --out "$dir/busy" --resume
check 'two runs, one new' 2 "*$dir/busy: is there*" train "$rows" --threads 1 --steps 100000 --out "$dir/busy"
kill -9 $child
wait $child 2>/dev/null
[ -e "$dir/busy/.lock" ] || fail 'the lock of a killed run is not there: this test shows nothing'
check 'the lock of the killed' 1 '*the rows are not those*' train "$dir/changed.jsonl" --threads 1 --steps 100000 \
    --save-every 1 --out "$dir/busy" --resume
[ ! -e "$dir/busy/.lock" ] || fail 'the lock is still there'
mkdir "$dir/early" && : >"$dir/early/.lock"
check 'killed at its start' 0 '' train "$rows" --threads 1 --steps 1 --quiet --out "$dir/early"

check 'a model of several labels' 1 '*gives 3 numbers*' train "$rows" --threads 1 --model "$several" --out "$dir/none"
check 'no model' 1 '*no such model directory*' train "$rows" --threads 1 --model "$dir/nowhere" --out "$dir/none"
check 'too long' 2 '*this model takes 8 to 64*' train "$rows" --threads 1 --max-length 65 --out "$dir/none"
[ ! -e "$dir/none" ] || fail 'something was written'

refuse()
{
    printf '%s\n' "$3" >"$dir/bad.jsonl"
    rm -rf "$dir/bad"
    check "$1" 1 "$2" train "$dir/bad.jsonl" --out "$dir/bad"
}
refuse 'no rows' '*there are no rows*' ''
refuse 'no score' '*bad.jsonl:1: *no "score"*cappy data*' '{"instruction": "a", "response": "b"}'
refuse 'a score above 1' '*bad.jsonl:1: *"score" is 1.5*' '{"instruction": "a", "response": "b", "score": 1.5}'
refuse 'a score below 0' '*"score" is -0.1*' '{"instruction": "a", "response": "b", "score": -0.1}'
refuse 'a score that is no number' '*"score" must be a number*' '{"instruction": "a", "response": "b", "score": "1"}'
refuse 'NaN' '*bad.jsonl:1: *' '{"instruction": "a", "response": "b", "score": NaN}'
refuse 'infinity' '*bad.jsonl:1: *real number overflow*' '{"instruction": "a", "response": "b", "score": 1e999}'
refuse 'no response' '*no "response"*' '{"instruction": "a", "score": 1}'
printf '%s\n' '{"instruction": "a", "response": "b", "score": 1}' >"$dir/single.jsonl"
check 'one row' 0 '*1 steps, 1 examples*' train "$dir/single.jsonl" --out "$dir/single"
check 'one row, listwise' 1 '*one response only*--loss mse*' train "$dir/single.jsonl" --loss listwise --out "$dir/bad2"

# A NaN among the weights: the last four bytes are the head's bias.
cp -r "$dir/one" "$dir/nan"
size=$(wc -c <"$dir/nan/model.safetensors")
printf '\000\000\300\177' | dd of="$dir/nan/model.safetensors" bs=1 seek=$((size - 4)) conv=notrunc 2>/dev/null
check 'a loss that is no number' 1 \
    '*step 1: the loss is *nan*training has gone astray; there is no checkpoint yet;*lower --learning-rate*(rows *rows.jsonl:*35 more)' \
    train "$rows" --threads 1 --steps 2 --batch-size 40 --model "$dir/nan" --out "$dir/astray"
# A loss that explodes: the rows by their ids, and where to go on.
sed 's/^{/{"id": "q7", /' "$rows" >"$dir/named.jsonl"
check 'a loss that explodes' 1 \
    "*step [0-9]*: the loss is [0-9]*the last good checkpoint is $dir/exploded/checkpoint-[1-9]*lower --learning-rate (rows \"q7\" in *named.jsonl:*" \
    train "$dir/named.jsonl" --threads 1 --steps 100 --batch-size 8 --save-every 1 --learning-rate 10 --clip 0 --warmup 0 \
    --out "$dir/exploded"
[ -d "$dir"/exploded/checkpoint-[0-9]* ] || fail "no checkpoint: $(ls "$dir/exploded")"

finish
