#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tools/model_card.sh: every table has its rows, and a failure is one of the script.
. "$(dirname -- "$0")/check.sh"

export CAPPY="$cappy"
card=$root/tools/model_card.sh

if [ -n "${CAPPY_SHARED:-}" ]; then
    run 'a card' 0 '' "$card" "$CAPPY_MODEL" "$dir/samples" --limit 60 --quiet
    for row in '| self_instruct_252 | references | 60 | 0.' '| summeval | quality | 60 | 4.' '| pair_llmbar | quality | 60 | 0.5000 | ' \
        '|agnews ' '|mean of 3 tasks|' '|rte ' '|anli_r3 ' '|mean of 8 tasks|' '|winogender_coref/female ' \
        '|winogender_coref/against' '|crows_pairs/race-color'; do
        grep -qF -- "$row" "$dir/out" || fail "there is no line with \"$row\""
    done
    grep '^| summeval' "$dir/out" | grep -qF '–' && fail 'a figure of summeval is missing'
    cp "$dir/out" "$dir/first"
    run 'from what was kept' 0 '' "$card" "$CAPPY_MODEL" "$dir/samples" --limit 60 --quiet
    cmp -s "$dir/first" "$dir/out" || fail 'the same command, run again, prints something else'
    run 'samples of another model' 1 '*scored by another model*' "$card" "$several" "$dir/samples" --limit 60 --quiet --label 0
else
    echo 'CAPPY_SHARED is not set: no card of real data'
fi
run 'no data folder' 2 '*set it to the folder that holds data*' env -u CAPPY_SHARED "$card" "$CAPPY_MODEL" "$dir/none"
run 'no model' 2 '*nothing is not a folder with a model*' env CAPPY_SHARED=/ "$card" "$dir/nothing" "$dir/none"

finish
