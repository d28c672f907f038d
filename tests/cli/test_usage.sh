#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Help, and command lines that are wrong. None of this opens a model.
. "$(dirname -- "$0")/check.sh"

commands='score rank classify tokenize data train info help version'

check 'no command' 2 'cappy - *Commands:*' </dev/null
output_is ''
check help 0 '' help
output_like 'cappy - *Commands:*'
for command in $commands; do
    output_like "*
  $command *"
done
for command in $commands; do
    check "$command --help" 0 '' "$command" --help
    output_like "cappy $command - *Usage: cappy $command*Options:*--help*Examples:*"
    [ "$(awk 'length > 80' "$dir/out" | wc -l)" -le 2 ] || fail 'long lines'
    cp "$dir/out" "$dir/help"
    check "help $command" 0 '' help "$command"
    cmp -s "$dir/out" "$dir/help" || fail 'help and --help differ'
done
check --help 0 '' --help
output_like 'cappy - *'
check version 0 '' version
output_like 'cappy [0-9]*.[0-9]*.[0-9]*'
check --version 0 '' --version
output_like 'cappy [0-9]*'
check 'help with a bad option' 0 '' rank --help too many operands

check 'unknown command' 2 '*no command "frobnicate"*cappy help*' frobnicate
check 'misspelt command' 2 '*no command "scroe"; did you mean "score"?*' scroe
check 'beginning of a command' 2 '*did you mean "classify"?*' class
check 'help for an unknown command' 2 '*no command "rnak"; did you mean "rank"?*' help rnak
check 'misspelt option' 2 '*no option "--modle"; did you mean --model?*' score --modle x
check 'misspelt option with a value' 2 '*no option "--outptu"; did you mean --output?*' score --outptu=x
check 'unknown option' 2 '*no option "--frobnicate"*cappy score --help*' score --frobnicate
check 'unknown letter' 2 '*no option "-x"*--*' score -x
check 'text that looks like an option' 2 '*no option "-5"*put -- in front*' rank -i a -5
check 'missing value' 2 '*--model needs a value: --model DIR*' score --model
check 'value for a flag' 2 '*--quiet takes no value*' score --quiet=yes
check 'option given twice' 2 '*--model is given twice*' score --model a -m b
for value in -3 0 x '' 1x 99999999999999999999 1.5 ' 1' +1; do
    check "threads '$value'" 2 '*--threads must be a whole number from 1 to*' score --threads "$value"
done
check 'max-length 0' 2 '*--max-length must be a whole number from 8 to*' score --max-length 0
check 'precision fp7' 2 '*--precision must be fp32, bf16, int8 or auto, not "fp7"*' \
    score --precision fp7 -
check 'device tpu' 2 '*--device must be cpu or cuda, not "tpu"*' score --device=tpu
check 'device cuda' 2 '*without GPU support*' score --device cuda - </dev/null
check 'two files' 2 '*"b" is one argument too many*' score a b
check 'rank without -i' 2 '*"b" is one file too many*-i TEXT*' rank a b
check 'no candidates' 2 '*-i needs candidates*' rank -i a
check 'instruction without response' 2 '*give both -i TEXT and -r TEXT*' score -i a
check 'response without instruction' 2 '*give both -i TEXT and -r TEXT*' tokenize -r a
check 'file and texts' 2 '*not both*' score -i a -r b rows.jsonl
check 'classify without labels' 2 '*give --labels*' classify -i a
check 'empty label' 2 '*--labels has an empty label*' classify -i a --labels a,,b
check 'file and text to classify' 2 '*not both*' classify -i a --labels a,b rows.jsonl
check 'text that is not UTF-8' 2 '*instruction: byte 2 of the text is not UTF-8*' \
    score -i "$(printf 'a\377')" -r b
check 'candidate that is not UTF-8' 2 '*byte 1 of the text is not UTF-8*' \
    rank -i a "$(printf '\303')"
check 'missing file' 1 '*/nonexistent.jsonl: No such file or directory*' score /nonexistent.jsonl
check 'directory for a file' 1 '*: is a directory*' score "$dir"
check 'missing model' 1 "*$dir/none*" score --model "$dir/none" - </dev/null
check 'empty model directory' 1 "*$dir*config.json*" score --model "$dir" - </dev/null

check manuals 0 '' help --manuals "$dir"
for command in $commands; do
    [ -s "$dir/cappy-$command.1" ] || fail "no manual page of $command"
done
check 'manuals to nowhere' 1 '*/nonexistent/cappy.1*' help --manuals /nonexistent
if command -v mandoc >/dev/null; then
    mandoc -T lint -W warning "$dir"/*.1 >"$dir/out" 2>&1 || { read_output && fail 'mandoc warns'; }
fi

finish
