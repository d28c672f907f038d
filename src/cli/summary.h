/* SPDX-License-Identifier: Apache-2.0 */
/* What cappy data has built, for people. */
#ifndef CAPPY_CLI_SUMMARY_H
#define CAPPY_CLI_SUMMARY_H

#include "task/task.h"

/* Appends the table of tasks, the histogram of scores, and what else there is to say. */
cappy_status cappy_summary_write(const struct cappy_tally *tally, double seconds,
                                 struct cappy_buffer *out, cappy_error *error);

#endif
