/* SPDX-License-Identifier: Apache-2.0 */
/* One row of a JSON lines file. Commands read a few fields of it and add a few; everything else
 * leaves as it came, byte for byte: order of fields, spelling of numbers, escapes and spaces. */
#ifndef CAPPY_BASE_ROWS_H
#define CAPPY_BASE_ROWS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"

struct cappy_row {
    json_t *json; /* the object; every number in it is a real */
    char *text;   /* [size], the line it was read from */
    size_t size;
    const char *file; /* for messages; borrowed */
    size_t line;      /* counted from 1 */
};

/* Parses text[0..size), line `line` of `file`, and keeps a copy of the text. The caller frees *row
 * with cappy_row_free. CAPPY_FORMAT when it is not a JSON object. Errors here and below begin with
 * "file:line: ". */
cappy_status cappy_row_parse(const char *file, size_t line, const char *text, size_t size,
                             struct cappy_row *row, cappy_error *error);
void cappy_row_free(struct cappy_row *row);

/* Records an error about `row`, as cappy_error_set. */
cappy_status cappy_row_error(const struct cappy_row *row, cappy_error *error, const char *format,
                             ...) __attribute__((format(printf, 3, 4)));

/* The string `key`, which must be there; lives as long as the row. */
cappy_status cappy_row_get_text(const struct cappy_row *row, const char *key, cappy_text *text,
                                cappy_error *error);

/* The number of elements of the list `key`, which must be there and not be empty. */
cappy_status cappy_row_get_count(const struct cappy_row *row, const char *key, size_t *n,
                                 cappy_error *error);

/* Element `index` of the list `key`: a string, or the "text" of an object; lives as long as the
 * row. */
cappy_status cappy_row_get_item(const struct cappy_row *row, const char *key, size_t index,
                                cappy_text *text, cappy_error *error);

/* The whole number `key`, which must be there and be below `n`. */
cappy_status cappy_row_get_index(const struct cappy_row *row, const char *key, size_t n,
                                 size_t *index, cappy_error *error);

/* The JSON text of the value of `key` as it stands in the line; lives as long as the row. Empty
 * where the row has no such field. */
cappy_status cappy_row_get_json(const struct cappy_row *row, const char *key, cappy_text *json,
                                cappy_error *error);

/* Whether the row has the field `key` with a value other than null. */
bool cappy_row_has(const struct cappy_row *row, const char *key);

/* Appends the row and a line feed to `out`, with the members of the object `added` at the end, in
 * their order; fields of the same names are left out of the rest. Reals in `added` are written with
 * nine digits, enough for a float. */
cappy_status cappy_row_write(const struct cappy_row *row, const json_t *added,
                             struct cappy_buffer *out, cappy_error *error);

/* Appends `json`, written as in cappy_row_write; cappy_json_write with a line feed behind it. */
cappy_status cappy_json_append(const json_t *json, struct cappy_buffer *out, cappy_error *error);
cappy_status cappy_json_write(const json_t *json, struct cappy_buffer *out, cappy_error *error);

#endif
