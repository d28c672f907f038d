#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy eval: figures of rows with known scores, templates, samples that are kept, pages, and what is refused.
. "$(dirname -- "$0")/check.sh"

# get KEY...: the member of the last output, as JSON.
get()
{
    python3 -c '
import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    value = value[key]
print(round(value, 4) if isinstance(value, float) else value)' "$dir/out" "$@"
}

# is WANT KEY...
is()
{
    want=$1
    shift
    got=$(get "$@" 2>&1)
    [ "$got" = "$want" ] || fail "$* is $got, not $want"
}

# ---- Choices: what is known of scores ----

# Two templates of four examples; template a is right in 3 of 4, b in 1; averaged, 3 of 4. The first of equal scores is chosen.
cat >"$dir/choices.jsonl" <<'ROWS'
{"id": "t/a/1", "instruction": "p", "choices": ["yes", "no"], "answer": 0, "scores": [0.9, 0.1], "alone": [0.2, 0.4]}
{"id": "t/b/1", "instruction": "q", "choices": ["yes", "no"], "answer": 0, "scores": [0.1, 0.2], "alone": [0.2, 0.4]}
{"id": "t/a/2", "instruction": "r", "choices": ["yes", "no"], "answer": 0, "scores": [0.5, 0.5], "alone": [0.2, 0.4]}
{"id": "t/b/2", "instruction": "s", "choices": ["yes", "no"], "answer": 0, "scores": [0.1, 0.9], "alone": [0.2, 0.4]}
{"id": "t/a/3", "instruction": "t", "choices": ["yes", "no"], "answer": 1, "scores": [0.1, 0.2], "alone": [0.2, 0.4]}
{"id": "t/b/3", "instruction": "u", "choices": ["yes", "no"], "answer": 1, "scores": [0.3, 0.3], "alone": [0.2, 0.4]}
{"id": "t/a/4", "instruction": "v", "choices": ["yes", "no"], "answer": 0, "scores": [0.1, 0.2], "alone": [0.2, 0.4]}
{"id": "t/b/4", "instruction": "w", "choices": ["yes", "no"], "answer": 0, "scores": [0.4, 0.1], "alone": [0.2, 0.4]}
ROWS
check choices 0 '' eval classify --scored --alone --json --quiet "$dir/choices.jsonl"
is 8 rows
is 4 examples
is 0.5 accuracy
is 0.5 random
is 0.75 majority
is 0.25 picks alone
is 0.625 picks calibrated
is 0.75 averaged mean
is 2 tasks choices templates n
is 0.75 tasks choices templates best
is a tasks choices templates best_name
is b tasks choices templates worst_name
is 0.25 tasks choices templates worst
check 'as a table' 0 '' eval classify --scored --alone --quiet "$dir/choices.jsonl"
output_like '*8 choices, 16 responses*|majority *0.7500*|scorer *0.5000*|choices| *8| *2|0.5000| *0.7500*'

# By a field, which may be a number; rows without it stay with the task.
awk '{ sub(/}$/, NR % 4 == 0 ? "}" : ", \"kind\": " (NR % 2 ? "1" : "\"x y\"") "}"); print }' "$dir/choices.jsonl" >"$dir/grouped.jsonl"
check 'by a field' 0 '' eval classify --scored --json --quiet --group kind "$dir/grouped.jsonl"
is 4 tasks grouped/1 rows
is 2 tasks 'grouped/x y' rows
is 2 tasks grouped rows
is 0.75 tasks grouped/1 accuracy

# ---- Candidates ----

cat >"$dir/pool.jsonl" <<'ROWS'
{"instruction": "a", "candidates": [{"text": "p q", "quality": 1, "source": "x"}, {"text": "p q r", "quality": 4, "source": "y"}, {"text": "q r longest", "quality": 3, "source": "z"}], "scores": [0.1, 0.2, 0.3]}
{"instruction": "b", "candidates": [{"text": "one", "quality": 2, "source": "x"}, {"text": "One.", "quality": 2, "source": "z"}, {"text": "t", "quality": 5, "source": "y"}], "scores": [0.3, 0.3, 0.5]}
{"instruction": "c", "candidates": [{"text": "only", "quality": 2}], "scores": [0.3]}
ROWS
check pool 0 '' eval pool --scored --json --quiet "$dir/pool.jsonl"
is 2 rows
is 1 single
is 2.8333 picks random
is 1.5 picks first
is 3.0 picks shortest
is 2.5 picks longest
is 4.5 picks source
is y best_source
is 3.0 picks consensus
is 4.0 picks scorer
is 2.5 picks vote
is 4.5 picks oracle
is 0.7 gap_closed scorer mean
is 0.8333 pairs mean
is 0.75 rank mean
is '[2.83333333, 3.66666667, 4.0]' best_of pool scorer
check 'another temperature' 0 '' eval pool --scored --mix-temperature 0 --quiet "$dir/pool.jsonl"
output_like '*|mix *|4.0000|*The temperature of the mix is 0.*1 rows have a single answer*'
check 'a temperature below 0' 2 '*--mix-temperature must be at least 0*' eval pool --scored --mix-temperature -1 "$dir/pool.jsonl"
check 'graded by references' 1 '*pool.jsonl:1: the row has no "references" to grade by' eval pool --by references "$dir/pool.jsonl" --quiet --scored

# ---- With a model; scores that are kept ----

sed 's/, "scores.*/}/' "$dir/choices.jsonl" >"$dir/bare.jsonl"
check 'a model' 0 '' eval classify "$dir/bare.jsonl" --alone --json --quiet --threads 1
accuracy=$(get accuracy)
check 'with samples' 0 '' eval classify "$dir/bare.jsonl" --alone --json --quiet --threads 1 --samples "$dir/kept"
is "$accuracy" accuracy
is 0 kept
is 18 scored_pairs # the two answers by themselves once
cp "$dir/kept/samples_bare.jsonl" "$dir/whole.jsonl"
[ "$(wc -l <"$dir/whole.jsonl")" -eq 8 ] || fail 'samples are missing'
check 'all kept' 0 'the scores of 8 rows were kept from before, in */kept' eval classify "$dir/bare.jsonl" --alone --json --threads 1 --samples "$dir/kept"
is 8 kept
is "$accuracy" accuracy
head -c 1500 "$dir/whole.jsonl" >"$dir/kept/samples_bare.jsonl" # as a killed process leaves it
check 'some kept' 0 '' eval classify "$dir/bare.jsonl" --alone --json --quiet --threads 1 --samples "$dir/kept"
[ "$(get kept)" -gt 0 ] && [ "$(get kept)" -lt 8 ] || fail "kept $(get kept)"
is "$accuracy" accuracy
cmp -s "$dir/whole.jsonl" "$dir/kept/samples_bare.jsonl" || fail 'other samples'
check 'scored again from samples' 0 '' eval classify "$dir/kept/samples_bare.jsonl" --scored --alone --json --quiet
is "$accuracy" accuracy
check 'another length' 1 '*samples_bare.jsonl:1: scored by another model, or at another precision, length*' \
    eval classify "$dir/bare.jsonl" --quiet --samples "$dir/kept" --max-length 30
sed 's/"p"/"changed"/' "$dir/bare.jsonl" >"$dir/changed.jsonl" && mv "$dir/changed.jsonl" "$dir/bare.jsonl"
check 'other rows' 1 '*samples_bare.jsonl:1: this is not */bare.jsonl:1 with its scores*' \
    eval classify "$dir/bare.jsonl" --quiet --samples "$dir/kept"
check 'a limit' 0 '' eval classify "$dir/bare.jsonl" "$dir/choices.jsonl" --limit 3 --json --quiet
is 6 rows
is 3 tasks bare rows
sed 's/"t\//"u\//; s/}$/, "task": "choices"}/' "$dir/choices.jsonl" >"$dir/kept/whole.jsonl"
check 'tasks of two files' 0 '' eval classify --scored --json --quiet "$dir/choices.jsonl" "$dir/kept/whole.jsonl"
is 8 tasks whole rows

# ---- Pages ----

check 'a page about a pool' 0 '' eval pool --scored --quiet "$dir/pool.jsonl" --report "$dir/pool.html"
check 'a page about choices' 0 '' eval classify "$dir/bare.jsonl" --alone --quiet --report "$dir/choices.html"
for page in pool choices; do
    for part in '<title>cappy eval' Calibration 'Scores of the model' '</html>'; do
        grep -q "$part" "$dir/$page.html" || fail "the page about $page has no $part"
    done
    grep -qE 'https?:|src=|href=|<script|url\(' "$dir/$page.html" && fail "the page about $page asks for something from outside"
    grep -qE 'nan|inf"' "$dir/$page.html" && fail "a number in the page about $page is none"
done
grep -q 'Best of N' "$dir/pool.html" || fail 'the page has no curve'

# ---- Refusals ----

check 'no kind' 2 '*name what to evaluate first*' eval
check 'another kind' 2 '*there is no "rank": name what to evaluate first*' eval rank x
check 'a pool as choices' 1 '*pool.jsonl:1: the row has no "choices" with an "answer"*' eval classify "$dir/pool.jsonl"
check 'choices as a pool' 1 '*choices.jsonl:1: the row has no "candidates"*' eval pool "$dir/choices.jsonl"
check 'without scores' 1 '*bare.jsonl:1: the row has no "scores", a number for each of its 2 answers*' eval classify --scored "$dir/bare.jsonl"
check 'no rows' 1 '*there is no row to evaluate*' eval classify - </dev/null
check 'options of the other' 2 '*--mix-temperature and --by are for cappy eval pool' eval classify --by quality x
check 'scored and kept' 2 '*--scored takes scores from the rows*' eval classify --scored --samples x y

# ---- What needs no model, on real data ----

if [ -n "${CAPPY_SHARED:-}" ]; then
    run baselines 0 '' python3 "$root/tests/cli/baselines.py" "$cappy" self_instruct_252 instructgpt_squadv2 summeval niv1_gpt3 \
        classify/cb classify/copa classify/crows_pairs classify/wsc
else
    echo 'CAPPY_SHARED is not set: no comparison with the tables of the real data'
fi

finish
