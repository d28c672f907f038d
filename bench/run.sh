#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD [NAME...]: runs the benchmarks of a build folder, all or those named, one after another.
set -eu

build=$(cd "$1" && pwd)
shift
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # names of benchmarks are words
    set -- $(find "$build/bench" -maxdepth 1 -type f -perm -u+x | sed 's|.*/||' | sort)
fi
echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors"
for name in "$@"; do
    echo
    echo "## $name"
    "$build/bench/$name"
done
