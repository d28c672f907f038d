/* SPDX-License-Identifier: Apache-2.0 */
/* Many arrays in one allocation: a function that takes them one after another runs twice, once to
 * count with memory NULL, once to hand out. */
#ifndef CAPPY_BASE_LAYOUT_H
#define CAPPY_BASE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

struct cappy_layout {
    char *memory;  /* aligned to a cache line; NULL: only count */
    size_t size;   /* bytes taken */
    bool overflow; /* more was wished for than a size can tell */
};

/* The next `count` elements of `size` bytes, on a cache line of their own; NULL when counting. */
void *cappy_layout_take(struct cappy_layout *layout, size_t count, size_t size);

#endif
