/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of cappy boost. */
#ifndef CAPPY_CLI_BOOST_H
#define CAPPY_CLI_BOOST_H

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/sampling.h"
#include "cli/session.h"

struct cappy_boost_arguments {
    struct cappy_common common;
    const char *instruction;
    const char *label;
    bool table;
    size_t give_up;
};

/* A row whose answers are asked for. */
struct cappy_boost_place {
    struct cappy_row row;
    struct cappy_job *job;
};

struct cappy_boost {
    const struct cappy_boost_arguments *arguments;
    struct cappy_lines *lines; /* NULL where the instruction stands on the command line */
    struct cappy_session session;
    struct cappy_sampling sampling;
    struct cappy_output output;
    struct cappy_progress progress;
    struct cappy_boost_place *places; /* [n_places], the rows read and not written, in order */
    size_t n_places;
    size_t capacity;
    size_t size;                  /* bytes of their lines */
    bool ended;                   /* no more rows are read */
    struct cappy_sample *samples; /* room for the answers of those that are scored together */
    cappy_pair *pairs;
    float *scores;
    size_t pair_capacity;
    struct cappy_buffer text; /* on its way out */

    size_t n_rows;       /* written */
    size_t n_partial;    /* of them with fewer answers than asked for */
    size_t n_unanswered; /* and with none */
    size_t n_in_a_row;   /* of those, the last ones */
    char *first_failure; /* of a row without an answer */
};

/* Scores and writes the rows at the head that are done, in order. */
cappy_status cappy_boost_flush(struct cappy_boost *boost, cappy_error *error);

#endif
