/* SPDX-License-Identifier: Apache-2.0 */
/* What has been seen of late: a set of hashes in bounded memory. */
#ifndef CAPPY_TASK_SEEN_H
#define CAPPY_TASK_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

/* The hashes seen last are in one table; when it has `limit` of them it becomes the one before,
 * whose own hashes are forgotten. So the last `limit` different ones are known, and at most twice
 * as many. Both grow as they fill up, together to 32 bytes for each hash of the limit. */
struct cappy_seen_table {
    uint64_t *slots; /* [capacity], 0 where free */
    size_t capacity; /* a power of two */
    size_t n;
};

struct cappy_seen {
    struct cappy_seen_table now;
    struct cappy_seen_table before;
    size_t limit;
};

void cappy_seen_init(struct cappy_seen *seen, size_t limit);
void cappy_seen_free(struct cappy_seen *seen);

bool cappy_seen_has(const struct cappy_seen *seen, uint64_t hash);

/* Makes `hash` the one seen last; *is_new tells whether it was not known. */
cappy_status cappy_seen_add(struct cappy_seen *seen, uint64_t hash, bool *is_new,
                            cappy_error *error);

#endif
