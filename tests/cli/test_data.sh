#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy data: rows in, training rows out, the summary, and what is refused.
. "$(dirname -- "$0")/check.sh"

cat >"$dir/open.jsonl" <<'END'
{"id": 7, "task": "colours", "instruction": "The colour of snow?\n\"White\" or\tblack?", "references": ["white"]}
{"task": "colours", "instruction": "The colour of coal?", "references": ["black"], "candidates": ["black stone", {"text": "blue é"}]}
{"task": "lonely", "instruction": "A number?", "references": ["7"]}
END
cat >"$dir/closed.json" <<'END'
{"id": "c/1", "instruction": "2+2?", "choices": ["3", "4"], "answer": 1}
{"id": [1.50], "instruction": "2+3?", "choices": ["5", "6"], "answer": 0}
END

check 'open rows' 0 '*' data "$dir/open.jsonl"
output_is '{"id": 7, "task": "colours", "instruction": "The colour of snow?\n\"White\" or\tblack?", "response": "white", "score": 1.0, "kind": "reference"}
{"id": 7, "task": "colours", "instruction": "The colour of snow?\n\"White\" or\tblack?", "response": "black", "score": 0.0, "kind": "mismatch"}
{"id": "open:2", "task": "colours", "instruction": "The colour of coal?", "response": "black", "score": 1.0, "kind": "reference"}
{"id": "open:2", "task": "colours", "instruction": "The colour of coal?", "response": "white", "score": 0.0, "kind": "mismatch"}
{"id": "open:2", "task": "colours", "instruction": "The colour of coal?", "response": "black stone", "score": 0.6666666666666666, "kind": "candidate"}
{"id": "open:2", "task": "colours", "instruction": "The colour of coal?", "response": "blue é", "score": 0.0, "kind": "candidate"}
{"id": "open:3", "task": "lonely", "instruction": "A number?", "response": "7", "score": 1.0, "kind": "reference"}'
match "$err" '*task *instructions *rows *mean
colours *2 *6 *0.4444
lonely *1 *1 *1.0000
(all) *3 *7 *0.5238

score *rows
0.0 to 0.1 *3 *█*
0.9 to 1.0 *3 *█*
7 rows from 3 task rows in *: 3 reference, 2 mismatch, 2 candidate
task rows without a mismatch, *: 1
warning: tasks with one row only: 1 (lonely): *' || fail 'another summary'
cp "$dir/out" "$dir/first"

check 'closed rows' 0 '' data -q "$dir/closed.json" --options
output_is '{"id": "c/1", "task": "closed", "instruction": "2+2?\n\nOptions:\n- 3\n- 4", "response": "4", "score": 1.0, "kind": "answer"}
{"id": "c/1", "task": "closed", "instruction": "2+2?\n\nOptions:\n- 3\n- 4", "response": "3", "score": 0.0, "kind": "choice"}
{"id": [1.50], "task": "closed", "instruction": "2+3?\n\nOptions:\n- 5\n- 6", "response": "5", "score": 1.0, "kind": "answer"}
{"id": [1.50], "task": "closed", "instruction": "2+3?\n\nOptions:\n- 5\n- 6", "response": "6", "score": 0.0, "kind": "choice"}'
cp "$dir/out" "$dir/second"

# ---- several files, compressed ones, standard input ----
cat "$dir/first" >"$dir/both"
"$cappy" data -q "$dir/closed.json" >>"$dir/both"
gzip -c "$dir/closed.json" >"$dir/closed.json.gz"
check 'two files' 0 '' data -q "$dir/open.jsonl" "$dir/closed.json.gz"
cmp -s "$dir/out" "$dir/both" || fail 'not as one by one'
check 'standard input' 0 '' data -q - "$dir/closed.json" <"$dir/open.jsonl"
output_has 11
output_like '*"id": "stdin:2"*'
check 'standard input without -' 0 '' data -q <"$dir/closed.json"
output_like '*"task": "stdin"*'
check 'to a file' 0 '' data -q "$dir/open.jsonl" "$dir/closed.json" -o "$dir/written"
output_is ''
cmp -s "$dir/written" "$dir/both" || fail 'not as to standard output'
check 'no rows' 0 '*0 rows from 0 task rows*' data /dev/null
output_is ''

# ---- options ----
printf '%s\n' '{"task": "t", "instruction": "Where was it?\nIt was found. It was in the North Sea. It was sold. And so on.", "references": ["the North Sea"]}' >"$dir/text"
check 'a way out and spans' 0 '*, * span, 1 abstain*' data "$dir/text" --spans 3 --abstain
output_like '*"kind": "reference"*"kind": "span"*"kind": "abstain"*'
i=0
while [ $i -lt 60 ]; do
    i=$((i + 1))
    printf '{"task":"t%d","instruction":"question %d","references":["the answer to that is number %d of %d"]}\n' \
        $((i % 30)) $i $i $((i * 7 % 11))
done >"$dir/many"
check defaults 0 '' data -q "$dir/many"
output_has 120
cp "$dir/out" "$dir/default"
check 'the same seed' 0 '' data -q "$dir/many" --mismatches 1 --seed 0 --near 0 --corruptions 0
cmp -s "$dir/out" "$dir/default" || fail 'not the same rows'
check 'no mismatches' 0 '' data -q "$dir/many" --mismatches 0
output_has 60
sed 's/"t[0-9]*"/"t"/' "$dir/many" >"$dir/one"
check 'one task' 0 '' data -q "$dir/one" --mismatches 5 --near 2 --corruptions 4
[ "$(grep -c '"mismatch"' "$dir/out")" -eq 300 ] || fail 'not 5 mismatches a row'
[ "$(grep -c '"near"' "$dir/out")" -ge 60 ] || fail 'not one near mismatch a row'
for kind in cut shuffled repeated extended; do
    [ "$(grep -c "\"$kind\"" "$dir/out")" -ge 55 ] || fail "no 55 of $kind"
done
cp "$dir/out" "$dir/seed0"
check 'the same again' 0 '' data -q "$dir/one" --mismatches 5 --near 2 --corruptions 4
cmp -s "$dir/out" "$dir/seed0" || fail 'not the same rows'
check 'another seed' 0 '' data -q "$dir/one" --mismatches 5 --near 2 --corruptions 4 --seed 1
cmp -s "$dir/out" "$dir/seed0" && fail 'the same rows'
check cap 0 '*task rows left out by --cap: 1*' data --cap 59 "$dir/one"
check balance 0 '*responses scored 0 left out by --balance: 240*' data --mismatches 5 --balance 1 "$dir/one"
output_has 120
cat "$dir/one" "$dir/one" >"$dir/twice"
check duplicates 0 '*duplicates left out: 60*' data --mismatches 0 "$dir/twice"
output_has 60
check 'no-dedup' 0 '' data -q --mismatches 0 --no-dedup "$dir/twice"
output_has 120
check 'more than 20 tasks' 0 '*(10 more) *(all) *' data "$dir/many"

# ---- refusals ----
check 'a file twice' 2 "*$dir/open.jsonl is given twice*" data "$dir/open.jsonl" "$dir/closed.json" "$dir/open.jsonl"
ln "$dir/open.jsonl" "$dir/link.jsonl"
check 'a file under two names' 2 '*are the same file*' data "$dir/open.jsonl" "$dir/link.jsonl"
check 'standard input twice' 2 '*- is given twice*' data - - </dev/null
check 'standard input that is a file given' 2 '*are the same file*' data - "$dir/open.jsonl" <"$dir/link.jsonl"
cp "$dir/open.jsonl" "$dir/kept"
check 'output is an input' 2 '*is the input too*' data "$dir/closed.json" "$dir/open.jsonl" -o "$dir/link.jsonl"
cmp -s "$dir/open.jsonl" "$dir/kept" || fail 'the input has changed'
run 'appending to an input' 2 '*is the input too*' \
    sh -c '"$2" data -q "$1" >>"$1"' - "$dir/open.jsonl" "$cappy"
cmp -s "$dir/open.jsonl" "$dir/kept" || fail 'the input has changed'
echo precious >"$dir/old"
check 'missing file' 1 '*/nonexistent.jsonl: No such file*' data "$dir/open.jsonl" /nonexistent.jsonl -o "$dir/old"
[ "$(cat "$dir/old")" = precious ] || fail 'the output was emptied for nothing'
check 'directory' 1 '*is a directory*' data "$dir"
for value in -1 x 33; do
    check "near $value" 2 '*--near must be a whole number from 0 to 32*' data --near "$value" "$dir/many"
done
check 'cap 0' 2 '*--cap must be a whole number from 1*' data --cap 0 "$dir/many"
if [ -w /dev/full ]; then
    check 'full disk' 1 '*No space left on device; 0 lines*' data -q "$dir/many" -o /dev/full
fi

# bad MESSAGE ROW: the row comes third; what the rows in front of it give is written.
bad()
{
    head -n 2 "$dir/closed.json" >"$dir/rows"
    printf '%s\n' "$2" >>"$dir/rows"
    check "$2" 1 "cappy data: $dir/rows:3: $1" data "$dir/rows"
    output_has 4
}
bad '*not valid JSON*' 'nonsense'
bad '*leave out what is not a number' '{"instruction":"a","candidates":[{"text":"b","quality":NaN}]}'
bad '*is 4.5: it must be from 0 to 1*' '{"instruction":"a","candidates":[{"text":"b","quality":4.5}]}'
bad '*no "quality" and the row no "references": add*' '{"instruction":"a","candidates":["b"]}'
bad '*no target: add "references", or*' '{"instruction":"a"}'
bad '*"answer" must be a whole number from 0 to 1' '{"instruction":"a","choices":["b","c"],"answer":2}'
bad '*"choices" but no "answer"*' '{"instruction":"a","choices":["b","c"]}'
bad '*training row already*' '{"instruction":"a","response":"b","score":0.5}'

finish
