/* SPDX-License-Identifier: Apache-2.0 */
#include "task/seen.h"

enum { FIRST_CAPACITY = 1024 };

void cappy_seen_init(struct cappy_seen *seen, size_t limit)
{
    *seen = (struct cappy_seen){.limit = limit};
}

void cappy_seen_free(struct cappy_seen *seen)
{
    cappy_free(seen->now.slots);
    cappy_free(seen->before.slots);
    cappy_seen_init(seen, seen->limit);
}

/* The slot of `hash`, or the free one where it would go. */
static size_t find_slot(const struct cappy_seen_table *table, uint64_t hash)
{
    size_t slot = (size_t)hash & (table->capacity - 1);
    while (table->slots[slot] != 0 && table->slots[slot] != hash) {
        slot = (slot + 1) & (table->capacity - 1);
    }
    return slot;
}

static bool has(const struct cappy_seen_table *table, uint64_t hash)
{
    return table->n > 0 && table->slots[find_slot(table, hash)] == hash;
}

/* Makes room for one more; a table is at most half full. */
static cappy_status grow(struct cappy_seen_table *table, cappy_error *error)
{
    if (table->n < table->capacity / 2) {
        return CAPPY_OK;
    }
    struct cappy_seen_table made = {.capacity = FIRST_CAPACITY, .n = table->n};
    if (table->capacity != 0) {
        made.capacity = 2 * table->capacity;
    }
    made.slots = cappy_alloc(made.capacity, sizeof *made.slots);
    if (made.slots == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] != 0) {
            made.slots[find_slot(&made, table->slots[i])] = table->slots[i];
        }
    }
    cappy_free(table->slots);
    *table = made;
    return CAPPY_OK;
}

bool cappy_seen_has(const struct cappy_seen *seen, uint64_t hash)
{
    hash = hash != 0 ? hash : 1;
    return has(&seen->now, hash) || has(&seen->before, hash);
}

cappy_status cappy_seen_add(struct cappy_seen *seen, uint64_t hash, bool *is_new,
                            cappy_error *error)
{
    hash = hash != 0 ? hash : 1;
    *is_new = !cappy_seen_has(seen, hash);
    if (has(&seen->now, hash)) {
        return CAPPY_OK;
    }
    if (seen->now.n == seen->limit) {
        cappy_free(seen->before.slots);
        seen->before = seen->now;
        seen->now = (struct cappy_seen_table){0};
    }
    CAPPY_TRY(grow(&seen->now, error));
    seen->now.slots[find_slot(&seen->now, hash)] = hash;
    seen->now.n++;
    return CAPPY_OK;
}
