#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Good rows: what is added to them, that nothing else changes, and every form that a file may have.
. "$(dirname -- "$0")/check.sh"

n='*[0-9].[0-9]*' # a number, as a pattern of the shell
number='-\{0,1\}[0-9][0-9]*\.[0-9][-0-9e]*'

# The last output with the members that cappy adds taken away again, and their numbers as N.
strip()
{
    sed "s/, \"scores*\": .*}\$/}/; s/, \"ids\": .*}\$/}/" "$dir/out"
}
shape()
{
    sed "s/$number/N/g" "$dir/out"
}

cat >"$dir/rows" <<'END'
{"instruction": "What is the capital of France?", "response": "Paris.", "id": 1}
{"id":"b/2","response":"Rome.","instruction":"What is the capital of Italy?","extra":{"a":[1,2,{"b":null}]}}
{ "n" : 123456789012345678901234567890 , "f":1.500e+03,"e":"\u00e9\/é", "instruction":"a" ,"response":"" }
END
check score 0 '*3 rows, 3 pairs in *' score "$dir/rows"
output_has 3
[ "$(strip)" = "$(sed 's/^{ /{/; s/ }$/}/' "$dir/rows")" ] || fail 'the rows are not the same'
shape >"$dir/shape"
[ "$(grep -c ', "score": N}$' "$dir/shape")" -eq 3 ] || fail 'a score is missing'
cp "$dir/out" "$dir/scored"

check 'score again: the old score goes' 0 '' score --quiet "$dir/scored"
cmp -s "$dir/out" "$dir/scored" || fail 'the rows are not the same'
check 'standard input' 0 '' score -q - <"$dir/rows"
cmp -s "$dir/out" "$dir/scored" || fail 'not as from a file'
check 'standard input without -' 0 '' score -q <"$dir/rows"
cmp -s "$dir/out" "$dir/scored" || fail 'not as from a file'
gzip -c "$dir/rows" >"$dir/rows.gz"
check gzip 0 '' score -q "$dir/rows.gz"
cmp -s "$dir/out" "$dir/scored" || fail 'not as from a plain file'
check 'gzip from standard input' 0 '' score -q <"$dir/rows.gz"
cmp -s "$dir/out" "$dir/scored" || fail 'not as from a plain file'
check 'to a file' 0 '' score -q "$dir/rows" --output "$dir/written"
output_is ''
cmp -s "$dir/written" "$dir/scored" || fail 'not as to standard output'
printf 'old content that is much longer than what is written over it\n%5000s\n' >"$dir/written"
check 'over an old file' 0 '' score -q "$dir/rows" -o "$dir/written"
cmp -s "$dir/written" "$dir/scored" || fail 'something of the old file is left'
check 'no rows' 0 '*0 rows, 0 pairs*' score /dev/null
output_is ''

{
    printf '\357\273\277\n   \n{"instruction":"a","response":"b"}\r\n\n'
    printf '{"instruction":"c","response":"d"}'
} >"$dir/odd"
check 'byte order mark, blank lines, CR LF, no last line feed' 0 '' score -q "$dir/odd"
output_like "{\"instruction\":\"a\",\"response\":\"b\", \"score\": $n}
{\"instruction\":\"c\",\"response\":\"d\", \"score\": $n}"
output_has 2

for threads in 1 2 3; do
    check "threads $threads" 0 '' score -q --threads "$threads" --precision fp32 "$dir/rows"
    shape >"$dir/shape"
    [ "$(grep -c ', "score": N}$' "$dir/shape")" -eq 3 ] || fail 'a score is missing'
done
long=$(printf 'good morning %.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24)
printf '{"instruction":"%s %s","response":"b"}\n{"instruction":"a","response":"b"}\n' "$long" "$long" \
    >"$dir/long"
check truncation 0 '1 of 2 pairs were longer than 64 tokens and were truncated*' score "$dir/long"
check 'max-length' 0 '1 of 2 pairs were longer than 16 tokens*' score --max-length 16 "$dir/long"
check 'max-length over the limit' 2 '*64*' score --max-length 65 "$dir/long"

# ---- rank ----
cat >"$dir/pool" <<'END'
{"instruction": "a", "candidates": ["x", {"text": "y", "quality": 0.5}, ""], "best": 9}
{"instruction": "b", "candidates": [{"source": "s", "text": "only"}], "scores": [], "id": 7}
END
check rank 0 '*2 rows, 4 pairs in *' rank "$dir/pool"
output_has 2
output_like "{\"instruction\": \"a\", \"candidates\": \[\"x\", {\"text\": \"y\", \"quality\": 0.5}, \"\"\], \
\"scores\": \[$n, $n, $n\], \"best\": [0-2]}
{\"instruction\": \"b\", \"candidates\": \[{\"source\": \"s\", \"text\": \"only\"}\], \"id\": 7, \
\"scores\": \[$n\], \"best\": 0}"
check 'equal candidates: the first' 0 '' rank -q - <<'END'
{"instruction":"a","candidates":["x","x","x"]}
END
output_like '*"best": 0}'

# ---- classify ----
cat >"$dir/texts" <<'END'
{"instruction": "I loved it.", "choices": ["negative", "positive"], "answer": 1}
{"instruction": "So bad.", "choices": ["negative", "positive"]}
END
check classify 0 '*2 rows, 4 pairs in *accuracy [01].*: [01] of 1 rows with an answer are right*' \
    classify "$dir/texts"
shape >"$dir/shape"
[ "$(grep -c ', "scores": \[N, N\], "best": [01], "label": "\(posi\|nega\)tive"}$' "$dir/shape")" -eq 2 ] ||
    fail 'a label is missing'
check 'classify without answers' 0 '*2 rows, 6 pairs in *' classify --labels 'a, b ,"c' - <<'END'
{"instruction": "x"}
{"instruction": "y", "label": "old", "best": "old"}
END
match "$err" '*accuracy*' && fail 'an accuracy of nothing'
shape >"$dir/shape"
[ "$(grep -c ', "scores": \[N, N, N\], "best": [012], "label": "\(a\|b\|\\"c\)"}$' "$dir/shape")" -eq 2 ] ||
    fail 'a label is missing'
check 'answers by text' 0 '*accuracy 1.0000: 1 of 1*' classify --labels b - <<'END'
{"instruction": "x", "choices": ["a", "b"], "answer": 1}
END
check 'answers by text, another one' 0 '*accuracy 0.0000: 0 of 1*' classify --labels b - <<'END'
{"instruction": "x", "choices": ["a", "b"], "answer": 0}
END

# ---- tokenize ----
check tokenize 0 '*3 rows in *' tokenize "$dir/rows"
[ "$(strip)" = "$(sed 's/^{ /{/; s/ }$/}/' "$dir/rows")" ] || fail 'the rows are not the same'
output_like '*, "ids": \[[0-9]*, [0-9]*\]}*'
check segments 0 '' tokenize -q --segments "$dir/rows"
output_like '*"ids": \[[0-9]*\], "segments": \[0, *\]}*'

# ---- models that give several numbers ----
CAPPY_MODEL=$several
check 'several scores' 0 '' score -q "$dir/odd"
output_like "{\"instruction\":\"a\",\"response\":\"b\", \"score\": \[$n, $n, $n\]}*"
check 'one of several' 0 '' score -q --label 1 "$dir/odd"
output_like "{\"instruction\":\"a\",\"response\":\"b\", \"score\": $n}*"
check 'rank needs a label' 2 '*gives 3 numbers for a pair: say with --label*labels: *, *, *' \
    rank "$dir/pool"
check 'classify needs a label' 2 '*--label*' classify "$dir/texts"
check 'rank by a label' 0 '' rank -q --label 2 "$dir/pool"
output_like "*\"scores\": \[$n, $n, $n\], \"best\": [0-2]}*"
label=$(sed -n '/id2label/,/}/s/.*"1": "\(.*\)".*/\1/p' "$several/config.json")
check 'classify by the name of a label' 0 '' classify -q --label "$label" "$dir/texts"
check 'unknown label' 2 '*no label "nope"; its labels: *' rank --label nope "$dir/pool"
check 'label out of range' 2 '*no label "3"; its labels: *' rank --label 3 "$dir/pool"

finish
