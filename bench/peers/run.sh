#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD [OPTION...]: measures the cappy of a build folder beside its peers; the options are
# those of score_peers.py.
set -eu

here=$(cd "$(dirname -- "$0")" && pwd)
build=$(cd "$1" && pwd)
shift
python=$("$here/../python.sh" "$here/requirements.txt")
exec "$python" "$here/score_peers.py" --cappy "$build/cappy" "$@"
