#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh CAPPY: shows what the command CAPPY does, on a few examples of our own.
set -eu

case $1 in
*/*) cappy=$(cd "$(dirname -- "$1")" && pwd)/$(basename -- "$1") ;;
*) cappy=$(command -v -- "$1") ;;
esac
cd "$(dirname -- "$0")/.."

show()
{
    printf '\n$ cappy %s\n\n' "$*"
    "$cappy" "$@"
}

echo "Several answers to each instruction. Cappy scores them, about 0 for wrong and about 1 for right:"
show rank --table --quiet examples/demo/answers.jsonl
echo "Labels for texts it was never trained on, by scoring each label as an answer:"
show classify --table examples/demo/topics.jsonl
