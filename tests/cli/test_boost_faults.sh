#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cappy boost with an endpoint that fails in every way: what passes is tried again, what does not is said of the row or
# ends the run, and no failure becomes an answer.
. "$(dirname -- "$0")/check.sh"
. "$root/tests/cli/upstream.sh"


# one PROMPT: a file of one row.
one()
{
    echo "{\"instruction\": \"$1\"}" >"$dir/row"
}

# sample NAME STATUS STDERR OPTION...: boosts $dir/row with an empty store.
sample()
{
    sample_name=$1 sample_status=$2 sample_err=$3
    shift 3
    rm -f "$dir"/fresh.db*
    check "$sample_name" "$sample_status" "$sample_err" boost "$dir/row" --llm "$llm" --store "$dir/fresh.db" "$@"
}

answered='{*"candidates": \[{"text": "answer *"best": [01], "response": "answer *"}'
unanswered='*"candidates": \[\], "scores": \[\], "best": null, "response": null, "failed": 2, "error": "http*"}'

# ---- What passes ----
for kind in 429 500 502 503 504 529 408 drop garbage in-200; do
    one "$kind fault:$kind*1"
    sample "$kind, once" 0 '*2 sampled with 2 calls (1 of them tries again)*' -n 2
    output_like "$answered"
    match "$out" '*failed*' && fail 'a failure is told'
    calls_are 2
done
one 'fault:500*3'
sample 'three failures' 0 '*4 calls (3 of them tries again)*' -n 2
calls_are 4
one 'later fault:429-later*1'
begun=$(date +%s%N)
sample 'Retry-After' 0 '*2 calls (1 of them tries again)*' -n 2
ended=$(date +%s%N)
[ $(((ended - begun) / 1000000)) -ge 1000 ] || fail 'the pause was not kept'
calls_are 2
# On a busy machine a good call may take longer than the second, too.
one 'hang fault:hang*1'
sample 'a call that hangs' 0 '*2 sampled with [2-9] calls ([1-9] of them tries again)*' -n 2 --timeout 1
output_like "$answered"
one 'drip fault:drip*1'
sample 'an answer that drips' 0 '*2 sampled with [2-9] calls ([1-9] of them tries again)*' -n 2 --timeout 1
output_like "$answered"
: >"$calls"

# ---- What does not ----
for kind in 500 drop garbage; do
    one "$kind fault:$kind*100"
    sample "$kind, for ever" 1 "*0 sampled with *1 of 1 rows have no answer; *row:1: http*" -n 2 --retries 1
    output_like "$unanswered"
done
case $err in
*'what came is not a completion (not valid JSON: '*) ;;
*) fail 'why is not said' ;;
esac
[ "$(grep -c 'never to be seen' "$dir/out")" -le 1 ] || fail 'garbage became an answer'
: >"$calls"
one '400 fault:400*100'
sample 'a refusal is not repeated' 1 '*no answer; *HTTP 400: told to say 400*' -n 2
output_like "$unanswered"
calls_are 3 # both at once; then each alone, since that could be why
one 'no-text fault:no-text*100'
sample 'answers without text' 1 '*an answer has no text (finish_reason \"tool_calls\")*' -n 2
output_like '*"candidates": \[\]*"response": null, "failed": 2*'
calls_are 1
one 'huge fault:huge*100'
sample 'a huge answer' 1 '*the answer is larger than 8 MiB*' -n 1
calls_are 1

# Some answers of a row fail.
one 'part fault:400*1'
sample 'fewer answers than asked for' 0 '*1 rows have fewer answers than were asked for*' --plan greedy,plain \
    --in-flight 1
output_like '*"candidates": \[{"text": "answer *", "source": "plain"}\], "scores": \[*[0-9]\], "best": 0, "response": "answer *", "failed": 1, "error": "http*HTTP 400: told to say 400"}'
calls_are 2
cp "$dir/out" "$dir/row"
sample 'the rest later: what was said of the row is taken back' 0 '*' --plan greedy,plain
output_like '*"response": "answer *", "failed": 0, "error": null}'
calls_are 2

# Rows that fail do not hold up the others.
seq 1 30 | sed 's/.*/{"instruction": "row &"}/; 5s/row/fault:400*9 row/; 17s/row/fault:404*9 row/' >"$dir/row"
sample 'some rows of many' 1 '*2 of 30 rows have no answer; *row:5: http*HTTP 400*' -n 2
output_has 30
[ "$(grep -c '"response": "answer' "$dir/out")" -eq 28 ] || fail 'not 28 answers'
: >"$calls"
seq 1 300 | sed 's/.*/{"instruction": "fault:400*9 row &"}/' >"$dir/row"
sample 'all rows' 1 '*no answer to [1-9]* rows one behind the other; *row:1: http*HTTP 400*' -n 1
[ "$(wc -l <"$calls")" -lt 150 ] || fail 'all rows were asked'
: >"$calls"

# ---- What ends the run ----
for kind in 401 403 404 redirect; do
    seq 1 20 | sed "s/.*/{\"instruction\": \"fault:$kind*9 row &\"}/" >"$dir/row"
    sample "$kind" 1 '*cappy boost: http*: HTTP [34]0*' -n 1 --in-flight 2
    output_is ''
    [ "$(wc -l <"$calls")" -le 2 ] || fail 'it was not the end'
    : >"$calls"
done
one 'fault:429-tomorrow*9'
sample 'a pause of a day' 1 '*cappy boost: http*: HTTP 429: come back (it wants a pause of 86400 s)*' -n 1
calls_are 1
seq 1 20 | sed "s/.*/{\"instruction\": \"fault:redirect*9 row &\"}/" >"$dir/row"
sample 'redirect, in words' 1 '*' -n 1
: >"$calls"
case $err in
*'HTTP 307: it leads to http://127.0.0.1:1/elsewhere: give that URL') ;;
*) fail 'where it leads is not said' ;;
esac
one 'one'
rm -f "$dir"/fresh.db*
check 'nobody there' 1 '*cappy boost: http://127.0.0.1:1/*onnect*' boost "$dir/row" --llm http://127.0.0.1:1 --retries 1
output_is ''

# ---- TLS ----
mkdir "$dir/tls"
if openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$dir/tls/key" -out "$dir/tls/certificate" 2>/dev/null; then
    cat "$dir/tls/key" >>"$dir/tls/certificate"
    python3 "$root/tests/cli/upstream.py" "$dir/tls" "$dir/tls/certificate" &
    secure=$!
    trap 'kill $upstream $secure; rm -rf "$dir"' EXIT
    wait_for "$dir/tls/port"
    one 'over TLS'
    url=https://127.0.0.1:$(cat "$dir/tls/port")
    check 'a certificate that nobody vouches for' 1 '*cappy boost: https*certificate*' boost "$dir/row" --llm "$url" -n 1
    [ ! -e "$dir/tls/calls" ] || fail 'the instruction was sent'
    SSL_CERT_FILE=$dir/tls/certificate
    export SSL_CERT_FILE
    check 'one that is vouched for' 0 '' boost -q "$dir/row" --llm "$url" -n 1
    output_like "$answered"
    unset SSL_CERT_FILE
else
    echo 'SKIPPED: TLS: there is no openssl to make a certificate with'
fi

# ---- Interrupted ----
seq 1 200 | sed 's/.*/{"instruction": "interrupted &"}/' >"$dir/row"
rm -f "$dir"/fresh.db*
"$cappy" boost "$dir/row" --llm "$llm" -n 2 --llm-model slow --store "$dir/fresh.db" --in-flight 2 >"$dir/out" 2>"$dir/err" &
child=$!
while [ "$(wc -l <"$calls")" -lt 20 ]; do
    sleep 0.05
done
kill -TERM $child
status=0
wait $child || status=$?
read_output
name='SIGTERM'
[ "$status" -eq 1 ] || fail "exit status $status, not 1"
match "$err" '*cappy boost: interrupted; what was sampled is in the store*' || fail 'why is not said'
n_calls=$(wc -l <"$calls")
[ "$n_calls" -lt 200 ] || fail 'it went on'
: >"$calls"
check 'after SIGTERM: calls that were under way are in the store' 0 "$((2 * n_calls)) answers from the store*" \
    boost "$dir/row" --llm "$llm" -n 2 --llm-model slow --store "$dir/fresh.db"
output_has 200
calls_are $((200 - n_calls))
rm -f "$dir"/fresh.db*

# ---- The output takes no more ----
sample 'a full disk' 1 '*/dev/full: cannot be written to*' -n 2 --llm-model slow --in-flight 4 -o /dev/full
n_calls=$(wc -l <"$calls")
: >"$calls"
check 'after a full disk: calls that were under way are in the store' 0 "$((2 * n_calls)) answers from the store*" \
    boost "$dir/row" --llm "$llm" -n 2 --llm-model slow --store "$dir/fresh.db"
calls_are $((200 - n_calls))
rm -f "$dir"/fresh.db*

# ---- Several answers to a call ----
seq 1 6 | sed 's/.*/{"instruction": "row &"}/' >"$dir/row"
sample 'n is ignored' 0 '*24 sampled with 24 calls*' -n 4 --llm-model no-n
logged 1 '"n": 4'
calls_are 24
sample 'n is refused' 0 '*24 sampled with 25 calls*' -n 4 --llm-model refuses-n
logged 1 '"n": 4'
calls_are 25
sample 'n is at most 3' 0 '*24 sampled with 12 calls*' -n 4 --llm-model at-most-3
logged 1 '"n": 4'
logged 5 '"n": 3'
calls_are 12
for model in no-n refuses-n at-most-3; do
    sample "$model: every answer is there" 0 '' -q -n 4 --llm-model $model --in-flight 32
    [ "$(grep -o '"text": "answer' "$dir/out" | wc -l)" -eq 24 ] || fail 'not 24 answers'
done
: >"$calls"

# ---- Limits ----
rm -f "$dir"/fresh.db*
check 'a limit of calls' 1 '*4 calls*the limit of --max-calls is reached*' boost "$dir/row" --llm "$llm" -n 2 \
    --store "$dir/fresh.db" --max-calls 4 --in-flight 1
output_has 4
calls_are 4
check 'the rest' 0 '8 answers from the store, 4 sampled with 2 calls*' boost "$dir/row" --llm "$llm" -n 2 \
    --store "$dir/fresh.db" --max-calls 2
output_has 6
calls_are 2
check 'nothing more to ask for' 0 '' boost -q "$dir/row" --llm "$llm" -n 2 --store "$dir/fresh.db" --max-calls 1
calls_are 0
one 'tries fault:500*9'
sample 'tries again count' 1 '*the limit of --max-calls is reached*' -n 2 --max-calls 2
calls_are 2
seq 1 6 | sed 's/.*/{"instruction": "row &"}/' >"$dir/row"
# 25 tokens a call.
sample 'a limit of tokens' 1 '*10 tokens of prompts and 40 of answers*the limit of --max-tokens-total is reached*' \
    -n 2 --max-tokens-total 26 --in-flight 1
output_has 2
calls_are 2
sample 'nobody counts the tokens' 1 '*does not say how many tokens*use --max-calls*' -n 2 --max-tokens-total 1000 \
    --llm-model no-usage --in-flight 1
calls_are 1
rm -f "$dir"/fresh.db*

# ---- Calls at a time ----
seq 1 40 | sed 's/.*/{"instruction": "row &"}/' >"$dir/row"
sample 'calls at a time' 0 '' -q -n 1 --llm-model slow --in-flight 3
logged 0 '"at_a_time": [^123]'
logged 0 '"at_a_time": [0-9][0-9]'
[ "$(grep -c '"at_a_time": 3' "$calls")" -gt 0 ] || fail 'never three at a time'
calls_are 40

finish
