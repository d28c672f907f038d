/* SPDX-License-Identifier: Apache-2.0 */
/* A table with open addresses, at most half full, so that a search ends soon. */
#include "base/map.h"

#include "base/alloc.h"
#include "base/error.h"

enum { FIRST_CAPACITY = 256 };

struct cappy_map_slot {
    uint64_t hash; /* 0 where free */
    size_t number;
};

/* The slot of `hash`, which is not 0, or the free one where it would go. */
static struct cappy_map_slot *find(const struct cappy_map *map, uint64_t hash)
{
    size_t i = (size_t)hash & (map->capacity - 1);
    while (map->slots[i].hash != 0 && map->slots[i].hash != hash) {
        i = (i + 1) & (map->capacity - 1);
    }
    return &map->slots[i];
}

static cappy_status grow(struct cappy_map *map, cappy_error *error)
{
    struct cappy_map larger = {.capacity = FIRST_CAPACITY, .n = map->n};
    if (map->capacity != 0) {
        larger.capacity = 2 * map->capacity;
    }
    larger.slots = cappy_alloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].hash != 0) {
            *find(&larger, map->slots[i].hash) = map->slots[i];
        }
    }
    cappy_free(map->slots);
    *map = larger;
    return CAPPY_OK;
}

size_t cappy_map_get(const struct cappy_map *map, uint64_t hash)
{
    return map->n > 0 ? find(map, hash != 0 ? hash : 1)->number : 0;
}

cappy_status cappy_map_place(struct cappy_map *map, uint64_t hash, size_t **number,
                             cappy_error *error)
{
    if (map->n >= map->capacity / 2) {
        CAPPY_TRY(grow(map, error));
    }
    hash = hash != 0 ? hash : 1;
    struct cappy_map_slot *slot = find(map, hash);
    map->n += slot->hash == 0;
    slot->hash = hash;
    *number = &slot->number;
    return CAPPY_OK;
}

void cappy_map_free(struct cappy_map *map)
{
    cappy_free(map->slots);
    *map = (struct cappy_map){0};
}
