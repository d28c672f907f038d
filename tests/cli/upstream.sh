# SPDX-License-Identifier: Apache-2.0
# Sourced by tests of this folder behind check.sh: starts upstream.py, at $llm, with its log in $calls. Where there is
# no python3, the test is skipped.
#
#   calls_are N        so many calls were made since the last time; empties the log
#   logged N PATTERN   N of them match a pattern of grep

if ! command -v python3 >/dev/null; then
    echo 'SKIPPED: there is no python3 to run an endpoint that misbehaves'
    exit 77
fi
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY CAPPY_LLM_KEY
XDG_CACHE_HOME=$dir/cache
export XDG_CACHE_HOME
calls=$dir/upstream/calls
mkdir "$dir/upstream"
: >"$calls"
python3 "$root/tests/cli/upstream.py" "$dir/upstream" &
upstream=$!
trap 'kill $upstream; rm -rf "$dir"' EXIT

# wait_for FILE
wait_for()
{
    waited=0
    while [ ! -e "$1" ]; do
        waited=$((waited + 1))
        if [ $waited -gt 300 ]; then
            echo 'the endpoint of the tests does not start'
            exit 1
        fi
        sleep 0.1
    done
}

wait_for "$dir/upstream/port"
llm=http://127.0.0.1:$(cat "$dir/upstream/port")

calls_are()
{
    n_calls=$(wc -l <"$calls")
    [ "$n_calls" -eq "$1" ] || fail "$n_calls calls, not $1"
    : >"$calls"
}

logged()
{
    n_found=$(grep -c -e "$2" "$calls")
    [ "$n_found" -eq "$1" ] || fail "$n_found calls have $2, not $1"
}
