/* SPDX-License-Identifier: Apache-2.0 */
/* How training rows are written. */
#ifndef CAPPY_CLI_TRAINING_ROWS_H
#define CAPPY_CLI_TRAINING_ROWS_H

#include "task/task.h"

/* Appends a JSON line for each response of the group. */
cappy_status cappy_training_rows_append(const struct cappy_group *group, struct cappy_buffer *out,
                                        cappy_error *error);

#endif
