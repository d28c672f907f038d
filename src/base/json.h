/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from strangers, read with jansson: strict UTF-8, no duplicate keys, depth and size
 * bounded. */
#ifndef CAPPY_BASE_JSON_H
#define CAPPY_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cappy.h"

enum { CAPPY_JSON_MAX_DEPTH = 64, CAPPY_ROW_MAX_VALUES = 1 << 20 };

/* Parses text[0..size), one value and nothing behind it. \u0000 inside strings is allowed; a
 * duplicate key, a depth over CAPPY_JSON_MAX_DEPTH, a lone surrogate and ill-formed UTF-8 are
 * CAPPY_FORMAT. The caller json_decrefs *value. */
cappy_status cappy_json_parse(const char *text, size_t size, json_t **value, cappy_error *error);

/* The same for what came over a network: more than max_values values are CAPPY_FORMAT too, since
 * each takes far more memory than its text. */
cappy_status cappy_json_parse_limited(const char *text, size_t size, size_t max_values,
                                      json_t **value, cappy_error *error);

/* As cappy_json_parse for a row of a JSON lines file, which is passed on as it was written: numbers
 * of any size are allowed (all of them become reals), and errors give the byte of the line, from 1,
 * and the remedy. More than CAPPY_ROW_MAX_VALUES values are refused: each takes far more memory
 * than its text. */
cappy_status cappy_json_parse_row(const char *text, size_t size, json_t **value,
                                  cappy_error *error);

/* Reads and parses a file of at most max_size bytes; errors begin with `path`. */
cappy_status cappy_json_read(const char *path, size_t max_size, json_t **value, cappy_error *error);

/* The same with every number read as a real, for files with whole numbers beyond 64 bits. */
cappy_status cappy_json_read_reals(const char *path, size_t max_size, json_t **value,
                                   cappy_error *error);

/* Typed members of an object. A missing or null member gives `fallback`; a member of another type
 * or outside [min, max] is CAPPY_FORMAT and named. */
cappy_status cappy_json_get_int(const json_t *object, const char *key, int64_t min, int64_t max,
                                int64_t fallback, int64_t *value, cappy_error *error);
cappy_status cappy_json_get_real(const json_t *object, const char *key, double fallback,
                                 double *value, cappy_error *error);
cappy_status cappy_json_get_bool(const json_t *object, const char *key, bool fallback, bool *value,
                                 cappy_error *error);
/* The string lives as long as `object`. A string with an embedded NUL is CAPPY_FORMAT. */
cappy_status cappy_json_get_string(const json_t *object, const char *key, const char *fallback,
                                   const char **value, cappy_error *error);

#endif
