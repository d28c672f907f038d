#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_install.sh BUILD: installs a build into an empty folder, moves it, and uses it as a stranger would: the
# program of cappy.h is compiled through pkg-config, and both it and the command find the installed model.
set -eu

build=$1
root=$(cd "$(dirname -- "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset CAPPY_MODEL

# The example at the top of cappy.h is examples/first.c, line by line.
sed -n '/^ \*     #include <cappy.h>/,/^ \*     }$/s/^ \* \{0,5\}//p' "$root/include/cappy.h" \
    >"$dir/header.c"
sed -n '/^#include <cappy.h>/,$p' "$root/examples/first.c" >"$dir/first.c"
diff "$dir/header.c" "$dir/first.c"

cmake --install "$build" --prefix "$dir/there" >"$dir/log" || { cat "$dir/log" && exit 1; }
mv "$dir/there" "$dir/here"
libraries=$(dirname "$(find "$dir/here" -name libcappy.so)")
flags=$(PKG_CONFIG_PATH=$libraries/pkgconfig pkg-config --cflags --libs cappy)
# shellcheck disable=SC2086 # flags are words
cc -std=c11 -Wall -Wextra -Werror -o "$dir/first" "$root/examples/first.c" $flags

cd /
score=$(LD_LIBRARY_PATH=$libraries "$dir/first")
command=$("$dir/here/bin/cappy" score -i "What is the capital of France?" -r "Paris.")
echo "the program of cappy.h prints $score, the command $command"
awk -v a="$score" -v b="$command" 'BEGIN { exit !(a != "" && a - b < 1e-4 && b - a < 1e-4) }'
