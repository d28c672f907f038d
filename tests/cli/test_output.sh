#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Places that cannot be written to: a message, exit status 1, and never a part of a line.
. "$(dirname -- "$0")/check.sh"

i=0
while [ $i -lt 2000 ]; do
    i=$((i + 1))
    printf '{"id":%d,"instruction":"What is the capital of France?","response":"Paris.","more":"%050d"}\n' $i 0
done >"$dir/rows"

# whole_lines FILE: it has some lines, all of them whole, and they are the first rows.
whole_lines()
{
    n=$(wc -l <"$1")
    [ "$n" -gt 0 ] || fail "$1 is empty"
    sed 's/, "score": .*}$/}/' "$1" >"$dir/stripped"
    head -n "$n" "$dir/rows" | cmp -s - "$dir/stripped" || fail "$1 has a line that is not whole"
}

check 'all rows' 0 '' score -q "$dir/rows" -o "$dir/all"
whole_lines "$dir/all"

run 'closed standard output' 1 '*standard output: cannot be written to: *' \
    sh -c '"$@" >&-' - "$cappy" score -q "$dir/rows"
run 'closed standard output of help' 1 '*standard output: cannot be written to: *' \
    sh -c '"$@" >&-' - "$cappy" help
run 'closed pipe' 0 '' sh -c '
    { "$2" score -q "$1/rows" 2>"$1/message"; echo $? >"$1/status"; } | sleep 0' - "$dir" "$cappy"
[ "$(cat "$dir/status")" -eq 1 ] || fail "exit status $(cat "$dir/status")"
grep -q 'standard output: cannot be written to: Broken pipe' "$dir/message" || fail 'no message'
run 'closed standard error' 1 '' sh -c '"$@" 2>&-' - "$cappy" score -q /nonexistent
run 'closed standard error, with an output file' 1 '' \
    sh -c '"$@" 2>&-' - "$cappy" score /nonexistent -o "$dir/clean"
[ ! -s "$dir/clean" ] || fail 'a message is in the output'
run 'closed standard input' 1 '*stdin*' sh -c '"$@" <&-' - "$cappy" score -q

if [ -w /dev/full ]; then
    check 'full disk' 1 '*/dev/full: cannot be written to: No space left on device; 0 lines*' \
        score -q "$dir/rows" -o /dev/full
    run 'full disk as standard output' 1 '*standard output: cannot be written to: No space left*' \
        sh -c '"$@" >/dev/full' - "$cappy" score -q "$dir/rows"
    run 'full disk, a table' 1 '*No space left*' \
        sh -c '"$@" >/dev/full' - "$cappy" rank -i a b c
    run 'full disk, help' 1 '*No space left*' sh -c '"$@" >/dev/full' - "$cappy" help
fi

# A limit on the size of files is as good as a full disk; it falls in the middle of a line.
for to in "-o $dir/limited" ">$dir/limited"; do
    rm -f "$dir/limited"
    run "limited file, $to" 1 '*cannot be written to: File too large; [1-9]* lines were written' \
        sh -c "ulimit -f 20; \"\$@\" $to" - "$cappy" score -q "$dir/rows"
    whole_lines "$dir/limited"
    match "$err" "*; $n lines were written" || fail "the file has $n lines"
done

cp "$dir/rows" "$dir/both"
check 'output is the input' 2 '*is the input too*' score -q "$dir/both" -o "$dir/both"
cmp -s "$dir/rows" "$dir/both" || fail 'the input has changed'
ln "$dir/both" "$dir/link"
check 'output is a link to the input' 2 '*is the input too*' score -q "$dir/both" -o "$dir/link"
cmp -s "$dir/rows" "$dir/both" || fail 'the input has changed'
run 'appending to the input' 2 '*is the input too*' \
    sh -c '"$2" score -q "$1" >>"$1"' - "$dir/both" "$cappy"
cmp -s "$dir/rows" "$dir/both" || fail 'the input has changed'

check 'output in no directory' 1 '*/nonexistent/x: cannot be written to: No such file*' \
    score -q "$dir/rows" -o /nonexistent/x
check 'output is a directory' 1 "*$dir: cannot be written to: Is a directory*" \
    score -q "$dir/rows" -o "$dir"
echo precious >"$dir/old"
check 'missing model' 1 '*' score -q "$dir/rows" --model /nonexistent -o "$dir/old"
[ "$(cat "$dir/old")" = precious ] || fail 'the output was emptied for nothing'

finish
