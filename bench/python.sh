#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# python.sh REQUIREMENTS [NAME]: prints the Python interpreter that has the packages of a requirements
# file. It lives in a virtual environment, .venv-NAME (.venv-bench), made on first use; PYTHON=FILE names
# one that has the packages already. A package that cannot be installed is left out, and tried again next time:
# who needs it says so.
set -eu

if [ -n "${PYTHON:-}" ]; then
    echo "$PYTHON"
    exit
fi
venv=$(cd "$(dirname -- "$0")/.." && pwd)/.venv-${2:-bench}
mark=$venv/installed-$(cksum <"$1" | tr ' ' '-')

install()
{
    "$venv/bin/python" -m pip install --quiet "$@" >&2
}

if [ ! -e "$mark" ]; then
    echo "installing into $(basename "$venv"): $(tr '\n' ' ' <"$1")" >&2
    python3 -m venv "$venv" >&2
    if install --requirement "$1"; then
        touch "$mark"
    else
        while read -r package; do
            install "$package" || echo "python.sh: $package cannot be installed here" >&2
        done <"$1"
    fi
fi
echo "$venv/bin/python"
