#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy rank --select: what the best is chosen by, and what a model says of it that cappy adapt has made.
. "$(dirname -- "$0")/check.sh"

cat >"$dir/rows" <<'END_OF_ROWS'
{"instruction": "a", "candidates": ["zebra", "the cat sat on the mat", "the cat sat on a mat", "the cat sat on the mat"]}
{"instruction": "b", "candidates": ["7", {"text": "8"}, "7.", "12 apples"]}
{"instruction": "c", "candidates": ["only"]}
END_OF_ROWS
cp -r "$CAPPY_MODEL" "$dir/warm"
sed -i '1s/{/{"cappy": {"mix_temperature": 1e6},/' "$dir/warm/config.json"

bests()
{
    sed 's/.*"best": \([0-9]*\)}/\1/' "$dir/out" | tr '\n' ' '
}

for how in score consensus vote mix; do
    check "by $how" 0 '' rank -q "$dir/rows" --select $how
    output_has 3
    cp "$dir/out" "$dir/$how"
done
check 'score is what it is without --select' 0 '3 rows*' rank "$dir/rows"
cmp -s "$dir/out" "$dir/score" || fail 'it is not'
match "$err" '*chosen by*' && fail 'by what is said, though it is the score'
check 'auto is score where the model has no temperature' 0 '' rank -q "$dir/rows" --select auto
cmp -s "$dir/out" "$dir/score" || fail 'it is not'
check 'scores are the same whatever is chosen by' 0 '' rank -q "$dir/rows" --select consensus
[ "$(sed 's/"best".*//' "$dir/out")" = "$(sed 's/"best".*//' "$dir/score")" ] || fail 'others'
[ "$(bests | cut -c1)" = 1 ] || fail 'the first is not chosen by consensus'
check 'a mix of consensus alone' 0 '*the best are chosen by the mix of score and consensus, temperature 1e+06*' \
    rank "$dir/rows" --select mix --mix-temperature 1e6
cmp -s "$dir/out" "$dir/consensus" || fail 'it is not consensus'
check 'a mix of scores alone' 0 '' rank -q "$dir/rows" --select mix --mix-temperature 0
cmp -s "$dir/out" "$dir/score" || fail 'it is not score'
check 'the temperature that the model brings, without being asked' 0 '*the best are chosen by the mix of score and consensus, temperature 1e+06*' \
    rank "$dir/rows" --model "$dir/warm"
cmp -s "$dir/out" "$dir/consensus" || fail 'it is not consensus'
check 'score all the same' 0 '' rank -q "$dir/rows" --model "$dir/warm" --select score
cmp -s "$dir/out" "$dir/score" || fail 'it is not score'
check 'another temperature than the model brings' 0 '' rank -q "$dir/rows" --model "$dir/warm" --select mix --mix-temperature 0
cmp -s "$dir/out" "$dir/score" || fail 'it is not score'
check 'a model with a temperature chooses among labels by scores' 0 '' \
    classify -q "$dir/rows" --labels 'zebra,the cat sat,the cat sat' --model "$dir/warm"
cp "$dir/out" "$dir/labels"
check 'as one without' 0 '' classify -q "$dir/rows" --labels 'zebra,the cat sat,the cat sat'
cmp -s "$dir/out" "$dir/labels" || fail 'others'

check 'a table: best first' 0 '' rank -q -i a --select consensus zebra 'the cat sat' 'the cat sat on'
output_like '*the cat sat*the cat sat*zebra*'
check 'a table of rows: what was chosen by' 0 '' rank -q --table --select consensus "$dir/rows"
output_like '*  0.*the cat sat*zebra*'
check 'texts as JSON' 0 '' rank -q --json -i a --select consensus zebra 'the cat sat' 'the cat sat'
output_like '*"best": 1}'

# Of answers that say the same, the sum; of these, the best scored.
name='the vote'
python3 - "$dir/vote" >"$dir/err" 2>&1 <<'END_OF_PYTHON' || { read_output && fail 'another pick'; }
import json
import sys

row = [json.loads(line) for line in open(sys.argv[1])][1]
weights = [max(score, 1e-6) for score in row["scores"]]
sums = [weights[0] + weights[2], weights[1], weights[0] + weights[2], weights[3]]
assert sums[row["best"]] == max(sums), row
assert row["best"] not in (0, 2) or row["scores"][row["best"]] == max(row["scores"][0], row["scores"][2]), row
END_OF_PYTHON

check 'a temperature without a mix' 2 '*--mix-temperature is for --select mix*' rank "$dir/rows" --mix-temperature 2
check 'a temperature below 0' 2 '*--mix-temperature must be at least 0*' rank "$dir/rows" --select mix --mix-temperature -1
check 'another way' 2 '*oracle*' rank "$dir/rows" --select oracle

finish
