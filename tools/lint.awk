# SPDX-License-Identifier: Apache-2.0
# The rules of lint.sh that read lines. -v rule=layers|banned|names|size|licence; the files are arguments.
# `layers` reads the law from its first argument, ARCHITECTURE.md: the table whose heading row begins
# with "folder" and whose columns are the folder, what it may include, and outside libraries.

BEGIN {
    FILE_LINES = 500
    FUNCTION_LINES = 60
    COLUMNS = 100

    # Functions nobody calls, with what to use instead.
    split("strcpy strcat strncpy sprintf vsprintf gets", unbounded)
    split("atoi atol atof scanf sscanf fscanf", unchecked)
    for (i in unbounded) never[unbounded[i]] = "writes without a bound: use snprintf or a buffer"
    for (i in unchecked) never[unchecked[i]] = "hides errors: use strtol, strtod or a parser"
    never["strtok"] = never["rand"] = never["srand"] = "has hidden state"
    never["alloca"] = "cannot fail safely: use base/alloc.h"
    # Functions that only base/alloc.c calls, of all in src/.
    split("malloc calloc realloc free aligned_alloc posix_memalign strdup strndup", memory)
    for (i in memory) allocation[memory[i]] = "belongs to base/alloc.c: use base/alloc.h"
    # Functions that only src/cli/ calls, of all in src/: a library does not print or end a process.
    split("printf fprintf vprintf vfprintf puts fputs putchar perror exit _exit _Exit abort", talk)
    for (i in talk) command[talk[i]] = "is for the command: a library returns a status"

    # Headers of C11, POSIX and the compiler: every folder may include them.
    split("arpa/inet assert complex ctype dirent dlfcn errno fcntl fenv float getopt glob immintrin inttypes " \
          "arm_neon cpuid langinfo limits link locale math omp poll pthread sched setjmp signal " \
          "stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string " \
          "strings sys/auxv sys/ioctl sys/mman sys/random sys/resource sys/socket sys/stat sys/time " \
          "sys/types sys/uio sys/un sys/utsname sys/wait termios time unistd wchar wctype", standard)
    for (i in standard) system_header[standard[i] ".h"] = 1
    system_header["cappy.h"] = 1 # as a program outside includes it
}

function report(text)
{
    print FILENAME ":" FNR ": " rule ": " text
}

# The line without comments and the contents of strings. `in_comment` lasts from line to line.
function strip(line,    out, at)
{
    out = ""
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            if (at == 0) {
                return out
            }
            line = substr(line, at + 2)
            in_comment = 0
        } else if (match(line, /^[^"'\/]+/)) {
            out = out substr(line, 1, RLENGTH)
            line = substr(line, RLENGTH + 1)
        } else if (line ~ /^\/\//) {
            return out
        } else if (line ~ /^\/\*/) {
            in_comment = 1
            line = substr(line, 3)
        } else if (match(line, /^"([^"\\]|\\.)*"/) || match(line, /^'([^'\\]|\\.)*'/)) {
            out = out "\"\""
            line = substr(line, RLENGTH + 1)
        } else {
            out = out substr(line, 1, 1)
            line = substr(line, 2)
        }
    }
    return out
}

FNR == 1 {
    in_comment = 0
    exempt_file = 0
    exempt = 0
    opened = 0
}

# ---- layers ----

# One row of the law: names in backticks. A row may name only rows above it, so there are no cycles.
rule == "layers" && FILENAME == ARGV[1] {
    if ($0 ~ /^\| *folder *\|/) {
        in_law = 1
    } else if (in_law && $0 !~ /^\|/) {
        in_law = 0
    } else if (in_law && $0 ~ /^\| *`/) {
        split($0, column, "|")
        n_rows = split(column[2], row, "`")
        for (i = 2; i <= n_rows; i += 2) {
            for (j = split(column[3], word, "`"); j >= 2; j--) {
                if (j % 2 == 0 && word[j] != "cappy.h") {
                    if (!(word[j] in known)) {
                        report(word[j] " has no row above " row[i] ": that would allow a cycle")
                    }
                    allowed[row[i], word[j]] = 1
                }
            }
            for (j = split(column[4], word, "`"); j >= 2; j--) {
                if (j % 2 == 0) {
                    allowed[row[i], word[j]] = 1
                }
            }
        }
        for (i = 2; i <= n_rows; i += 2) {
            known[row[i]] = 1
        }
    }
    next
}

rule == "layers" {
    if (FNR == 1) {
        depth = split(FILENAME, part, "/")
        folder = part[1] == "src" ? part[2] : part[1]
        if (!(folder in known)) {
            report("the folder " folder " has no row in the table of ARCHITECTURE.md")
        }
    }
    if (match($0, /^[ \t]*#[ \t]*include[ \t]*<[^>]*>/)) {
        split($0, part, /[<>]/)
        if (!(part[2] in system_header) && !((folder, part[2]) in allowed)) {
            report(folder " may not include <" part[2] ">")
        }
    } else if (match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]*"/)) {
        split($0, part, "\"")
        check_include(part[2])
    }
}

function check_include(path,    target, n, piece)
{
    n = split(path, piece, "/")
    if (path == "cappy.h" || n == 1) {
        return
    }
    target = piece[1]
    if (target == folder) {
        return
    }
    if (!((folder, target) in allowed)) {
        report(folder " may not include " target " (" path ")")
    } else if (path != target "/" target ".h") {
        report(path " is private to " target ": include " target "/" target ".h")
    }
}

# ---- banned ----

rule == "banned" {
    line = strip($0)
    while (match(line, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
        name = substr(line, RSTART, RLENGTH - 1)
        before = substr(line, 1, RSTART - 1)
        sub(/[ \t]+$/, "", name)
        line = substr(line, RSTART + RLENGTH)
        if (before ~ /(\.|->)$/) {
            continue # a member that happens to have this name
        }
        if (name in never) {
            report(name " " never[name])
        } else if (FILENAME !~ /^src\//) {
            continue
        } else if (name in allocation && FILENAME != "src/base/alloc.c") {
            report(name " " allocation[name])
        } else if (name in command && FILENAME !~ /^src\/cli\//) {
            report(name " " command[name])
        }
    }
}

# ---- names ----

# The types of headers: each has a name of its own, so that a name means one thing.
rule == "names" && /^(struct|enum|union) cappy_[a-z0-9_]+ \{/ {
    if ($2 in named) {
        report($1 " " $2 " is another thing in " named[$2] ": give one of them a name of its own")
    } else {
        named[$2] = FILENAME
    }
}

# ---- size ----

# "lint: long" in a comment exempts the function that follows it; in the first ten lines, the file.
# Kernels that are tiled by hand, src/kernel/*.inc and set_*.c, may have long functions.
rule == "size" {
    if ($0 ~ /lint: long/) {
        exempt = 1
        exempt_file = exempt_file || FNR <= 10
    }
    width = $0
    gsub(/[\200-\277]/, "", width) # bytes after the first of a character
    if (length(width) > COLUMNS) {
        report("more than " COLUMNS " columns")
    }
    if (FNR == FILE_LINES + 1 && !exempt_file) {
        report("the file has more than " FILE_LINES " lines: split it")
    }
    if ($0 ~ /^\{/) {
        opened = FNR
    } else if ($0 ~ /^}/ && opened) {
        if (FNR - opened - 1 > FUNCTION_LINES && !exempt && !exempt_file &&
            FILENAME !~ /^src\/kernel\/(set_|.*\.inc$)/) {
            report("the function has " FNR - opened - 1 " lines: at most " FUNCTION_LINES)
        }
        opened = 0
        exempt = 0
    }
}

# ---- licence ----

rule == "licence" && FNR <= 2 && /SPDX-License-Identifier: Apache-2\.0/ {
    licensed[FILENAME] = 1
}

rule == "licence" && FNR == 1 && FILENAME ~ /\.(c|h|inc)$/ &&
    $0 != "/* SPDX-License-Identifier: Apache-2.0 */" {
    report("the first line is not the SPDX licence line")
    licensed[FILENAME] = 1
}

END {
    if (rule == "licence") {
        for (i = 1; i < ARGC; i++) {
            if (!(ARGV[i] in licensed)) {
                print ARGV[i] ":1: licence: no SPDX licence line in the first two lines"
            }
        }
    }
}
