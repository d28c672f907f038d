/* SPDX-License-Identifier: Apache-2.0 */
/* Text files read line by line, plain or gzip, in bounded memory: however large the file, no more
 * than its longest line and a fixed amount besides is held. */
#ifndef CAPPY_BASE_LINES_H
#define CAPPY_BASE_LINES_H

#include <stdbool.h>
#include <sys/types.h>

#include "cappy.h"

enum { CAPPY_LINE_LIMIT = 64 << 20 };

struct cappy_lines;

/* Opens `path`, or standard input for "-". gzip data is recognised by its first two bytes, not by
 * the name. A line of more than `line_limit` bytes will be an error. The caller closes *lines. */
cappy_status cappy_lines_open(const char *path, size_t line_limit, struct cappy_lines **lines,
                              cappy_error *error);
void cappy_lines_close(struct cappy_lines *lines);

/* The next line that is not blank, without its end (LF or CR LF), in *line, which is valid until
 * the next call; NULL at the end of the file. The last line needs no LF. A UTF-8 byte order mark at
 * the start of the file is left out. Errors begin with the name of the file, those about a line
 * with "name:number". */
cappy_status cappy_lines_next(struct cappy_lines *lines, const char **line, size_t *size,
                              cappy_error *error);

/* False when cappy_lines_next might have to wait for a slow writer at the other end of a pipe. */
bool cappy_lines_ready(const struct cappy_lines *lines);

/* The path as given, "stdin" for "-"; lives as long as `lines`. */
const char *cappy_lines_name(const struct cappy_lines *lines);

/* The number of the line last given, counted from 1, blank ones included. */
size_t cappy_lines_number(const struct cappy_lines *lines);

/* How far the file has been read and how long it is, in bytes of the file (of gzip data, the
 * compressed ones). A *total of 0 means that the length is unknown. */
void cappy_lines_place(const struct cappy_lines *lines, uint64_t *done, uint64_t *total);

/* Whether `device` and `inode` are the file being read: then it must not be written to. */
bool cappy_lines_is_file(const struct cappy_lines *lines, dev_t device, ino_t inode);

#endif
