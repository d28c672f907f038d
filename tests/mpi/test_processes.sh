#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mpirun cappy train: any number of processes comes to the same bits, also after they were killed and went on as another
# number; one process speaks for all. The machine may have fewer processors than there are processes.
. "$(dirname -- "$0")/../cli/check.sh"

OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
OMPI_MCA_btl_vader_single_copy_mechanism=none # containers forbid the other
OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM OMPI_MCA_rmaps_base_oversubscribe
export OMPI_MCA_btl_vader_single_copy_mechanism OMP_NUM_THREADS OMP_WAIT_POLICY

rows=$dir/rows.jsonl
training_rows >"$rows"

# team NAME STATUS STDERR PROCESSES ARGUMENT...: check, by mpirun
team()
{
    team_name=$1 team_status=$2 team_err=$3 processes=$4
    shift 4
    run "$team_name" "$team_status" "$team_err" mpirun -n "$processes" "$cappy" "$@"
}

same()
{
    cmp -s "$dir/$1/model.safetensors" "$dir/$2/model.safetensors" || fail "$1 and $2 differ"
}

# ---- The same bits ----

# A step of about five passes: whole rounds and parts of one, whatever the number of processes.
options="train $rows --steps 12 --batch-size 20 --pass-tokens 60 --learning-rate 1e-3 --threads 1"
for kind in '--loss mse' '--loss listwise --passes-per-sum 2' '--precision bf16 --dropout 0' '--mask prefix'; do
    rm -rf "$dir"/of.*
    # shellcheck disable=SC2086 # several options
    check "$kind, without mpirun" 0 '12 steps, *' $options $kind --out "$dir/of.0"
    for n in 1 2 3 4; do
        # shellcheck disable=SC2086
        team "$kind, $n processes" 0 '*12 steps, *tokens/s*loss*' $n $options $kind --out "$dir/of.$n" --log "$dir/log.$n"
        same of.0 of.$n
        [ "$(grep -c ' steps, ' "$dir/err")" -eq 1 ] || fail 'more than one process speaks'
        [ "$(wc -l <"$dir/log.$n")" -eq 12 ] || fail 'the log has not a line for each step'
        [ "$(ls -A "$dir/of.$n" | tr '\n' ' ')" = 'config.json model.safetensors tokenizer.json training.json ' ] ||
            fail "files: $(ls -A "$dir/of.$n")"
    done
done
# shellcheck disable=SC2086
check 'other passes' 0 '' train "$rows" --steps 12 --batch-size 20 --learning-rate 1e-3 --threads 1 --quiet --out "$dir/large"
cmp -s "$dir/large/model.safetensors" "$dir/of.0/model.safetensors" && fail 'it was one pass: this test shows nothing'
team 'idle processes' 0 '*note: a batch makes 1 parts*3 of 4 processes*--batch-size*--pass-tokens*' 4 train "$rows" --steps 1 \
    --threads 1 --out "$dir/idle"

# The default model: sums in many blocks.
head -n 6 "$rows" >"$dir/few.jsonl"
many="train $dir/few.jsonl --steps 2 --batch-size 3 --pass-tokens 20 --threads 1 --quiet --model $root/models/default"
# shellcheck disable=SC2086
check 'many numbers' 0 '' $many --out "$dir/many.1"
for n in 2 3; do
    # shellcheck disable=SC2086
    team "many numbers, $n processes" 0 '' $n $many --out "$dir/many.$n"
    same many.1 many.$n
    rm -rf "$dir/many.$n"
done
rm -rf "$dir/many.1"

# ---- Interruptions ----

# begin PROCESSES DIR: a long run in the background that can be told apart; waits for its first steps.
long="train $rows --steps 400 --batch-size 20 --pass-tokens 60 --learning-rate 1e-4 --save-every 5 --threads 1"
begin()
{
    rm -f "$dir"/pid.*
    # shellcheck disable=SC2016 # for the other shell
    LONG="$long --out $dir/$2 --resume --log $dir/long.log" FOLDER=$dir CAPPY=$cappy mpirun -n "$1" sh -c \
        'echo $$ >"$FOLDER/pid.$OMPI_COMM_WORLD_RANK"; exec "$CAPPY" $LONG' >"$dir/out" 2>"$dir/err" &
    child=$!
    tries=0
    had=$(cat "$dir/long.log" 2>/dev/null | wc -l)
    while [ "$(cat "$dir/long.log" 2>/dev/null | wc -l)" -lt $((had + 8)) ] && [ $tries -lt 600 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
}

# All processes of the run are gone within some seconds.
all_gone()
{
    tries=0
    for file in "$dir"/pid.*; do
        while kill -0 "$(cat "$file")" 2>/dev/null && [ $tries -lt 200 ]; do
            sleep 0.1
            tries=$((tries + 1))
        done
        kill -0 "$(cat "$file")" 2>/dev/null && fail "the process of ${file##*/} is still there"
    done
}

# shellcheck disable=SC2086
check 'a long run' 0 '' $long --quiet --out "$dir/long"

name='a process dies'
begin 4 killed
kill -9 "$(cat "$dir/pid.2")"
wait $child && fail 'the exit status is 0'
read_output
match "$err" '*rank 2 *signal 9 (Killed)*' || fail 'nobody says which process died'
all_gone

name='mpirun dies'
begin 3 killed
kill -9 $child
wait $child 2>/dev/null
all_gone

name='a polite end'
begin 2 killed
kill -TERM "$(cat "$dir/pid.1")"
wait $child && fail 'the exit status is 0'
read_output
match "$err" '*interrupted after step *--resume*' || fail 'the message'
[ "$(grep -c 'interrupted after' "$dir/err")" -eq 1 ] || fail 'more than one process speaks'
step=$(wc -l <"$dir/long.log")
[ -f "$dir/killed/checkpoint-$step/trainer_state.json" ] || fail "no checkpoint of step $step: $(ls "$dir/killed")"
all_gone

# shellcheck disable=SC2086
check 'on, alone' 0 '' $long --quiet --out "$dir/killed" --resume
same long killed
# shellcheck disable=SC2086
team 'finished already' 0 '*was finished already*' 2 $long --out "$dir/killed" --resume

# ---- What is refused, by one process ----

refuse()
{
    refuse_name=$1 refuse_status=$2 refuse_err=$3
    shift 3
    team "$refuse_name" "$refuse_status" "$refuse_err" 3 "$@"
    [ "$(grep -c '^cappy train: ' "$dir/err")" -eq 1 ] || fail 'it is not said once'
}
refuse 'no file' 2 '*give the files*' train --out "$dir/none"
refuse 'the standard input' 2 '*only one of 3 processes has the standard input*' train - --out "$dir/none"
refuse 'no model' 1 '*no such model directory*' train "$rows" --model "$dir/nowhere" --out "$dir/none"
refuse 'a directory that is there' 2 '*is there and is not empty*' train "$rows" --out "$dir/killed"
echo '{"instruction": "a", "response": "b"}' >"$dir/bad.jsonl"
refuse 'no score' 1 '*bad.jsonl:1: *no "score"*' train "$dir/bad.jsonl" --out "$dir/bad"
# One that reads other rows, and one with other kernels.
cat >"$dir/odd.sh" <<'END'
if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then
    export CAPPY_ISA="$ODD_ISA"
    [ -z "$ODD_ROWS" ] || ROWS=$ODD_ROWS
fi
exec "$@" --out "$OUT" "$ROWS"
END
odd()
{
    rm -rf "$dir/odd"
    run "$1" 1 "$2" env ROWS="$rows" OUT="$dir/odd" ODD_ROWS="$3" ODD_ISA="$4" mpirun -n 3 sh "$dir/odd.sh" \
        "$cappy" train --steps 1
    [ "$(grep -c '^cappy train: ' "$dir/err")" -eq 1 ] || fail 'it is not said once'
}
odd 'other rows' '*process 2 of 3: the rows are not those that the first process reads*' "$dir/few.jsonl" ''
odd 'rows that cannot be read' '*process 2 of 3: *nowhere.jsonl*' "$dir/nowhere.jsonl" ''
kernels=$("$cappy" info | sed -n 's/^ *kernels *//p')
case $kernels in
scalar*) echo 'SKIPPED: this processor has one kernel set' ;;
*) odd 'other kernels' '*process 2 of 3: the kernels are scalar*CAPPY_ISA*' '' scalar ;;
esac
run 'adapt' 1 '*adapting is the work of one process*' mpirun -n 2 "$cappy" adapt "$rows" --out "$dir/none"
[ ! -e "$dir/none" ] || fail 'something was written'

finish
