#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Bad rows: exit status 1, a message that names file and line and says what to do, every row before the bad one written,
# nothing of it and nothing behind it.
. "$(dirname -- "$0")/check.sh"

good='{"instruction":"a","response":"b","candidates":["x"],"choices":["y","z"]}'

# bad COMMAND MESSAGE ROW: the row, given as a format of printf, comes third.
bad()
{
    printf '%s\n\n%s\n' "$good" "$good" >"$dir/rows"
    # shellcheck disable=SC2059 # a format indeed
    printf "$3\n" >>"$dir/rows"
    printf '%s\n' "$good" >>"$dir/rows"
    check "$1: $3" 1 "cappy $1: $dir/rows:4: $2" "$1" "$dir/rows"
    output_has 2
    [ "$(tail -c 1 "$dir/out" | od -An -c | tr -d ' ')" = '\n' ] || fail 'the last line is not whole'
}

for command in score rank classify tokenize; do
    bad $command '*not valid JSON*each line must be one JSON object' 'nonsense'
    bad $command '*not a JSON object*' '[1,2]'
    bad $command '*not a JSON object*' 'null'
    bad $command '*no "instruction": add it*' '{}'
    bad $command '*"instruction" must be a string' '{"instruction":1,"response":"b","candidates":["x"],"choices":["x"]}'
    bad $command '*not valid JSON*' '{"instruction":"a","response":"b"'
    bad $command '*byte 17 of the line is not UTF-8: convert the file*' '{"instruction":"\377"}'
    bad $command '*byte 1 of the line is not UTF-8*' '\377\376{\000}'
    bad $command '*duplicate object key near *"a"*each field once*' '{"a":1,"a":2}'
    bad $command '*not valid JSON*' '{"instruction":"\\ud800"}'
done
for command in score tokenize; do
    bad $command '*no "response": add it*' '{"instruction":"a"}'
    bad $command '*"response" must be a string' '{"instruction":"a","response":["b"]}'
    bad $command '*"response" must be a string' '{"instruction":"a","response":null}'
done
bad rank '*no "candidates": add it*' '{"instruction":"a"}'
bad rank '*"choices" but no "candidates": use cappy classify*' '{"instruction":"a","choices":["x"]}'
bad rank '*"candidates" is empty: at least one*' '{"instruction":"a","candidates":[]}'
bad rank '*"candidates" must be a list of strings' '{"instruction":"a","candidates":"x"}'
bad rank '*"candidates"\[1\] must be a string or an object*' '{"instruction":"a","candidates":["x",2]}'
bad rank '*"candidates"\[0\] must be a string or an object*' '{"instruction":"a","candidates":[{"txt":""}]}'
bad classify '*no "choices": add them, or give --labels*' '{"instruction":"a"}'
bad classify '*"choices" is empty: at least one*' '{"instruction":"a","choices":[]}'
bad classify '*"choices" must be a list*' '{"instruction":"a","choices":{"0":"x"}}'
for answer in 2 -1 0.5 '"x"' true; do
    bad classify '*"answer" must be a whole number from 0 to 1' \
        "{\"instruction\":\"a\",\"choices\":[\"x\",\"y\"],\"answer\":$answer}"
done

deep=$(printf '%0100d' 0 | tr 0 '[')
bad score '*nested 101 deep: at most 64*' "{\"a\":$deep"

many=$(printf '%01048576d' 0 | sed 's/0/1,/g')
bad score '*the row has about 10[0-9]* values: at most 1048576*' "{\"a\":[${many}1]}"

check 'bad row on standard input' 1 'cappy score: stdin:1: the row has no "response"*' score - <<'END'
{"instruction":"a"}
END

# ---- a model whose last number is not one ----
mkdir "$dir/nan"
cp "$CAPPY_MODEL"/*.json "$dir/nan"
{
    head -c -4 "$CAPPY_MODEL/model.safetensors"
    printf '\000\000\300\177'
} >"$dir/nan/model.safetensors"
printf '%s\n' "$good" >"$dir/rows"
for command in score rank classify; do
    check "$command with a broken model" 1 "*$dir/rows:1: the model's score is not a finite number (*" \
        $command --model "$dir/nan" "$dir/rows"
    output_is ''
done

# ---- bad files ----
for i in 1 2 3 4 5 6 7 8 9; do
    printf '%s\n' "$good"
done | gzip -c >"$dir/whole.gz"
head -c 60 "$dir/whole.gz" >"$dir/cut.gz"
check 'gzip file cut off' 1 "*$dir/cut.gz: the gzip data ends too early*" score "$dir/cut.gz"
{
    head -c 40 "$dir/whole.gz"
    printf 'damage'
    tail -c +47 "$dir/whole.gz"
} >"$dir/damaged.gz"
check 'damaged gzip file' 1 "*$dir/damaged.gz: the gzip data is damaged*" score "$dir/damaged.gz"
{
    cat "$dir/whole.gz"
    printf '%s\n' "$good"
} >"$dir/more.gz"
check 'text behind gzip data' 1 "*$dir/more.gz: bytes that are not gzip data follow*" score "$dir/more.gz"

{
    printf '%s\n{"instruction":"' "$good"
    head -c 70000000 /dev/zero | tr '\0' x
    printf '","response":"b"}\n'
} | gzip -1 >"$dir/long.gz"
check 'a line of 70 MB' 1 "*$dir/long.gz:2: the line is longer than 64 MiB*" score "$dir/long.gz"
output_has 1

finish
