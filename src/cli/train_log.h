/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a training run: a JSON line for each step. */
#ifndef CAPPY_CLI_TRAIN_LOG_H
#define CAPPY_CLI_TRAIN_LOG_H

#include <stdio.h>

#include "train/train.h"

struct cappy_train_log {
    FILE *file; /* NULL: none */
    const char *path;
};

/* Opens `path` (NULL: no log) for a run that goes on behind step `begun`: lines of an old log up to
 * that step stay, all others go. */
cappy_status cappy_train_log_open(const char *path, size_t begun, struct cappy_train_log *log,
                                  cappy_error *error);
void cappy_train_log_add(struct cappy_train_log *log, const struct cappy_train_state *state);

/* Returns `status`, or that the log could not be written. */
cappy_status cappy_train_log_close(struct cappy_train_log *log, cappy_status status,
                                   cappy_error *error);

#endif
