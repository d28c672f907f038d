#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Rows come out as they come in, and memory does not grow with the input. The second is measured with more data where
# CAPPY_LONG_TESTS is set.
. "$(dirname -- "$0")/check.sh"

# A slow writer: the answer to the first row is there before the second row is written.
mkfifo "$dir/in" "$dir/answers"
"$cappy" score -q "$dir/in" >"$dir/answers" 2>"$dir/err" &
exec 4<"$dir/answers" 3>"$dir/in"
for i in 1 2 3; do
    echo "{\"instruction\":\"a\",\"response\":\"$i\"}" >&3
    read -r line <&4
    name="row $i" out=$line err=$(cat "$dir/err")
    output_like "{\"instruction\":\"a\",\"response\":\"$i\", \"score\": *}"
done
exec 3>&- 4<&-
wait

# Two inputs, one several times as long as the other, need about the same memory. An address space larger than the
# first one needs by a fraction of the second one's size is enough for the second.
make_rows()
{
    head -c 20000 /dev/zero | tr '\0' x >"$dir/text"
    awk -v n="$1" -v text="$(cat "$dir/text")" 'BEGIN {
        for (i = 0; i < n; i++) print "{\"instruction\":\"a\",\"response\":\"b\",\"text\":\"" text "\"}"
    }' | gzip -1
}

# Peak memory in kB of a run over $1, as the system counted it.
peak()
{
    "$cappy" score -q "$1" --threads 1 -o "$dir/out" &
    pid=$!
    most=0
    while kill -0 $pid 2>/dev/null; do
        now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' /proc/$pid/status 2>/dev/null)
        most=${now:-$most}
        sleep 0.05
    done
    wait $pid || fail 'exit status'
    echo "$most"
}

if [ -n "${CAPPY_LONG_TESTS:-}" ] && [ -r /proc/self/status ]; then
    name=memory out= err=
    make_rows 1000 >"$dir/short.gz"
    make_rows 15000 >"$dir/long.gz"
    short=$(peak "$dir/short.gz")
    long=$(peak "$dir/long.gz")
    echo "20 MB of rows need $short kB of memory, 300 MB of rows $long kB"
    [ "$(wc -l <"$dir/out")" -eq 15000 ] || fail 'rows are missing'
    [ "$long" -le $((short + 20000)) ] || fail "memory grows: $short kB, then $long kB"
else
    echo "memory not measured: CAPPY_LONG_TESTS is not set"
fi

finish
