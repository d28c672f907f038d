#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests tools/lint.sh: a small clean tree passes, and each rule, broken in it once, is reported with
# its file and line.
set -eu

lint=$(cd "$(dirname -- "$0")/../.." && pwd)/tools/lint.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
n=0
spdx='/* SPDX-License-Identifier: Apache-2.0 */'

# Makes the clean tree.
reset()
{
    rm -rf "$dir/tree"
    mkdir -p "$dir/tree/include" "$dir/tree/src/base" "$dir/tree/src/token" "$dir/tree/src/cli"
    cd "$dir/tree"
    cp "$(dirname -- "$lint")/../.clang-format" .
    cat >ARCHITECTURE.md <<'END'
| folder | may include | outside libraries |
|---|---|---|
| `base` | | `zlib.h` |
| `token` | `base` | |
| `cli` | `base`, `token` | |
END
    echo "$spdx" >include/cappy.h
    printf '%s\n#include <zlib.h>\n\n#include "cappy.h"\n' "$spdx" >src/base/base.h
    printf '%s\nvoid *grab(void)\n{\n    return malloc(1);\n}\n' "$spdx" >src/base/alloc.c
    printf '%s\n#include "base/base.h"\n' "$spdx" >src/token/token.h
    printf '%s\n#include "token/token.h"\n' "$spdx" >src/token/bpe.c
    cat >>src/token/bpe.c <<'END'
/* A comment may say strcpy(a, b) or
 * printf("x"), and so may a string. */
const char *text = "malloc(1) \" // free(1)";
void use(struct s *s)
{
    s->free(1);
    cappy_free(s);
}
END
    printf '%s\nint main(void)\n{\n    printf("x");\n}\n' "$spdx" >src/cli/main.c
}

# expect RULE PLACE TEXT: lint with RULE fails and prints a line "PLACE: ...TEXT...".
expect()
{
    n=$((n + 1))
    if found=$("$lint" --root "$dir/tree" "$1" 2>/dev/null); then
        echo "not reported: $1 $2 $3"
        failed=1
    elif [ "$(echo "$found" | wc -l)" -ne 1 ] ||
        ! echo "$found" | grep -F "$2: " | grep -qF "$3"; then
        echo "wanted $2: $3; got:"
        echo "$found"
        failed=1
    fi
    reset
}

# add FILE TEXT...: appends lines.
add()
{
    file=$1
    shift
    printf '%s\n' "$@" >>"$file"
}

repeat()
{
    awk -v n="$1" -v text="$2" 'BEGIN { while (n-- > 0) print text }'
}

reset
for rule in layers banned names size files; do
    n=$((n + 1))
    if ! "$lint" --root "$dir/tree" "$rule"; then
        echo "a clean tree is reported by $rule"
        failed=1
    fi
done

add src/base/base.h '#include "token/token.h"'
expect layers src/base/base.h:5 'base may not include token'
add src/token/bpe.c '  #  include  <zlib.h>'
expect layers src/token/bpe.c:11 'token may not include <zlib.h>'
add src/cli/main.c '#include "base/alloc.h"'
expect layers src/cli/main.c:6 'private to base'
mkdir src/other && add src/other/x.c "$spdx"
expect layers src/other/x.c:1 'no row'
# shellcheck disable=SC2016 # the backticks are Markdown
sed -i 's/| `base` | |/| `base` | `token` |/' ARCHITECTURE.md
expect layers ARCHITECTURE.md:3 'cycle'

for name in strcpy sprintf strtok atoi sscanf rand alloca; do
    add src/cli/main.c "int x = $name(1);"
    expect banned src/cli/main.c:6 "$name "
done
add src/token/bpe.c '/* */ void *p = calloc(1, 1); // free(p);'
expect banned src/token/bpe.c:11 'calloc belongs'
add src/token/bpe.c 'int y = fprintf (stderr, "(");'
expect banned src/token/bpe.c:11 'fprintf is for the command'
add src/token/bpe.c 'void stop(void) { exit(1); }'
expect banned src/token/bpe.c:11 'exit is for the command'

add src/token/token.h 'struct cappy_thing {' '};'
add src/cli/thing.h "$spdx" 'enum cappy_thing { CAPPY_THING };'
expect names src/token/token.h:3 'src/cli/thing.h'

repeat 500 'int x;' >>src/cli/main.c
expect size src/cli/main.c:501 'more than 500 lines'
{ echo 'int f(void)' && echo '{' && repeat 61 '    g();' && echo '}'; } >>src/cli/main.c
expect size src/cli/main.c:69 '61 lines'
add src/cli/main.c "int $(repeat 97 a | tr -d '\n');"
expect size src/cli/main.c:6 'columns'

sed -i 1d src/cli/main.c
expect files src/cli/main.c:1 'SPDX'
add run.sh '#!/bin/sh' 'true'
expect files run.sh:1 'SPDX'
add README.md "a $(printf 'TO%s' DO): later"
expect files README.md:1 'note to oneself'
add README.md "see $(printf '/%s/x' opt)"
expect files README.md:1 'one machine'
add README.md 'see [this](src/cli/main.c) and' '[that](docs/none.md)'
expect files README.md:2 'docs/none.md'
head -c 1048577 /dev/zero >blob
expect files blob:1 'larger'

add run.sh '#!/bin/sh' '# SPDX-License-Identifier: Apache-2.0' "echo 'a peer's model'"
expect scripts run.sh:1 'run.sh'

if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    add src/cli/main.c 'int   x;'
    expect format src/cli/main.c:6 'make fmt'
fi

echo "$n checks of the lint"
exit $failed
