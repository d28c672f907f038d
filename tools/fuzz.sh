#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh BUILD [NAME...]: runs the fuzz harnesses of a build folder, all or those named, in turn.
#
# FUZZ_SECONDS (60) is the time for each, FUZZ_JOBS (all cores) the number of processes. Each starts
# from the corpus of the repository, tests/fuzz/corpus/NAME, and from what earlier runs found,
# BUILD/corpus/NAME, where new inputs are kept. An input that crashes, hangs, leaks or takes too much
# memory is written to BUILD/findings/NAME; exits 1 as long as there is any.
set -eu

build=$(cd "$1" && pwd)
shift
tests=$(cd "$(dirname -- "$0")/../tests/fuzz" && pwd)
seconds=${FUZZ_SECONDS:-60}
jobs=${FUZZ_JOBS:-$(nproc)}

if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # names of harnesses are words
    set -- $(find "$build" -type f -name 'fuzz_*' -perm -u+x | sed 's|.*/fuzz_||' | sort)
fi
if [ $# -eq 0 ]; then
    echo "fuzz.sh: $build has no harnesses" >&2
    exit 1
fi

export ASAN_OPTIONS=allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
failed=
for name in "$@"; do
    harness=$(find "$build" -type f -name "fuzz_$name" -perm -u+x)
    if [ -z "$harness" ]; then
        echo "fuzz.sh: $build has no harness fuzz_$name" >&2
        exit 1
    fi
    corpus=$build/corpus/$name
    findings=$build/findings/$name
    mkdir -p "$corpus" "$findings"
    set -- "-fork=$jobs" "-max_total_time=$seconds" -timeout=10 -rss_limit_mb=2048 \
        "-artifact_prefix=$findings/" "$corpus"
    if [ -f "$tests/$name.dict" ]; then
        set -- "-dict=$tests/$name.dict" "$@"
    fi
    if [ -d "$tests/corpus/$name" ]; then
        set -- "$@" "$tests/corpus/$name"
    fi
    echo "fuzz/$name: $seconds seconds, $jobs processes"
    if "$harness" "$@" >"$build/fuzz_$name.log" 2>&1 && [ -z "$(ls "$findings")" ]; then
        grep -E '^#[0-9]+: cov:' "$build/fuzz_$name.log" | tail -n 1
    else
        failed="$failed $name"
        grep -E 'ERROR|runtime error|SUMMARY' "$build/fuzz_$name.log" | head -n 5 || true
        echo "fuzz/$name: findings in $findings, report in $build/fuzz_$name.log"
    fi
done
if [ -n "$failed" ]; then
    echo "findings:$failed"
    exit 1
fi
