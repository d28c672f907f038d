#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy boost pays for nothing twice: killed at random instants, it asks again for nothing that its store holds, and
# comes to rows with all answers. CAPPY_KILLS=100 kills that often (6 if not set); CAPPY_KILL_SEED repeats the instants
# of an earlier run.
. "$(dirname -- "$0")/check.sh"
. "$root/tests/cli/upstream.sh"

kills=${CAPPY_KILLS:-6}
seed=${CAPPY_KILL_SEED:-$$}
rows=40 answers=3 at_a_time=4
seq 1 $rows | sed 's/.*/{"instruction": "question &", "id": &}/' >"$dir/rows"
options="--llm $llm --llm-model slow -n $answers --in-flight $at_a_time --store $dir/samples.db --quiet --threads 1"

# What the store holds.
stored()
{
    if [ -e "$dir/samples.db" ]; then
        python3 -c 'import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM sqlite_master WHERE name = '"'answer'"'"):
    print(row[0] and sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM answer").fetchone()[0])' "$dir/samples.db"
    else
        echo 0
    fi
}

# shellcheck disable=SC2086 # several options
check 'a run that nothing happens to' 0 '' boost "$dir/rows" $options
output_has $rows
calls_are $rows
rm -f "$dir"/samples.db*

# One number from 0 to 1 a kill: the share of the calls that are left after which it comes.
awk -v n="$kills" -v seed="$seed" 'BEGIN {
    srand(seed)
    while (n-- > 0) printf "%.3f\n", rand()
}' >"$dir/shares"
name="killed $kills times (CAPPY_KILL_SEED=$seed)"
paid=0 killed=0 lost=0 lost_in_all=0
while read -r share; do
    before=$(stored)
    if [ $((before / answers)) -gt $((rows * 3 / 4)) ]; then
        rm -f "$dir"/samples.db*
        paid=0 lost=0 before=0
    fi
    n=$(awk -v left=$((rows - before / answers)) -v share="$share" 'BEGIN { print 1 + int(share * (left - 1)) }')
    # shellcheck disable=SC2086
    "$cappy" boost "$dir/rows" $options >"$dir/out" 2>"$dir/err" &
    child=$!
    while [ "$(wc -l <"$calls")" -lt "$n" ] && kill -0 $child 2>/dev/null; do
        sleep 0.01
    done
    if kill -9 $child 2>/dev/null; then
        killed=$((killed + 1))
    fi
    wait $child 2>/dev/null
    asked=-1 # until there are no more that the endpoint has received and not counted yet
    while [ "$(wc -l <"$calls")" -ne "$asked" ]; do
        asked=$(wc -l <"$calls")
        sleep 0.3
    done
    : >"$calls"
    after=$(stored)
    paid=$((paid + asked))
    # A call is in the store, with all its answers, or was under way.
    [ $(((after - before) % answers)) -eq 0 ] || fail "$after answers are in the store, a part of a call"
    here=$((asked - (after - before) / answers))
    [ $here -ge 0 ] && [ $here -le $at_a_time ] || fail "$asked calls brought $((after - before)) answers"
    lost=$((lost + here)) lost_in_all=$((lost_in_all + here))
    # Rows that came out have answers that are in the store.
    [ "$(grep -o '"text": "answer' "$dir/out" | wc -l)" -le "$after" ] || fail 'an answer was used and not stored'
done <"$dir/shares"
before=$(stored)
# shellcheck disable=SC2086
check "$name, then left alone" 0 '' boost "$dir/rows" $options
output_has $rows
[ "$(grep -o '"text": "answer [0-9]* to question [0-9]*"' "$dir/out" | sort -u | wc -l)" -eq $((rows * answers)) ] ||
    fail 'answers are missing, or the same'
calls_are $((rows - before / answers))
[ $((paid + n_calls - lost)) -eq $rows ] || fail "$paid + $n_calls calls, $lost of them lost, for $rows rows"
echo "killed $killed times; $lost_in_all calls were under way when a run was killed"
[ "$killed" -gt $((kills / 2)) ] || fail 'the runs were too short to be killed'

# ---- A full disk ----

# No file may be larger than 50 kB, neither the store nor its log.
limited()
(
    # shellcheck disable=SC3045 # dash has it
    ulimit -f 100
    exec "$cappy" "$@"
)
rm -f "$dir"/samples.db*
: >"$calls"
# shellcheck disable=SC2086
run 'the store cannot grow' 1 '*samples.db: the store of samples cannot be used: *' limited boost "$dir/rows" $options
after=$(stored)
[ "$after" -lt $((rows * answers)) ] || fail 'the limit was not felt'
[ "$(grep -o '"text": "answer' "$dir/out" | wc -l)" -le "$after" ] || fail 'an answer was used and not stored'
: >"$calls"
# shellcheck disable=SC2086
check 'the store can grow again' 0 '' boost "$dir/rows" $options
output_has $rows
calls_are $((rows - after / answers))

finish
