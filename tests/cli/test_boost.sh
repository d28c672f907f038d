#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy boost with an endpoint that does what it should: what is sent, what comes out, what is asked for again.
. "$(dirname -- "$0")/check.sh"
. "$root/tests/cli/upstream.sh"

n='*[0-9].[0-9]*' # a number, as a pattern of the shell

# ---- Rows ----
cat >"$dir/rows" <<'END'
{"instruction": "one", "id": 1, "best": 7, "response": "old"}
{"id":"b/2","candidates":["old"],"instruction":"two\u00e9 \"q\"", "x":1e2}
END
check 'two rows' 0 '0 answers from the store, 6 sampled with 2 calls, 10 tokens of prompts and 60 of answers
2 rows in *' boost "$dir/rows" --llm "$llm" -n 3
output_has 2
output_like "{\"instruction\": \"one\", \"id\": 1, \"candidates\": \[{\"text\": \"answer 1 to one\", \"source\": \"default\"}, \
{\"text\": \"answer 2 to one\", \"source\": \"default\"}, {\"text\": \"answer 3 to one\", \"source\": \"default\"}\], \
\"scores\": \[$n, $n, $n\], \"best\": [0-2], \"response\": \"answer [1-3] to one\"}
{\"id\":\"b/2\",\"instruction\":\"two\\\\u00e9 \\\\\"q\\\\\"\", \"x\":1e2, \"candidates\": *"
logged 2 '"path": "/v1/chat/completions", "body": {"messages": \[{"role": "user", "content": "[^"]*'
logged 2 '"n": 3}'
calls_are 2
cp "$dir/out" "$dir/first"

check 'the same again: from the store' 0 '6 answers from the store, 0 sampled with 0 calls
*' boost "$dir/rows" --llm "$llm" -n 3
cmp -s "$dir/out" "$dir/first" || fail 'not the same rows'
calls_are 0
check 'the response is the best candidate' 0 '' rank -q "$dir/first"
[ "$(sed 's/.*"best": \([0-9]\).*/\1/' "$dir/out")" = "$(sed 's/.*"best": \([0-9]\).*/\1/' "$dir/first")" ] ||
    fail 'rank has other picks'
check 'more answers: only those that are missing' 0 '6 answers from the store, 4 sampled with 2 calls,*' \
    boost "$dir/rows" --llm "$llm" -n 5
logged 2 '"n": 2}'
calls_are 2
check 'fewer answers' 0 '' boost -q "$dir/rows" --llm "$llm" -n 2
calls_are 0
check 'another store' 0 '0 answers from the store, 6 sampled*' boost "$dir/rows" --llm "$llm" -n 3 \
    --store "$dir/new/folder/samples.db"
[ "$(stat -c %a "$dir/new/folder/samples.db")" = 600 ] || fail 'others can read the store'
calls_are 2
check 'another model' 0 '0 answers from the store, 6 sampled*' boost "$dir/rows" --llm "$llm" -n 3 --llm-model good
logged 2 '"model": "good"'
calls_are 2
check 'no rows' 0 '*0 rows in *' boost /dev/null --llm "$llm"
output_is ''
printf '{"instruction": "twice", "id": 1}\n{"instruction": "twice", "id": 2}\n' >"$dir/twice"
check 'the same instruction twice is paid for once' 0 '4 answers from the store, 4 sampled with 1 calls*' \
    boost "$dir/twice" --llm "$llm" -n 4
calls_are 1
seq 1 300 | sed 's/.*/{"instruction": "question &", "id": &}/' >"$dir/many"
check 'many rows, from standard input' 0 '*300 rows in *' boost --llm "$llm" -n 2 --in-flight 16 <"$dir/many"
[ "$(sed 's/.*"id": \([0-9]*\),.*/\1/' "$dir/out" | tr '\n' ' ')" = "$(seq 1 300 | tr '\n' ' ')" ] ||
    fail 'rows are missing or in another order'
[ "$(grep -c '"response": "answer [12] to question ' "$dir/out")" -eq 300 ] || fail 'a response is missing'
calls_are 300
check 'a bad row: those before it come out' 1 '*/bad:3: the row has no "instruction"*' \
    boost -q "$dir/bad" --llm "$llm" <<END
$(printf '{"instruction": "one"}\n{"instruction": "two"}\n{"text": 3}\n{"instruction": "four"}\n' >"$dir/bad")
END
output_has 2
calls_are 2

# ---- What is sent ----
check completions 0 '' boost -q "$dir/rows" --llm "$llm" -n 1 --llm-api completions --max-tokens 7
logged 1 '"path": "/v1/completions", "body": {"prompt": "one", "max_tokens": 7}'
calls_are 2
for url in "$llm/" "$llm/v1" "$llm/v1/" "$llm/v1/chat/completions"; do
    check "the same endpoint as $url" 0 '' boost -q "$dir/rows" --llm "$url" -n 3
    calls_are 0
done
check 'another path, and a query' 0 '' boost -q "$dir/rows" --llm "$llm/openai?api-version=3" -n 1
logged 2 '"path": "/openai/chat/completions?api-version=3"'
calls_are 2
check 'the whole URL' 0 '' boost -q "$dir/rows" --llm "$llm/v1/completions" -n 1
logged 1 '"path": "/v1/completions", "body": {"prompt": "one"}'
calls_are 2
check 'a system message, settings, a seed' 0 '' boost -q "$dir/rows" --llm "$llm" -n 2 --system 'be brief' \
    --llm-settings '{"stop": ["x"], "min_p": 0.1}' --llm-seed 40
logged 1 '"messages": \[{"role": "system", "content": "be brief"}, {"role": "user", "content": "one"}\], "stop": \["x"\], "min_p": 0.1, "n": 2, "seed": 40}'
calls_are 2
check 'seeds of single answers' 0 '' boost -q "$dir/rows" --llm "$llm" -n 3 --llm-model no-n --llm-seed 40
logged 1 '"n": 3, "seed": 40}' # is found out once
logged 2 '"seed": 40}'
logged 2 '"seed": 41}'
logged 2 '"seed": 42}'
calls_are 6
CAPPY_LLM_KEY=sk-1 && export CAPPY_LLM_KEY
check 'the key' 0 '' boost -q "$dir/rows" --llm "$llm" -n 1 --store "$dir/key.db"
logged 2 '"authorization": "Bearer sk-1"'
calls_are 2
OTHER=sk-2 && export OTHER
check 'another key' 0 '' boost -q "$dir/rows" --llm "$llm" -n 1 --store "$dir/key2.db" --llm-key-env OTHER
logged 2 '"authorization": "Bearer sk-2"'
calls_are 2
grep -q -e sk-1 -e sk-2 "$dir/key.db" "$dir/key2.db" && fail 'a key is in the store'
CAPPY_LLM_KEY=$(printf 'sk\nX-Other: 1')
check 'a key that would be two headers' 2 '*the key has a space or another character*' boost "$dir/rows" --llm "$llm"
unset CAPPY_LLM_KEY OTHER
calls_are 0

# ---- Plans ----
echo '{"instruction": "in many ways"}' >"$dir/one"
check 'the plan of the paper' 0 '0 answers from the store, 17 sampled with 5 calls*' \
    boost "$dir/one" --llm "$llm" --plan reference
logged 1 '"temperature": 0}'
logged 1 '"temperature": 1, "top_p": 1, "n": 4}'
logged 1 '"temperature": 0.9, "n": 4}'
logged 1 '"top_k": 40, "n": 4}'
logged 1 '"top_p": 0.95, "n": 4}'
calls_are 5
[ "$(grep -o '"source": "[^"]*"' "$dir/out" | uniq -c | tr -s ' \n' ' ')" = ' 1 "source": "greedy" 4 "source": "plain" 4 "source": "temperature=0.9" 4 "source": "top_k=40" 4 "source": "top_p=0.95" ' ] ||
    fail 'the sources are others'
check 'a mix' 0 '' boost -q "$dir/one" --llm "$llm" --plan 'default*2,temperature=1.5+min_p=0.1*3,use_beam_search=true'
logged 1 '"temperature": 1.5, "min_p": 0.1, "n": 3}'
logged 1 '"use_beam_search": true}'
calls_are 3
while IFS='	' read -r plan message; do
    check "the plan \"$plan\"" 2 "$message" boost "$dir/one" --llm "$llm" --plan "$plan"
done <<'END'
greedy,,plain	*is no way of sampling*
gready	*"gready" is no way of sampling: write default, greedy*
temperature	*is no way of sampling*
temperature=	*needs a number*
temperature=hot	*needs a number*
temperature=[1]	*needs a number*
n=3	*"n" is set by cappy*
plain*0	*asks for no answer*
plain*1025	*more than 1024*
plain*99999999999999999999	*whole number*
plain*x	*whole number behind its **
plain*1000,greedy*25	*more than 1024 answers*
plain,plain*3	*is asked for twice*
top_p=1+temperature=1,plain	*is asked for twice*
END
check 'an empty plan' 2 '*is no way of sampling*' boost "$dir/one" --llm "$llm" --plan ''
check 'a plan and a number' 2 '*leave out -n*' boost "$dir/one" --llm "$llm" --plan greedy -n 3
calls_are 0

# ---- One instruction ----
check 'a table' 0 '*3 sampled with 1 calls*' boost -i 'one of three' --llm "$llm" -n 3
output_like "one of three*answer [1-3] to one of three*answer [1-3] to one of three*answer [1-3] to one of three*"
check 'a row' 0 '' boost -q -i 'one of three' --llm "$llm" -n 3 --json
output_like "{\"instruction\": \"one of three\", \"candidates\": \[{\"text\": \"answer 1 *\"response\": \"answer [1-3] to one of three\"}"
calls_are 1
check 'tables of rows' 0 '' boost -q "$dir/rows" --llm "$llm" -n 3 --table
[ "$(grep -c answer "$dir/out")" -eq 6 ] || fail 'not six answers'

# ---- Command lines ----
check 'no endpoint' 2 '*say with --llm URL which endpoint*' boost "$dir/rows"
check 'no URL' 2 '*is not a URL of http or https, such as*' boost "$dir/rows" --llm 'http://'
check 'another protocol' 2 '*is not a URL of http or https, such as*' boost "$dir/rows" --llm 'file:///etc/passwd'
check 'a password' 2 '*put the key into the environment*' boost "$dir/rows" --llm 'http://me:secret@127.0.0.1/v1'
check 'no such variable' 2 '*there is no variable NONE_SUCH*' boost "$dir/rows" --llm "$llm" --llm-key-env NONE_SUCH
check 'settings that are none' 2 '*--llm-settings must be an object*' boost "$dir/rows" --llm "$llm" --llm-settings '[]'
check 'a setting of ours' 2 '*"stream" is set by cappy*' boost "$dir/rows" --llm "$llm" --llm-settings '{"stream": true}'
check 'two files' 2 '*is one file too many*' boost "$dir/rows" "$dir/one" --llm "$llm"
check 'a file and a text' 2 '*-i gives the instruction*' boost "$dir/rows" -i one --llm "$llm"
check 'no such model' 1 '*none*' boost "$dir/rows" --llm "$llm" --model "$dir/none" -o "$dir/old"
check 'the output is the input' 2 '*is the input too*' boost "$dir/rows" --llm "$llm" -o "$dir/rows"
check 'a store that is a text' 1 '*/rows: is not a store of samples*' boost "$dir/rows" --llm "$llm" --store "$dir/rows"
check 'a store in no folder' 1 '*cannot be opened*' boost "$dir/rows" --llm "$llm" --store "$dir/rows/x"
calls_are 0

finish
