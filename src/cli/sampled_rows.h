/* SPDX-License-Identifier: Apache-2.0 */
/* Task rows with answers sampled for them: `candidates` of those that have `references`. */
#ifndef CAPPY_CLI_SAMPLED_ROWS_H
#define CAPPY_CLI_SAMPLED_ROWS_H

#include "cli/feed.h"
#include "cli/inputs.h"

struct cappy_sampled_rows {
    struct cappy_feed feed;
    struct cappy_inputs *inputs;
    struct cappy_progress *progress;
    cappy_status status; /* of reading: what is reported behind the rows in front */
    cappy_error reason;
    bool ended;
    size_t n_rows;  /* given */
    size_t n_asked; /* of them with references */
};

/* `inputs` and `progress` must outlive it. The caller closes *rows. */
cappy_status cappy_sampled_rows_open(const struct cappy_common *common, struct cappy_inputs *inputs,
                                     struct cappy_progress *progress,
                                     struct cappy_sampled_rows *rows, cappy_error *error);
void cappy_sampled_rows_close(struct cappy_sampled_rows *rows);

/* As cappy_inputs_next, with answers behind the row's own candidates. */
cappy_status cappy_sampled_rows_next(struct cappy_sampled_rows *rows, struct cappy_row *row,
                                     bool *ended, cappy_error *error);

/* CAPPY_IO where rows got no answer. */
cappy_status cappy_sampled_rows_check(const struct cappy_sampled_rows *rows, cappy_error *error);

/* Says on standard error what it has cost. */
void cappy_sampled_rows_report(const struct cappy_sampled_rows *rows);

#endif
