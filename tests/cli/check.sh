# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests of this folder, whose first argument is the command under test.
#
#   check NAME STATUS STDERR ARGUMENT...   runs cappy on standard input; its exit status and, as a pattern of
#                                          the shell, its standard error must be these. Sets $out and $err.
#   run NAME STATUS STDERR COMMAND...      the same for any command
#   output_is TEXT                         the last check printed exactly this
#   output_like PATTERN                    ... something that matches
#   output_has N                           ... N lines
#   training_rows                          forty rows to train on, ten instructions with four responses each
#
# An empty pattern for standard error means that there is none. The default model of the tests is a tiny one of random
# weights, and $several is one that gives several numbers for a pair: tests depend on the form of scores and not on
# their values.

set -u
cappy=$1
root=$(cd "$(dirname -- "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0
name=
unset NO_COLOR
CAPPY_MODEL=$root/tests/golden/bert
several=$root/tests/golden/roberta
COLUMNS=80
export CAPPY_MODEL COLUMNS

fail()
{
    failures=$((failures + 1))
    printf 'FAILED %s: %s\n' "$name" "$1"
    printf -- '--- standard output:\n%.2000s\n--- standard error:\n%.2000s\n' "$out" "$err"
}

run()
{
    name=$1 want_status=$2 want_err=$3
    shift 3
    status=0
    "$@" >"$dir/out" 2>"$dir/err" || status=$?
    read_output
    [ "$status" -eq "$want_status" ] || fail "exit status $status, not $want_status"
    match "$err" "$want_err" || fail "standard error is not like $want_err"
}

check()
{
    check_name=$1 check_status=$2 check_err=$3
    shift 3
    run "$check_name" "$check_status" "$check_err" "$cappy" "$@"
}

# Takes $dir/out and $dir/err for $out and $err.
read_output()
{
    out=$(cat "$dir/out") err=$(cat "$dir/err")
}

match()
{
    # shellcheck disable=SC2254 # the second is a pattern
    case $1 in
    $2) return 0 ;;
    esac
    return 1
}

output_is()
{
    [ "$out" = "$1" ] || fail "standard output is not: $1"
}

output_like()
{
    match "$out" "$1" || fail "standard output is not like $1"
}

output_has()
{
    lines=$(wc -l <"$dir/out")
    [ "$lines" -eq "$1" ] || fail "$lines lines, not $1"
}

training_rows()
{
    row=0
    while [ $row -lt 40 ]; do
        echo "{\"instruction\": \"What is the capital of France? Question $((row / 4))\", \"response\": \"Paris $row\"," \
            "\"score\": 0.$((row % 10))}"
        row=$((row + 1))
    done
}

finish()
{
    [ "$failures" -eq 0 ] || exit 1
}
