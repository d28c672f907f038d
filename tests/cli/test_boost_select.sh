#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy boost: what the best is chosen by, and when no more is asked for; cappy data --llm: answers as weak supervision.
. "$(dirname -- "$0")/check.sh"
. "$root/tests/cli/upstream.sh"

# ---- Selection ----
cat >"$dir/rows" <<'END'
{"instruction": "say:zebra|the cat sat on the mat|the cat sat on a mat|the cat sat on the mat; 1"}
{"instruction": "say:7|8|7.|12 apples; 2"}
{"instruction": "say:only|only; 3"}
END
for how in score consensus vote mix; do
    check "by $how" 0 '' boost -q "$dir/rows" --llm "$llm" -n 4 --select $how
    output_has 3
    cp "$dir/out" "$dir/$how"
done
calls_are 3
check 'score is what it is without --select' 0 '' boost -q "$dir/rows" --llm "$llm" -n 4
cmp -s "$dir/out" "$dir/score" || fail 'it is not'
check 'a mix of consensus alone' 0 '' boost -q "$dir/rows" --llm "$llm" -n 4 --select mix --mix-temperature 1e6
cmp -s "$dir/out" "$dir/consensus" || fail 'it is not consensus'
check 'a mix of scores alone' 0 '' boost -q "$dir/rows" --llm "$llm" -n 4 --select mix --mix-temperature 0
cmp -s "$dir/out" "$dir/score" || fail 'it is not score'
cp -r "$CAPPY_MODEL" "$dir/warm"
sed -i '1s/{/{"cappy": {"mix_temperature": 1e6},/' "$dir/warm/config.json"
check 'the temperature that the model brings' 0 '' boost -q "$dir/rows" --llm "$llm" -n 4 --select mix --model "$dir/warm"
cmp -s "$dir/out" "$dir/consensus" || fail 'it is not consensus'
check 'without being asked' 0 '*the best are chosen by the mix of score and consensus, temperature 1e+06*' \
    boost "$dir/rows" --llm "$llm" -n 4 --model "$dir/warm"
cmp -s "$dir/out" "$dir/consensus" || fail 'it is not consensus'
check 'stopping early is by scores' 0 '' boost -q "$dir/rows" --llm "$llm" -n 4 --stop-at 1e9 --model "$dir/warm"
cmp -s "$dir/out" "$dir/score" || fail 'it is not score'
check 'another than the model brings' 0 '' boost -q "$dir/rows" --llm "$llm" -n 4 --select mix --mix-temperature 0 \
    --model "$dir/warm"
cmp -s "$dir/out" "$dir/score" || fail 'it is not score'
name='the picks'
python3 - "$dir" >"$dir/err" 2>&1 <<'END' || { read_output && fail 'a pick is another'; }
import json
import sys

def rows(how):
    return [json.loads(line) for line in open(sys.argv[1] + "/" + how)]

for how in ("score", "consensus", "vote", "mix"):
    for row in rows(how):
        assert row["response"] == row["candidates"][row["best"]]["text"], row
        assert len(row["scores"]) == 4
for row in rows("score"):
    assert row["best"] == row["scores"].index(max(row["scores"])), row
assert rows("consensus")[0]["best"] == 1, rows("consensus")[0]
row = rows("vote")[1]
weights = [max(score, 1e-6) for score in row["scores"]]
sums = [weights[0] + weights[2], weights[1], weights[0] + weights[2], weights[3]]
assert sums[row["best"]] == max(sums), row
assert row["best"] not in (0, 2) or row["scores"][row["best"]] == max(row["scores"][0], row["scores"][2]), row
END
check 'a table by consensus: best first' 0 '' boost -q -i 'say:zebra|the cat sat|the cat sat;' --llm "$llm" -n 3 --select consensus
output_like '*the cat sat*the cat sat*zebra*'
check 'a temperature without a mix' 2 '*--mix-temperature is for --select mix*' boost "$dir/rows" --llm "$llm" --mix-temperature 2
check 'stopping by something else' 2 '*--stop-at looks at scores alone*' boost "$dir/rows" --llm "$llm" --stop-at 1 --select vote
check 'another way' 2 '*oracle*' boost "$dir/rows" --llm "$llm" --select oracle
: >"$calls"

# ---- Stopping early ----
seq 1 20 | sed 's/.*/{"instruction": "question & of 20", "id": &}/' >"$dir/rows"
check 'never good enough: 1, 1, 2, 4, 2 answers' 0 '0 answers from the store, 200 sampled with 100 calls*' \
    boost "$dir/rows" --llm "$llm" -n 10 --stop-at 1e9
[ "$(grep -o '"text": "answer' "$dir/out" | wc -l)" -eq 200 ] || fail 'not 200 answers'
calls_are 100
cp "$dir/out" "$dir/all"
check 'the same without stopping' 0 '200 answers from the store, 0 sampled*' boost "$dir/rows" --llm "$llm" -n 10
cmp -s "$dir/out" "$dir/all" || fail 'other rows'
check 'always good enough' 0 '0 answers from the store, 20 sampled with 20 calls*' \
    boost "$dir/rows" --llm "$llm" -n 10 --stop-at -1e9 --store "$dir/first.db"
[ "$(grep -o '"text": "answer' "$dir/out" | wc -l)" -eq 20 ] || fail 'not 20 answers'
calls_are 20
# At the median of the best scores.
limit=$(python3 -c 'import json, sys
best = sorted(max(json.loads(line)["scores"]) for line in open(sys.argv[1]))
print(best[len(best) // 2])' "$dir/all")
check 'some are good enough' 0 '*' boost "$dir/rows" --llm "$llm" -n 10 --stop-at "$limit"
calls_are 0
cp "$dir/out" "$dir/stopped"
check 'some are good enough: with an empty store' 0 '*' boost "$dir/rows" --llm "$llm" -n 10 --stop-at "$limit" \
    --store "$dir/second.db"
name='stopping at the right answer'
python3 - "$dir" "$limit" >"$dir/err" 2>&1 <<'END' || { read_output && fail 'a row has too many answers, or too few'; }
import json
import sys

limit = float(sys.argv[2])
short = 0
for line, whole in zip(open(sys.argv[1] + "/stopped"), open(sys.argv[1] + "/all")):
    row, all_of_it = json.loads(line), json.loads(whole)
    n = len(row["scores"])
    assert n in (1, 2, 4, 8, 10), n
    assert row["candidates"] == all_of_it["candidates"][:n] and row["scores"] == all_of_it["scores"][:n]
    assert max(row["scores"]) >= limit or n == 10
    before = {1: 0, 2: 1, 4: 2, 8: 4, 10: 8}[n]
    assert before == 0 or max(row["scores"][:before]) < limit
    short += n < 10
assert 0 < short < 20, short
END
: >"$calls"
printf '{"instruction": "twice in rounds", "id": 1}\n{"instruction": "twice in rounds", "id": 2}\n' >"$dir/twice"
check 'twice, in rounds, is paid for once' 0 '*8 sampled with 4 calls*' boost "$dir/twice" --llm "$llm" -n 8 --stop-at 1e9
[ "$(sed 1d "$dir/out" | sed 's/"id": 2/"id": 1/')" = "$(sed 2d "$dir/out")" ] || fail 'not the same answers'
calls_are 4

# ---- Training rows ----
cat >"$dir/tasks" <<'END'
{"id": 1, "task": "t", "instruction": "say:a dog|a black dog;", "references": ["a dog"]}
{"id": 2, "task": "t", "instruction": "closed", "choices": ["x", "y"], "answer": 1}
{"id": 3, "task": "t", "instruction": "say:one bird; 3", "references": ["two birds"], "candidates": ["a bird", {"text": "no bird", "source": "s"}]}
END
check 'training rows' 0 '*' data "$dir/tasks" --llm "$llm" -n 2 --mismatches 0
output_is '{"id": 1, "task": "t", "instruction": "say:a dog|a black dog;", "response": "a dog", "score": 1.0, "kind": "reference"}
{"id": 1, "task": "t", "instruction": "say:a dog|a black dog;", "response": "a black dog", "score": 0.8, "kind": "candidate"}
{"id": 2, "task": "t", "instruction": "closed", "response": "y", "score": 1.0, "kind": "answer"}
{"id": 2, "task": "t", "instruction": "closed", "response": "x", "score": 0.0, "kind": "choice"}
{"id": 3, "task": "t", "instruction": "say:one bird; 3", "response": "two birds", "score": 1.0, "kind": "reference"}
{"id": 3, "task": "t", "instruction": "say:one bird; 3", "response": "a bird", "score": 0.5, "kind": "candidate"}
{"id": 3, "task": "t", "instruction": "say:one bird; 3", "response": "no bird", "score": 0.5, "kind": "candidate"}
{"id": 3, "task": "t", "instruction": "say:one bird; 3", "response": "one bird", "score": 0.5, "kind": "candidate"}'
match "$err" '*0 answers from the store, 4 sampled with 2 calls*' || fail 'the cost is not told'
calls_are 2
check 'what boost has sampled is not asked again' 0 '' data -q "$dir/tasks" --llm "$llm" -n 2
calls_are 0
seq 1 300 | sed 's/.*/{"instruction": "many &", "references": ["right &"], "task": "t"}/; 7s/many/fault:400*9 many/' >"$dir/tasks"
check 'rows without an answer' 1 '*1 of 300 rows with references got no answer*/tasks:7: http*HTTP 400*' \
    data "$dir/tasks" --llm "$llm" -n 3 --mismatches 0
[ "$(grep -c '"kind": "candidate"' "$dir/out")" -eq 897 ] || fail 'not 3 answers to 299 rows'
[ "$(grep -c '"kind": "reference"' "$dir/out")" -eq 300 ] || fail 'a row is missing'
: >"$calls"
check 'answers from nowhere' 2 '*add --llm URL*' data "$dir/tasks" -n 3
printf '{"instruction": "one", "references": ["r"]}\n{"instruction": 2, "references": ["r"]}\n' >"$dir/tasks"
check 'a bad row: those before it come out' 1 '*tasks:2: *"instruction"*' data -q "$dir/tasks" --llm "$llm" -n 1
output_has 2

finish
