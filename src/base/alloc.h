/* SPDX-License-Identifier: Apache-2.0 */
/* All memory of the library comes from here: sizes are multiplied with care, failure is a NULL
 * to be checked. Memory from any of these is returned with cappy_free. */
#ifndef CAPPY_BASE_ALLOC_H
#define CAPPY_BASE_ALLOC_H

#include <stddef.h>

/* Zeroed room for `count` elements of `size` bytes; NULL when out of memory or when the product
 * overflows. A count of 0 gives a valid pointer. */
void *cappy_alloc(size_t count, size_t size);

/* As cappy_alloc, not zeroed, on a 64-byte boundary (a cache line, a tile row); from 4 MiB on
 * with huge pages asked for. */
void *cappy_alloc_aligned(size_t count, size_t size);

/* Resizes to `count` elements; new room is not zeroed. NULL on failure, when the old memory
 * stays valid. */
void *cappy_realloc(void *memory, size_t count, size_t size);

/* Room for one more element behind the first `n` of an array that has room for *capacity: about
 * twice as much when it is full. Returns the array, which may have moved; NULL on failure, when the
 * old memory stays valid. */
void *cappy_grow(void *items, size_t n, size_t *capacity, size_t size);

/* A NUL-terminated copy of text[0..size). */
char *cappy_strndup(const char *text, size_t size);

void cappy_free(void *memory);

#endif
