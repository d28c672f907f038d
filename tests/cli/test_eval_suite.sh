#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy eval --suite: the formats of the authors' data, what is published beside ours, and what is missing.
. "$(dirname -- "$0")/check.sh"

# get FILE EXPRESSION: of `v`, the JSON in FILE.
get()
{
    python3 -c 'import json, sys; v = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$dir/$1" "$2" 2>&1
}

is()
{
    got=$(get out "$2")
    [ "$got" = "$1" ] || fail "$2 is $got, not $1"
}

# ---- promptsource11 from a line for each response ----

mkdir "$dir/pairs" "$dir/rows" "$dir/flan" "$dir/flan/flan-t5-xl" "$dir/flan/flan-t5-small" "$dir/empty"
cat >"$dir/pairs/promptsource_test.jsonl" <<'ROWS'
{"dataset_name": "super_glue/cb", "template_name": "a/b", "example_idx": 0, "instruction": "p", "response": "yes", "label": 0}
{"dataset_name": "WSC", "template_name": "x", "example_idx": 0, "instruction": "w", "response": "he", "label": 1}
{"dataset_name": "super_glue/cb", "template_name": "a/b", "example_idx": 0, "instruction": "p", "response": "no", "label": 1}
{"dataset_name": "super_glue/cb", "template_name": "c", "example_idx": 0, "instruction": "q", "response": "yes", "label": 0}
{"dataset_name": "super_glue/cb", "template_name": "c", "example_idx": 0, "instruction": "q", "response": "no", "label": 1}
{"dataset_name": "WSC", "template_name": "x", "example_idx": 0, "instruction": "w", "response": "she", "label": 0}
{"dataset_name": "WSC", "template_name": "x", "example_idx": 1, "instruction": "none is right", "response": "she", "label": 0}
ROWS
check 'a page of choices' 0 '' eval --suite promptsource11 "$dir/pairs" --quiet --threads 1 --report "$dir/page.html"
grep -q '<h1>promptsource11</h1>' "$dir/page.html" || fail 'the page has another title'
check pairs 0 '' eval --suite promptsource11 "$dir/pairs" --json --quiet --threads 1
is 3 'v["rows"]'
is 2 'v["tasks"]["CB"]["rows"]'
is 1 'v["tasks"]["CB"]["examples"]'
is 1 'v["tasks"]["WSC"]["rows"]'
is "['ANLI R1', 'ANLI R2', 'ANLI R3', 'RTE', 'StoryCloze', 'WiC', 'Winogrande', 'WinoGender', 'Crows-Pairs']" 'v["missing"]'
is 59.4 'v["published"]["Cappy-large"]["CB"]'
# The same as rows: the same figures.
cat >"$dir/rows/cb.jsonl" <<'ROWS'
{"id": "cb/a/b/0", "instruction": "p", "choices": ["yes", "no"], "answer": 1}
{"id": "cb/c/0", "instruction": "q", "choices": ["yes", "no"], "answer": 1}
ROWS
printf '{"id": "wsc/x/0", "instruction": "w", "choices": ["he", "she"], "answer": 0}\n' | gzip >"$dir/rows/wsc.jsonl.gz"
cp "$dir/out" "$dir/before"
check rows 0 '' eval --suite promptsource11 "$dir/rows" --json --quiet --threads 1
[ "$(get out 'v["tasks"]')" = "$(get before 'v["tasks"]')" ] || fail 'rows and pairs differ'
check 'as a table, with what is missing' 0 '*missing: */rows/anli_r1.jsonl*missing: */crows_pairs.jsonl*' eval --suite promptsource11 "$dir/rows"
output_like '*|ANLI R1 *|missing|*34.3|*|CB *| *2| *24.6|*59.4|*|mean of all 11 *47.6|*56.6|*|mean of these 2*'
sed 's/super_glue\/cb/snli/' "$dir/pairs/promptsource_test.jsonl" >"$dir/empty/promptsource_test.jsonl"
check 'another data set' 1 '*promptsource_test.jsonl:1: "snli" is none of the tasks of promptsource11' eval --suite promptsource11 "$dir/empty" --quiet
rm "$dir/empty/promptsource_test.jsonl"
check 'nothing there' 1 '*has none of the files of promptsource11*' eval --suite promptsource11 "$dir/empty" --quiet
check 'no folder' 2 '*name the folder with the data of promptsource11*' eval --suite promptsource11

# ---- bigbench45 ----

# Decodings are worth 0, 1 and 0.5; the sum of log-likelihoods prefers the last, their mean the second.
cat >"$dir/flan/flan-t5-xl/tense_validation.jsonl" <<'ROWS'
{"dataset": "tense", "example_idx": 0, "instruction": "go", "references": ["he went away", "gone"], "flan_samples": {"beam4": [{"response": "xx", "log_likelihood_sum": -9, "log_likelihood_mean": -3}], "sampling": [{"response": "gone", "log_likelihood_sum": -8, "log_likelihood_mean": -1}, {"response": "yy", "log_likelihood_sum": -8.5, "log_likelihood_mean": -4}], "temp0.9": [{"response": "went", "log_likelihood_sum": -7, "log_likelihood_mean": -2}]}}
ROWS
check bigbench 0 '' eval --suite bigbench45 "$dir/flan" --json --quiet --threads 1
is "['flan-t5-xl']" 'list(v)'
is 0.0 'v["flan-t5-xl"]["ways"]["beam4"]'
is 1.0 'v["flan-t5-xl"]["ways"]["sampling"]'
is 0.5 'v["flan-t5-xl"]["ways"]["temp0.9"]'
is 0.5 'v["flan-t5-xl"]["ways"]["log_likelihood_sum"]'
is 1.0 'v["flan-t5-xl"]["ways"]["log_likelihood_mean"]'
is False '"topk40" in v["flan-t5-xl"]["ways"]'
is 0.375 'v["flan-t5-xl"]["picks"]["random"]'
is 1.0 'v["flan-t5-xl"]["picks"]["oracle"]'
is 96.25 'round(v["flan-t5-xl"]["published"]["flan-t5-xl"]["tense"], 2)'
is 44 'len(v["flan-t5-xl"]["missing"])'
check 'as tables, with what is missing' 0 '*missing: */flan/flan-t5-small/word_sorting_validation.jsonl*missing: */flan/flan-t5-base*' \
    eval --suite bigbench45 "$dir/flan" --samples "$dir/kept"
output_like '*answers of flan-t5-xl*|beam search (4) *26.12| *0.00|*|Cappy *33.28| *-|*|tense *| *1| *96.2|*|mean of all 45 *33.3|*'
[ -s "$dir/kept/samples_flan-t5-xl_tense_validation.jsonl" ] || fail 'no samples'
mkdir -p "$dir/models/flan-t5-xl" && cp -r "$root/tests/golden/bert" "$dir/models/flan-t5-xl/tense"
check 'adapted models' 0 '*missing: *' eval --suite bigbench45 "$dir/flan" --models "$dir/models" --model "$dir/none" --threads 1
output_like "*flan-t5-xl: $dir/models, *"
check 'a task without one' 1 '*not adapted: there is no */other/flan-t5-xl/tense*' eval --suite bigbench45 "$dir/flan" --models "$dir/other" --model "$dir/none"
cat "$dir/flan/flan-t5-xl/tense_validation.jsonl" "$dir/flan/flan-t5-xl/tense_validation.jsonl" >"$dir/two"
mkdir -p "$dir/more/flan-t5-xl" && cp "$dir/two" "$dir/more/flan-t5-xl/tense_validation.jsonl"
check 'two rows' 0 '' eval --suite bigbench45 "$dir/more" --json --quiet
is 2 'v["flan-t5-xl"]["rows"]'
check 'the first of them' 0 '' eval --suite bigbench45 "$dir/more" --json --quiet --limit 1
is 1 'v["flan-t5-xl"]["rows"]'
# A page has all of them.
cp -r "$dir/flan/flan-t5-xl" "$dir/flan/flan-t5-large"
check 'a page' 0 '' eval --suite bigbench45 "$dir/flan" --threads 1 --quiet --report "$dir/page.html"
[ "$(grep -c '<title>bigbench45: answers of' "$dir/page.html")" -eq 1 ] || fail 'the page has not one title'
for part in '<h1>bigbench45: answers of flan-t5-large</h1>' '<h1>bigbench45: answers of flan-t5-xl</h1>' 'Best of N' '</html>'; do
    grep -q "$part" "$dir/page.html" || fail "the page has no $part"
done
[ "$(grep -c '<h2>How good the picked answer is' "$dir/page.html")" -eq 2 ] || fail 'not two parts with figures'
check 'no answers' 1 '*has no folder of answers, such as flan-t5-xxl*' eval --suite bigbench45 "$dir/empty" --quiet
check 'models without a suite' 2 '*--models is for --suite bigbench45' eval pool --models x y

finish
