#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The prefix mask, from training to scoring: the same bits however it runs, what config.json says, and what is refused.
. "$(dirname -- "$0")/check.sh"

OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
export OMP_NUM_THREADS OMP_WAIT_POLICY
rows=$dir/rows.jsonl
awk 'BEGIN {
    for (i = 0; i < 48; i++)
        printf "{\"instruction\": \"What is the capital of country %d?\", \"response\": \"the city of %d\", " \
            "\"score\": %.2f}\n", i * 7 % 12, i, i % 4 / 3
}' >"$rows"
options="$rows --mask prefix --steps 12 --batch-size 6 --learning-rate 1e-3"

same()
{
    cmp -s "$dir/$1/model.safetensors" "$dir/$2/model.safetensors" || fail "$1 and $2 differ"
}

mask_of()
{
    check "info of $1" 0 '' info --model "$1" --json
    output_like "*\"mask\": \"$2\"*"
}

# ---- Training ----

# shellcheck disable=SC2086 # several options
check train 0 '12 steps, * tokens*' train $options --threads 1 --out "$dir/one"
grep -q '"mask": "prefix"' "$dir/one/config.json" || fail 'config.json does not say so'
grep -q '"mask": 1' "$dir/one/training.json" || fail 'training.json does not say so'
mask_of "$dir/one" prefix
mask_of "$CAPPY_MODEL" full
# shellcheck disable=SC2086
check 'three threads, computed again' 0 '' train $options --threads 3 --recompute --out "$dir/three" --quiet
same one three
check 'full' 0 '' train "$rows" --mask full --steps 12 --batch-size 6 --learning-rate 1e-3 --out "$dir/full" --quiet
check 'not said' 0 '' train "$rows" --steps 12 --batch-size 6 --learning-rate 1e-3 --out "$dir/unsaid" --quiet
same full unsaid
cmp -s "$dir/one/model.safetensors" "$dir/full/model.safetensors" && fail 'the mask changes nothing'
grep -q '"cappy"' "$dir/full/config.json" && fail 'a full mask is written'
for loss in bce listwise combined; do
    check "$loss" 0 '' train "$rows" --mask prefix --loss $loss --batch-size 8 --steps 3 --out "$dir/$loss" --quiet --threads 2
    mask_of "$dir/$loss" prefix
done
check 'an epoch' 0 '3 steps, 48 examples, *' train "$rows" --mask prefix --batch-size 16 --out "$dir/epoch"
check 'bf16' 0 '' train "$rows" --mask prefix --steps 3 --precision bf16 --threads 2 --out "$dir/bf16" --quiet
check 'an encoder' 0 '*made anew*' train "$rows" --mask prefix --steps 2 --max-length 32 \
    --model "$root/tests/golden/roberta_encoder" --out "$dir/encoder" --quiet
check 'a score from it' 0 '' score --model "$dir/encoder" -i a -r b
# Of one instruction with very many rows, a batch takes some at a time.
awk 'BEGIN { for (i = 0; i < 100; i++) printf "{\"instruction\": \"a\", \"response\": \"%d\", \"score\": 1}\n", i }' >"$dir/many.jsonl"
check 'many rows' 0 '6 steps, 100 examples, *' train "$dir/many.jsonl" --mask prefix --batch-size 10 --out "$dir/many"

# What a base model has stays; what is given counts.
check 'going on' 0 '' train "$rows" --model "$dir/one" --steps 2 --out "$dir/on" --quiet
mask_of "$dir/on" prefix
check 'going on as full' 0 '' train "$rows" --model "$dir/one" --mask full --steps 2 --out "$dir/off" --quiet
mask_of "$dir/off" full

# Killed and resumed: the same model.
# shellcheck disable=SC2086
check 'at a stretch' 0 '' train "$rows" --mask prefix --steps 300 --batch-size 6 --save-every 20 --out "$dir/whole" --quiet
"$cappy" train "$rows" --mask prefix --steps 300 --batch-size 6 --save-every 20 --out "$dir/parts" 2>"$dir/err" &
child=$!
while [ ! -e "$dir/parts/checkpoint-20" ] && kill -0 $child 2>/dev/null; do sleep 0.02; done
kill -9 $child 2>/dev/null
wait $child 2>/dev/null
check 'resumed' 0 '' train "$rows" --mask prefix --steps 300 --batch-size 6 --save-every 20 --out "$dir/parts" --resume --quiet
same whole parts

# ---- Scoring ----

# A score is the same alone and among those that share its prefix, whatever the number of threads.
awk 'BEGIN { for (i = 0; i < 60; i++) printf "{\"instruction\": \"What is the capital of country %d?\", \"response\": \"city %d\"}\n", i / 20, i }' >"$dir/pairs.jsonl"
check 'score' 0 '' score "$dir/pairs.jsonl" --model "$dir/one" --threads 2 --quiet --output "$dir/scores"
check 'score in another order' 0 '' score - --model "$dir/one" --threads 1 --quiet --output "$dir/sorted" <<ROWS
$(sort -k 7 -t '"' "$dir/pairs.jsonl" | awk '{ print NR % 2, $0 }' | sort -s -k 1,1 | cut -d' ' -f2-)
ROWS
[ "$(sort "$dir/scores")" = "$(sort "$dir/sorted")" ] || fail 'scores depend on the order'
check 'a score alone' 0 '' score --model "$dir/one" -i 'What is the capital of country 1?' -r 'city 27'
alone=$out
grep '"city 27"' "$dir/scores" | grep -q "$(printf '%.5s' "$alone")" || fail "alone: $alone; $(grep '"city 27"' "$dir/scores")"

# ---- adapt ----

awk 'BEGIN {
    for (i = 0; i < 220; i++)
        printf "{\"instruction\": \"Write %d.\", \"candidates\": [{\"text\": \"good %d\", \"quality\": 0.9}, " \
            "{\"text\": \"bad\", \"quality\": 0.25}]}\n", i, i
}' >"$dir/pool.jsonl"
check adapt 0 '' adapt "$dir/pool.jsonl" --mask prefix --threads 1 --steps 2 --precision fp32 --out "$dir/pool" --quiet
grep -q mix_temperature "$dir/pool/config.json" || fail 'no temperature of the mix'
mask_of "$dir/pool" prefix
check 'training on' 0 '' train "$rows" --model "$dir/pool" --steps 1 --out "$dir/after" --quiet
grep -q mix_temperature "$dir/after/config.json" && fail 'another model has the temperature'
mask_of "$dir/after" prefix
check 'eval' 0 '' eval pool "$dir/pool.jsonl" --model "$dir/pool" --json

# ---- What is refused ----

check 'an unknown mask' 2 '*--mask must be full or prefix, not "causal"*' train "$rows" --mask causal --out "$dir/none"
check 'resumed without it' 2 '*another --mask (1, not 0)*' train "$rows" --steps 12 --batch-size 6 --learning-rate 1e-3 --out "$dir/one" --resume
check 'resumed with it' 2 '*another --mask (0, not 1)*' train "$rows" --mask prefix --steps 12 --batch-size 6 --learning-rate 1e-3 \
    --out "$dir/full" --resume
# shellcheck disable=SC2086
check 'resumed' 0 '*was finished already*' train $options --out "$dir/one" --resume
# A run that began when there was one mask only.
grep -v '"mask"' "$dir/full/training.json" >"$dir/old.json" && mv "$dir/old.json" "$dir/full/training.json"
check 'an old run with it' 2 '*another --mask (0, not 1)*' train "$rows" --mask prefix --steps 12 --batch-size 6 --learning-rate 1e-3 \
    --out "$dir/full" --resume
check 'an old run' 0 '*was finished already*' train "$rows" --steps 12 --batch-size 6 --learning-rate 1e-3 --out "$dir/full" --resume
cp -r "$dir/one" "$dir/other"
sed 's/"mask": "prefix"/"mask": "causal"/' "$dir/one/config.json" >"$dir/other/config.json"
check 'another mask in config.json' 1 '*config.json: the mask "causal" is not implemented*' score --model "$dir/other" -i a -r b
check 'in training' 1 '*the mask "causal" is not implemented*' train "$rows" --model "$dir/other" --out "$dir/none"
sed 's/"mask": "prefix"/"mask": 1/' "$dir/one/config.json" >"$dir/other/config.json"
check 'a mask that is no name' 1 '*"mask" must be a string*' score --model "$dir/other" -i a -r b
[ ! -e "$dir/none" ] || fail 'something was written'

# ---- One set of weights for both ----

cp "$dir/one"/* "$dir/other"
sed 's/"mask": "prefix"/"mask": "both"/' "$dir/one/config.json" >"$dir/other/config.json"
mask_of "$dir/other" full
output_like '*"masks": "both"*'
for mask in full prefix; do
    check "$mask, asked for" 0 '' score -q "$rows" --model "$dir/other" --mask $mask
    cp "$dir/out" "$dir/by_$mask"
done
check 'full without being asked' 0 '' score -q "$rows" --model "$dir/other"
cmp -s "$dir/out" "$dir/by_full" || fail 'other scores than with --mask full'
check 'the model that has the prefix mask alone' 0 '' score -q "$rows" --model "$dir/one"
cmp -s "$dir/out" "$dir/by_prefix" || fail 'other scores than with --mask prefix'
cmp -s "$dir/by_full" "$dir/by_prefix" && fail 'both masks score alike'
check 'a mask that it was not trained for' 2 '*trained for the prefix mask alone*--mask full*' score "$rows" --model "$dir/one" --mask full
check 'the other one' 2 '*trained for the full mask alone*--mask prefix*' rank -i a b c --model "$CAPPY_MODEL" --mask prefix
check 'training by one of them' 0 '' train "$rows" --model "$dir/other" --steps 2 --out "$dir/again" --quiet
mask_of "$dir/again" full
output_like '*"masks": "full"*'

finish
