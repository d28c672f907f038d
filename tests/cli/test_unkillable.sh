#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy train loses nothing: killed at random instants, also while a checkpoint is written, and with a full disk, it comes
# to the weights of a run that nothing happened to, bit for bit. CAPPY_KILLS=50 kills that often (6 if not set);
# CAPPY_KILL_SEED repeats the instants of an earlier run.
. "$(dirname -- "$0")/check.sh"

kills=${CAPPY_KILLS:-6}
seed=${CAPPY_KILL_SEED:-$$}
rows=$dir/rows.jsonl
training_rows >"$rows"
OMP_WAIT_POLICY=passive
export OMP_WAIT_POLICY
options="$rows --steps 20 --batch-size 6 --save-every 2 --learning-rate 1e-3 --quiet"

begun=$(date +%s%N)
# shellcheck disable=SC2086 # several options
check 'a run that nothing happens to' 0 '' train $options --threads 1 --out "$dir/whole"
ended=$(date +%s%N)

same()
{
    cmp -s "$dir/whole/model.safetensors" "$1/model.safetensors" || fail "$1 has other weights"
    [ "$(ls -A "$1" | grep -v lost+found | tr '\n' ' ')" = 'config.json model.safetensors tokenizer.json training.json ' ] ||
        fail "files: $(ls -A "$1")"
    rm -rf "${1:?}"/* "$1/.lock"
}

# ---- Killed ----

# One line a try: the seconds to wait, less than a run takes, and the threads to use. A run that is done before it is
# killed is another try.
awk -v n=$((12 * kills)) -v seed="$seed" -v run=$(((ended - begun) / 1000000)) 'BEGIN {
    srand(seed)
    while (n-- > 0) printf "%.3f %d\n", run / 1000 * rand(), 1 + 3 * rand()
}' >"$dir/instants"
name="killed $kills times (CAPPY_KILL_SEED=$seed)"
killed=0 halfway=0 finished=0
while [ $killed -lt "$kills" ] && read -r seconds threads; do
    # shellcheck disable=SC2086
    "$cappy" train $options --threads "$threads" --out "$dir/killed" --resume 2>"$dir/err" &
    child=$!
    sleep "$seconds"
    if kill -9 $child 2>/dev/null; then
        killed=$((killed + 1))
        wait $child 2>/dev/null
        [ -z "$(find "$dir/killed" -name '*.part' 2>/dev/null)" ] || halfway=$((halfway + 1))
    elif wait $child; then
        finished=$((finished + 1))
        same "$dir/killed"
    else
        read_output
        fail 'resuming failed'
    fi
done <"$dir/instants" 2>/dev/null
# shellcheck disable=SC2086
check "$name, then left alone" 0 '' train $options --out "$dir/killed" --resume
same "$dir/killed"
echo "killed $killed times, $halfway of them while a checkpoint was made; finished $((finished + 1)) times"
[ "$killed" -eq "$kills" ] || fail 'the runs were too short to be killed so often'
[ "$kills" -lt 50 ] || [ "$halfway" -gt 0 ] || fail 'no kill fell into the making of a checkpoint'

# Killed between the result and the removal of the last checkpoint.
cp -r "$dir/whole" "$dir/late"
mkdir "$dir/late/checkpoint-20"
echo '{}' >"$dir/late/checkpoint-20/trainer_state.json"
# shellcheck disable=SC2086
check 'killed after the result' 0 '' train $options --out "$dir/late" --resume
same "$dir/late"

# ---- A full disk ----

# No file may be larger than 50 kB: neither checkpoints nor the result can be written.
limited()
(
    # shellcheck disable=SC3045 # dash has it
    ulimit -f 100
    exec "$cappy" "$@"
)
# shellcheck disable=SC2086
run 'files cannot grow' 1 '*note: *checkpoint-2.part/model.safetensors: *cannot be written*/model.safetensors: *' \
    limited train $options --threads 1 --out "$dir/limited" --resume
[ ! -e "$dir/limited/model.safetensors" ] && [ ! -e "$dir/limited/training.json" ] ||
    fail "a result is there: $(ls "$dir/limited")"
# shellcheck disable=SC2086
check 'files can grow again' 0 '' train $options --threads 1 --out "$dir/limited" --resume
same "$dir/limited"

# Nor can the rows be kept, where they are many.
i=0
while [ $i -lt 40 ]; do
    cat "$rows"
    i=$((i + 1))
done >"$dir/many.jsonl"
run 'rows that cannot be kept' 1 '*the rows cannot be written to the output directory: *' \
    limited train "$dir/many.jsonl" --threads 1 --steps 1 --quiet --out "$dir/unkept"
[ -z "$(ls -A "$dir/unkept")" ] || fail "something was left: $(ls -A "$dir/unkept")"

# A file system with too little room, where one can be made.
small=$dir/small
mkdir "$small"
if mount -t tmpfs -o size=640k tmpfs "$small" 2>/dev/null; then
    trap 'umount "$small"; rm -rf "$dir"' EXIT
    # One checkpoint fits, the next does not; without them the result does.
    # shellcheck disable=SC2086
    check 'a small disk' 0 '*note: *checkpoint-4.part/*No space left on device*' \
        train $options --threads 1 --out "$small" --resume
    same "$small"
    mount -o remount,size=480k "$small"
    # shellcheck disable=SC2086
    check 'a smaller disk' 1 '*note: *No space left on device*model.safetensors: *No space left on device*' \
        train $options --threads 1 --out "$small" --resume
    [ -d "$small/checkpoint-2" ] || fail "the good checkpoint is not there: $(ls "$small")"
    mount -o remount,size=4m "$small"
    # shellcheck disable=SC2086
    check 'a disk with room' 0 '' train $options --threads 1 --out "$small" --resume
    same "$small"
else
    echo 'SKIPPED: a file system of limited size: only root can mount one'
fi

finish
