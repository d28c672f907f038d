#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A cappy that is built without MPI, started by mpirun: every process would train a model of its own, into the same
# folder. It is noticed by the variables that launchers set, and one process says so.
. "$(dirname -- "$0")/../cli/check.sh"

echo '{"instruction": "a", "response": "b", "score": 1}' >"$dir/rows.jsonl"
for command in train adapt; do
    OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=0
    export OMPI_COMM_WORLD_SIZE OMPI_COMM_WORLD_RANK
    check "$command, Open MPI" 1 '*one of 4 processes*./start MPI=1 all*' $command "$dir/rows.jsonl" --out "$dir/none"
    OMPI_COMM_WORLD_RANK=1
    check "$command, another process" 1 '' $command "$dir/rows.jsonl" --out "$dir/none"
    unset OMPI_COMM_WORLD_SIZE OMPI_COMM_WORLD_RANK
    PMI_SIZE=2 PMI_RANK=0
    export PMI_SIZE PMI_RANK
    check "$command, MPICH" 1 '*one of 2 processes*' $command "$dir/rows.jsonl" --out "$dir/none"
    unset PMI_SIZE PMI_RANK
done
[ ! -e "$dir/none" ] || fail 'something was written'
OMPI_COMM_WORLD_SIZE=1
export OMPI_COMM_WORLD_SIZE
check 'mpirun of one' 0 '' train "$dir/rows.jsonl" --steps 1 --out "$dir/one" --quiet

finish
