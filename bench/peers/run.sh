#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD [OPTION...]: measures the cappy of a build folder beside its peers; the options are those
# of score_peers.py. The peers live in a virtual environment, .venv-bench, made on first use;
# PYTHON=FILE names an interpreter that has them already.
set -eu

here=$(cd "$(dirname -- "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
shift

if [ -z "${PYTHON:-}" ]; then
    PYTHON=$root/.venv-bench/bin/python
    if ! cmp -s "$here/requirements.txt" "$root/.venv-bench/installed.txt"; then
        echo "run.sh: installing PyTorch and transformers into .venv-bench (several GB)" >&2
        python3 -m venv "$root/.venv-bench"
        "$PYTHON" -m pip install --quiet --requirement "$here/requirements.txt" >&2
        cp "$here/requirements.txt" "$root/.venv-bench/installed.txt"
    fi
fi
exec "$PYTHON" "$here/score_peers.py" --cappy "$build/cappy" "$@"
