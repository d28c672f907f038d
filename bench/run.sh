#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD [NAME...]: runs the benchmarks of a build folder, all or those named, one after another.
# A benchmark that has a script, NAME.py beside NAME.c, is run by it.
set -eu

here=$(cd "$(dirname -- "$0")" && pwd)
programs=$(cd "$1/bench" && pwd)
shift
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # names of benchmarks are words
    set -- $(find "$programs" -maxdepth 1 -name 'bench_*' -perm -u+x | sed 's|.*/bench_||' | sort)
fi
echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors"
for name in "$@"; do
    echo
    echo "## $name"
    if [ -f "$here/$name.py" ]; then
        python=$("$here/python.sh" "$here/requirements.txt")
        "$python" "$here/$name.py" "$programs/bench_$name"
    else
        "$programs/bench_$name"
    fi
done
