/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of cappy boost. */
#ifndef CAPPY_CLI_BOOST_H
#define CAPPY_CLI_BOOST_H

#include "cli/choice.h"
#include "cli/feed.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session.h"

struct cappy_boost_arguments {
    struct cappy_common common;
    const char *instruction;
    const char *label;
    bool table;
    size_t give_up;
    struct cappy_select_arguments select;
    struct cappy_real stop_at;
};

struct cappy_boost {
    const struct cappy_boost_arguments *arguments;
    struct cappy_lines *lines; /* NULL where the instruction stands on the command line */
    struct cappy_session session;
    struct cappy_feed feed;
    struct cappy_output output;
    struct cappy_progress progress;
    bool ended; /* no more rows are read */

    struct cappy_sample *samples; /* [pair_capacity], of one row or of those scored together */
    cappy_pair *pairs;            /* likewise, and those below */
    float *scores;
    size_t pair_capacity;
    struct cappy_chooser chooser;
    struct cappy_buffer text; /* on its way out */

    size_t n_rows; /* written */
};

/* How many answers to ask for at first. */
size_t cappy_boost_begin(const struct cappy_boost *boost);

/* Scores the answers that have come, asks for more where they are not good enough, and writes the
 * rows at the head that are finished. */
cappy_status cappy_boost_flush(struct cappy_boost *boost, cappy_error *error);

/* Writes the rows at the head that are finished. */
cappy_status cappy_boost_write(struct cappy_boost *boost, cappy_error *error);

#endif
