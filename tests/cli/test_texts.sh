#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Texts on the command line: numbers, tables and JSON.
. "$(dirname -- "$0")/check.sh"

n='*[0-9].[0-9]*' # a number, as a pattern of the shell

check score 0 '' score -i 'What is the capital of France?' -r 'Paris.'
output_like '*.*'
output_has 1
score=$out
check 'score, other spellings' 0 '' score '--instruction=What is the capital of France?' --response 'Paris.'
output_is "$score"
check 'score, short spellings' 0 '' score '-iWhat is the capital of France?' -rParis.
output_is "$score"
check 'score as JSON' 0 '' score --json -i 'What is the capital of France?' -r 'Paris.'
output_like '{"score": *}'
check 'score to a file' 0 '' score -i 'What is the capital of France?' -r 'Paris.' -o "$dir/score"
output_is ''
[ "$(cat "$dir/score")" = "$score" ] || fail 'not the same'
check 'empty texts' 0 '' score -i '' -r ''
check 'one of several numbers' 0 '' score --model "$several" --label 0 -i a -r b
output_has 1
check 'several numbers' 0 '' score --model "$several" -i a -r b
output_has 3
check 'instruction - reads nothing' 0 '' score -i - -r - </dev/null

check rank 0 '' rank -i 'What is the capital of France?' 'Paris.' "$(printf 'R\tome\n\033[31m')" '漢字'
output_has 4
output_like "What is the capital of France?
  1 *
  2 *
  3 *"
match "$out" '*R ome \[31m*' || fail 'control characters were not replaced'
[ "$(sed 1d "$dir/out" | awk '{ print $2 }' | sort -rn)" = "$(sed 1d "$dir/out" | awk '{ print $2 }')" ] ||
    fail 'not in order'
match "$out" "*$(printf '\033')*" && fail 'an escape character'
long=$(printf 'word %.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28)
check 'long texts are cut' 0 '*' rank -i a "$long"
output_like '*…'
check 'candidates like options' 0 '' rank -i a -- -5 --help -
output_has 4
check 'rank as JSON' 0 '' rank --json -i 'a "b"' x é
output_like "{\"instruction\": \"a \\\\\"b\\\\\"\", \"candidates\": \[\"x\", \"é\"\], \"scores\": \[$n, $n\], \"best\": [01]}"

check classify 0 '' classify -i 'I loved it.' --labels negative,positive
output_has 3
check 'classify as JSON' 0 '' classify --json -i x -l a,b
output_like "{\"instruction\": \"x\", \"choices\": \[\"a\", \"b\"\], \"scores\": \[$n, $n\], \"best\": [01], \"label\": \"[ab]\"}"

check tokenize 0 '' tokenize -i a -r b
output_has 1
ids=$out
check 'tokenize as JSON' 0 '' tokenize --json --segments -i a -r b
output_like "{\"ids\": \[$(echo "$ids" | sed 's/ /, /g')\], \"segments\": \[0, *1\]}"

cat >"$dir/pool" <<'END'
{"instruction": "first", "candidates": ["x", "y"]}
{"instruction": "second", "candidates": ["z"]}
END
check 'tables of rows' 0 '' rank -q --table "$dir/pool"
output_like 'first
  1 *
  2 *

second
  1 *z'
check 'labels of rows' 0 '' classify -q --table --labels long,x - <<'END'
{"instruction": "first\nline"}
END
output_like '  * first line'
output_has 1

check info 0 '' info
output_like 'cappy
  version *model
  directory *machine
  processor *'
check 'info as JSON' 0 '' info --json
output_like '{"cappy": {"version": "*"}, "model": {"directory": "*"labels": \["score"\], *}, "machine": {*}}'
check 'info of another model' 0 '' info --model "$several"

run demo 0 '*8 rows, 32 pairs in *accuracy *' "$root/examples/demo.sh" "$cappy"
output_like '*Explain to a child why the sky is blue.*'

finish
