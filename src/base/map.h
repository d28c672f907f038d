/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers kept by hashes. Things with the same hash are taken for one. */
#ifndef CAPPY_BASE_MAP_H
#define CAPPY_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "cappy.h"

/* Starts as {0}. */
struct cappy_map {
    struct cappy_map_slot *slots; /* [capacity] */
    size_t capacity;              /* 0, or a power of two */
    size_t n;                     /* hashes in it, at most half of the capacity */
};

/* The number kept for `hash`; 0 where none is. */
size_t cappy_map_get(const struct cappy_map *map, uint64_t hash);

/* The place of that number, which is 0 for a new hash, to be changed until the next call.
 * CAPPY_NO_MEMORY. */
cappy_status cappy_map_place(struct cappy_map *map, uint64_t hash, size_t **number,
                             cappy_error *error);

void cappy_map_free(struct cappy_map *map);

#endif
