/* SPDX-License-Identifier: Apache-2.0 */
/* A file of any bytes, read line by line: as gzip data where it begins so; what is plain must come
 * out as it went in. */
#define _GNU_SOURCE /* memfd_create */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"
#include "fuzz.h"

enum { LINE_LIMIT = 300 };

/* assert, in every build. */
static void check(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Checks that `line` is the line that begins at data[*at], or one behind it with blank ones
 * between, and puts *at behind it. */
static void check_line(const uint8_t *data, size_t size, size_t *at, const char *line,
                       size_t line_size)
{
    for (;;) {
        check(*at < size);
        const uint8_t *begin = data + *at;
        const uint8_t *end = memchr(begin, '\n', size - *at);
        size_t length = end != NULL ? (size_t)(end - begin) : size - *at;
        *at += length + 1;
        size_t skipped =
            begin == data && length >= 3 && memcmp(begin, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
        begin += skipped;
        length -= skipped;
        bool is_blank = true;
        for (size_t i = 0; i < length; i++) {
            is_blank = is_blank && (begin[i] == ' ' || begin[i] == '\t' || begin[i] == '\r');
        }
        if (!is_blank) {
            length -= begin[length - 1] == '\r';
            check(length == line_size && memcmp(begin, line, length) == 0);
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int file = memfd_create("lines", MFD_CLOEXEC);
    check(file >= 0 && write(file, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);

    bool is_plain = size < 2 || data[0] != 0x1f || data[1] != 0x8b;
    struct cappy_lines *lines = NULL;
    cappy_error error;
    const char *line = NULL;
    size_t line_size;
    size_t at = 0;
    check(cappy_lines_open(path, LINE_LIMIT, &lines, &error) == CAPPY_OK);
    while (cappy_lines_next(lines, &line, &line_size, &error) == CAPPY_OK && line != NULL) {
        check(line_size <= LINE_LIMIT);
        if (is_plain) {
            check_line(data, size, &at, line, line_size);
        }
    }
    cappy_lines_close(lines);
    close(file);
    return 0;
}
