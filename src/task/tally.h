/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what is built, by task. */
#ifndef CAPPY_TASK_TALLY_H
#define CAPPY_TASK_TALLY_H

#include "task/task.h"

struct cappy_tally_index {
    size_t *slots; /* [capacity], the number of a task plus 1; 0 where free */
    size_t capacity;
};

/* The task called `name`, found or made, in *index. CAPPY_FORMAT when there would be more than
 * CAPPY_TASK_LIMIT. */
cappy_status cappy_tally_find(struct cappy_tally *tally, struct cappy_tally_index *finder,
                              uint64_t hash, cappy_text name, size_t *index, cappy_error *error);

/* Counts a response that was written. */
void cappy_tally_add(struct cappy_tally *tally, size_t task, const struct cappy_target *response);

void cappy_tally_free(struct cappy_tally *tally, struct cappy_tally_index *finder);

#endif
