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

begun=$(date +%s%N)
# shellcheck disable=SC2086 # several options
check 'a run that nothing happens to' 0 '' boost "$dir/rows" $options
ended=$(date +%s%N)
output_has $rows
calls_are $rows
rm -f "$dir"/samples.db*

awk -v n="$kills" -v seed="$seed" -v run=$(((ended - begun) / 1000000)) 'BEGIN {
    srand(seed)
    while (n-- > 0) printf "%.3f\n", run / 1000 * rand()
}' >"$dir/instants"
name="killed $kills times (CAPPY_KILL_SEED=$seed)"
paid=0 killed=0 lost=0
while read -r seconds; do
    before=$(stored)
    # shellcheck disable=SC2086
    "$cappy" boost "$dir/rows" $options >"$dir/out" 2>"$dir/err" &
    child=$!
    sleep "$seconds"
    if kill -9 $child 2>/dev/null; then
        killed=$((killed + 1))
    fi
    wait $child 2>/dev/null
    sleep 0.2 # for calls that the endpoint has received and not counted yet
    asked=$(wc -l <"$calls")
    : >"$calls"
    after=$(stored)
    paid=$((paid + asked))
    # A call is in the store, with all its answers, or was under way.
    [ $(((after - before) % answers)) -eq 0 ] || fail "$after answers are in the store, a part of a call"
    here=$((asked - (after - before) / answers))
    [ $here -ge 0 ] && [ $here -le $at_a_time ] || fail "$asked calls brought $((after - before)) answers"
    lost=$((lost + here))
    # Rows that came out have answers that are in the store.
    [ "$(grep -o '"text": "answer' "$dir/out" | wc -l)" -le "$after" ] || fail 'an answer was used and not stored'
    if [ "$after" -eq $((rows * answers)) ]; then
        rm -f "$dir"/samples.db*
        paid=0 lost=0
    fi
done <"$dir/instants"
before=$(stored)
# shellcheck disable=SC2086
check "$name, then left alone" 0 '' boost "$dir/rows" $options
output_has $rows
[ "$(grep -o '"text": "answer [0-9]* to question [0-9]*"' "$dir/out" | sort -u | wc -l)" -eq $((rows * answers)) ] ||
    fail 'answers are missing, or the same'
calls_are $((rows - before / answers))
[ $((paid + n_calls - lost)) -eq $rows ] || fail "$paid + $n_calls calls, $lost of them lost, for $rows rows"
echo "killed $killed times; $lost calls were under way when a run was killed"
[ "$killed" -gt 0 ] || fail 'the runs were too short to be killed'

finish
