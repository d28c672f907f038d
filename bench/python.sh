#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# python.sh REQUIREMENTS: prints the Python interpreter that has the packages of a requirements file.
# It lives in a virtual environment, .venv-bench, made on first use; PYTHON=FILE names one that has
# the packages already.
set -eu

if [ -n "${PYTHON:-}" ]; then
    echo "$PYTHON"
    exit
fi
venv=$(cd "$(dirname -- "$0")/.." && pwd)/.venv-bench
mark=$venv/installed-$(cksum <"$1" | tr ' ' '-')
if [ ! -e "$mark" ]; then
    echo "installing into .venv-bench: $(tr '\n' ' ' <"$1")" >&2
    python3 -m venv "$venv" >&2
    "$venv/bin/python" -m pip install --quiet --requirement "$1" >&2
    touch "$mark"
fi
echo "$venv/bin/python"
