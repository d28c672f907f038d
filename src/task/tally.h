/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what is built, by task. */
#ifndef CAPPY_TASK_TALLY_H
#define CAPPY_TASK_TALLY_H

#include "task/task.h"

struct cappy_tally_index {
    struct cappy_map numbers; /* of tasks, from 1 */
    size_t capacity;          /* the tasks that there is room for */
};

/* The task called `name`, found or made, in *index. CAPPY_FORMAT when there would be more than
 * CAPPY_TASK_LIMIT. */
cappy_status cappy_tally_find(struct cappy_tally *tally, struct cappy_tally_index *finder,
                              uint64_t hash, cappy_text name, size_t *index, cappy_error *error);

/* Counts a response that was written. */
void cappy_tally_add(struct cappy_tally *tally, size_t task, const struct cappy_target *response);

void cappy_tally_free(struct cappy_tally *tally, struct cappy_tally_index *finder);

#endif
