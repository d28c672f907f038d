#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lint.sh [--root DIR] [RULE...]: checks the rules of the house; without a rule, all of them.
# lint.sh --fix formats the C files instead.
#
#   layers   who includes whom, as the table in ARCHITECTURE.md has it
#   banned   functions that are not used, and those that only some folders use
#   names    types of headers that share a name
#   size     files of 500 lines, functions of 60, lines of 100 columns
#   files    licence lines, leftovers, names of one machine's folders, dead links, large files
#   scripts  shell scripts that the shell can read
#   format   clang-format (version 14)
#
# A finding is one line, FILE:LINE: RULE: what is wrong. Exits 1 when there is any.
# Only sh, awk, grep and, for `format`, clang-format are used.
set -eu
export LC_ALL=C

root=$(cd "$(dirname -- "$0")/.." && pwd)
fix=
while [ $# -gt 0 ]; do
    case $1 in
    --root) root=$(cd "$2" && pwd) && shift ;;
    --fix) fix=yes ;;
    --help) sed -n '3,15s/^# \{0,1\}//p' "$0" && exit ;;
    -*) echo "lint.sh: unknown option $1" >&2 && exit 2 ;;
    *) break ;;
    esac
    shift
done
tool=$(cd "$(dirname -- "$0")" && pwd)/lint.awk
cd "$root"
for file in ARCHITECTURE.md src include/cappy.h; do
    if [ ! -e "$file" ]; then
        echo "lint.sh: $root has no $file" >&2
        exit 2
    fi
done

# The files of the repository that match the extended regular expression $1, one on a line: what git
# tracks or would track, or in a tree without git everything that was not built.
list()
{
    if [ -e .git ] && git ls-files --cached --others --exclude-standard 2>/dev/null; then
        :
    else
        find . \( -name .git -o -path ./build -o -path './build-*' -o -name '.venv*' \
            -o -name __pycache__ \) -prune -o -type f -print | sed 's|^\./||'
    fi | grep -E "$1" | while IFS= read -r file; do
        if [ -f "$file" ]; then
            echo "$file"
        fi
    done | sort
}

c_files='^(src|include|examples|tests|bench)/.*\.(c|h|inc)$'

# Runs one part of lint.awk over the files that match $2.
scan()
{
    list "$2" | tr '\n' '\0' | xargs -0 -r awk -v rule="$1" -f "$tool"
}

layers()
{
    list '^(src|examples)/.*\.(c|h|inc)$' | tr '\n' '\0' |
        xargs -0 -r awk -v rule=layers -f "$tool" ARCHITECTURE.md
}

banned()
{
    scan banned "$c_files"
}

names()
{
    scan names '^(src|include)/.*\.h$'
}

size()
{
    scan size "$c_files"
}

files()
{
    scan licence '\.(c|h|inc|sh|awk|py|cmake)$|(^|/)(Makefile|CMakeLists\.txt|start|\.ci/run)$'
    # The patterns are spelled so that they do not match themselves.
    list . | tr '\n' '\0' | xargs -0 -r grep -InwE 'TOD[O]|FIXM[E]|XX[X]' |
        sed -E 's/^([^:]*:[0-9]+):.*/\1: files: a note to oneself; do it or say what is so/' || true
    list . | tr '\n' '\0' |
        xargs -0 -r grep -InE '(^|[^A-Za-z0-9_.~>/-])/(work|opt|root|home)/' |
        sed -E 's/^([^:]*:[0-9]+):.*/\1: files: the name of a folder of one machine/' || true
    list '\.md$' | while IFS= read -r file; do
        grep -noE '\]\([^)#: ]+\)' "$file" | while IFS= read -r found; do
            target=${found#*(}
            if [ ! -e "$(dirname "$file")/${target%)}" ]; then
                echo "$file:${found%%:*}: files: there is no ${target%)}"
            fi
        done
    done
    list . | grep -v '^models/default/' | while IFS= read -r file; do
        if [ "$(wc -c <"$file")" -gt 1048576 ]; then
            echo "$file:1: files: larger than 1 MB"
        fi
    done
}

# Scripts that the shell cannot even read.
scripts()
{
    list '(\.sh|^start|^\.ci/run)$' | while IFS= read -r file; do
        if ! sh -n "$file" 2>/dev/null; then
            echo "$file:1: scripts: $(sh -n "$file" 2>&1 | head -n 1)"
        fi
    done
}

format()
{
    if ! clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
        echo "lint.sh:1: format: clang-format 14 is missing: run ./start lint on Debian 12"
    elif [ -n "$fix" ]; then
        list "$c_files" | tr '\n' '\0' | xargs -0 -r clang-format -i
    else
        list "$c_files" | tr '\n' '\0' | xargs -0 -r clang-format --dry-run 2>&1 |
            grep -E '^[^ ].*: warning:' |
            sed -E 's/^([^:]*:[0-9]+):.*/\1: format: not as clang-format has it: run make fmt/' ||
            true
    fi
}

if [ -n "$fix" ]; then
    set -- format
elif [ $# -eq 0 ]; then
    set -- layers banned names size files scripts format
fi
findings=$(for rule in "$@"; do
    case $rule in
    layers | banned | names | size | files | scripts | format) $rule ;;
    *) echo "lint.sh:1: lint: there is no rule $rule" ;;
    esac
done)
if [ -n "$findings" ]; then
    echo "$findings"
    echo "$(echo "$findings" | wc -l) findings" >&2
    exit 1
fi
