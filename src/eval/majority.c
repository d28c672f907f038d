/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/eval.h"

struct cappy_majority_entry {
    uint64_t hash; /* of task and answer */
    size_t count;  /* 0: empty */
};

static uint64_t digest(cappy_text task, cappy_text answer)
{
    return cappy_hash(cappy_hash(0, task.data, task.size), answer.data, answer.size);
}

static struct cappy_majority_entry *find(const struct cappy_majority *majority, uint64_t hash)
{
    size_t i = (size_t)hash & (majority->capacity - 1);
    while (majority->entries[i].count != 0 && majority->entries[i].hash != hash) {
        i = (i + 1) & (majority->capacity - 1);
    }
    return &majority->entries[i];
}

static cappy_status grow(struct cappy_majority *majority, cappy_error *error)
{
    struct cappy_majority larger = {
        .n = majority->n, .capacity = majority->capacity != 0 ? 2 * majority->capacity : 256};
    larger.entries = cappy_alloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < majority->capacity; i++) {
        if (majority->entries[i].count != 0) {
            *find(&larger, majority->entries[i].hash) = majority->entries[i];
        }
    }
    cappy_free(majority->entries);
    *majority = larger;
    return CAPPY_OK;
}

cappy_status cappy_majority_add(struct cappy_majority *majority, cappy_text task, cappy_text answer,
                                cappy_error *error)
{
    if (majority->n >= majority->capacity / 2) {
        CAPPY_TRY(grow(majority, error));
    }
    const uint64_t hash = digest(task, answer);
    struct cappy_majority_entry *entry = find(majority, hash);
    majority->n += entry->count == 0;
    entry->hash = hash;
    entry->count++;
    return CAPPY_OK;
}

size_t cappy_majority_count(const struct cappy_majority *majority, cappy_text task,
                            cappy_text answer)
{
    return majority->capacity != 0 ? find(majority, digest(task, answer))->count : 0;
}

void cappy_majority_free(struct cappy_majority *majority)
{
    cappy_free(majority->entries);
    *majority = (struct cappy_majority){0};
}
