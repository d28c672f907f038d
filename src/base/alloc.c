/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20, FIRST_ROOM = 64 };

void *cappy_alloc(size_t count, size_t size)
{
    return calloc(count != 0 ? count : 1, size != 0 ? size : 1);
}

void *cappy_alloc_aligned(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - HUGE_PAGE) {
        return NULL;
    }
    size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
    bytes = (bytes + alignment - 1) / alignment * alignment;
    void *memory = aligned_alloc(alignment, bytes != 0 ? bytes : alignment);
    if (memory != NULL && alignment == HUGE_PAGE) {
        madvise(memory, bytes, MADV_HUGEPAGE); /* a wish; without it pages are merely smaller */
    }
    return memory;
}

void *cappy_realloc(void *memory, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        return NULL;
    }
    return realloc(memory, bytes != 0 ? bytes : 1);
}

void *cappy_grow(void *items, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity) {
        return items;
    }
    size_t more;
    if (__builtin_mul_overflow(*capacity, (size_t)2, &more) ||
        __builtin_add_overflow(more, (size_t)FIRST_ROOM, &more)) {
        return NULL;
    }
    void *moved = cappy_realloc(items, more, size);
    if (moved != NULL) {
        *capacity = more;
    }
    return moved;
}

char *cappy_strndup(const char *text, size_t size)
{
    char *copy = size < SIZE_MAX ? cappy_alloc(size + 1, 1) : NULL;
    if (copy != NULL && size != 0) {
        memcpy(copy, text, size);
    }
    return copy;
}

void cappy_free(void *memory)
{
    free(memory);
}
