/* SPDX-License-Identifier: Apache-2.0 */
/* Text from strangers made well-formed. */
#ifndef CAPPY_TOKEN_UTF8_H
#define CAPPY_TOKEN_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Whether text[0..size) is well-formed UTF-8 (Unicode 15, table 3-7). */
bool cappy_utf8_valid(const char *text, size_t size);

/* Copies text[0..size) to `out`, each maximal ill-formed part replaced by U+FFFD as Python's
 * errors="replace" does, and returns how many bytes that gave. `out` has room for 3 * size
 * bytes. */
size_t cappy_utf8_repair(const char *text, size_t size, char *out);

#endif
