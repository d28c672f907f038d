#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy boost against a real server of a language model, that of transformers, with a model of random weights. It
# gives one answer to a call, whatever n is. CAPPY_PYTHON names a python that has tests/llm/requirements.txt.
. "$(dirname -- "$0")/../cli/check.sh"

python=${CAPPY_PYTHON:-python3}
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY CAPPY_LLM_KEY
HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
export HF_HUB_OFFLINE OMP_NUM_THREADS
command -v "$python" >/dev/null || { echo "skipped: there is no $python" && exit 77; }
made=0
"$python" "$root/tests/llm/make_llm.py" "$dir/llm" >"$dir/log" 2>&1 || made=$?
if [ $made -ne 0 ]; then
    cat "$dir/log"
    exit $made
fi
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$python" -m transformers.cli.transformers serve "$dir/llm" --host 127.0.0.1 --port "$port" --device cpu >"$dir/log" 2>&1 &
server=$!
trap 'kill $server; rm -rf "$dir"' EXIT
llm=http://127.0.0.1:$port
waited=0
until "$python" -c "import urllib.request; urllib.request.urlopen('$llm/health')" 2>/dev/null; do
    waited=$((waited + 1))
    if [ $waited -gt 120 ] || ! kill -0 $server 2>/dev/null; then
        echo 'the server does not start:'
        cat "$dir/log"
        exit 1
    fi
    sleep 1
done

seq 1 5 | sed 's/.*/{"instruction": "What is & and &?", "id": &}/' >"$dir/rows"
options="--llm $llm --llm-model $dir/llm --store $dir/samples.db --max-tokens 16"
# shellcheck disable=SC2086 # several options
check 'chat' 0 '0 answers from the store, 20 sampled with 2[01] calls, *tokens of prompts and * of answers*' \
    boost "$dir/rows" $options -n 4
output_has 5
[ "$(grep -o '"source": "default"' "$dir/out" | wc -l)" -eq 20 ] || fail 'not 20 answers'
[ "$(grep -o '"text": "[^"]*"' "$dir/out" | sort -u | wc -l)" -ge 10 ] || fail 'the answers are all the same'
cp "$dir/out" "$dir/first"
# shellcheck disable=SC2086
check 'again, from the store' 0 '20 answers from the store, 0 sampled with 0 calls*' boost "$dir/rows" $options -n 4
cmp -s "$dir/out" "$dir/first" || fail 'other rows'
# shellcheck disable=SC2086
check 'completions, in two ways' 0 '*10 sampled with *' boost "$dir/rows" $options --llm-api completions \
    --plan temperature=0.7,temperature=1.3+top_p=0.9
# shellcheck disable=SC2086
check 'a setting it does not know' 1 '*no answer*HTTP 422: Unexpected fields*' boost "$dir/rows" $options -n 1 \
    --llm-settings '{"no_such_setting": 1}'
[ "$(grep -c '"response": null' "$dir/out")" -eq 5 ] || fail 'a refusal became an answer'
sed 's/}$/, "references": ["&"], "task": "sums"}/; s/"&"/"two and two"/' "$dir/rows" >"$dir/tasks"
# shellcheck disable=SC2086
check 'training rows' 0 '*20 answers from the store*' data "$dir/tasks" $options -n 4
grep -q '"kind": "candidate"' "$dir/out" || fail 'no answers in it'

finish
