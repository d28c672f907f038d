/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in, rows out: reads a file of rows a batch at a time, scores each batch with one call,
 * writes it, goes on. Memory is bounded by the batch, whatever the size of the file. At a bad row
 * everything before it is written, and nothing behind it. */
#ifndef CAPPY_CLI_STREAM_H
#define CAPPY_CLI_STREAM_H

#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session.h"

struct cappy_row_batch {
    struct cappy_row *rows; /* [n_rows] */
    size_t *ends;           /* [n_rows], the pairs of row i end before pair ends[i] */
    size_t n_rows;
    size_t row_capacity;
    cappy_pair *pairs; /* [n_pairs], borrowed from the rows */
    size_t n_pairs;
    float *scores; /* [n_pairs, width] */
    size_t pair_capacity;
    size_t size; /* bytes of the lines */
};

/* Adds a pair to the row that is being collected. The texts must live as long as the row. */
cappy_status cappy_row_batch_add(struct cappy_row_batch *batch, cappy_text instruction,
                                 cappy_text response, cappy_error *error);

struct cappy_stream {
    const struct cappy_common *common;
    const struct cappy_task *task;
    struct cappy_lines *lines;
    struct cappy_session session;
    struct cappy_output output;
    struct cappy_progress progress;
    struct cappy_row_batch batch;
    struct cappy_buffer text; /* on its way out */
    size_t pair_target;       /* the batch is full at this many pairs */
    size_t pair_minimum;      /* and at no fewer */
    size_t n_rows;
    size_t n_pairs;
};

/* What a command does with each row. */
struct cappy_task {
    const char *label; /* for cappy_session_open */
    bool need_one;
    bool unscored; /* the pairs are not to be scored */
    void *context;

    /* Adds the pairs of `row` to the stream's batch. */
    cappy_status (*collect)(struct cappy_stream *stream, const struct cappy_row *row,
                            cappy_error *error);

    /* Appends what `row` has become to the stream's text. It has `n` pairs, with scores[n][width],
     * all finite. */
    cappy_status (*finish)(struct cappy_stream *stream, const struct cappy_row *row,
                           const cappy_pair *pairs, size_t n, const float *scores,
                           cappy_error *error);
};

/* Runs `task` over the file that is the first operand, or standard input, and reports on standard
 * error. */
cappy_status cappy_stream_run(const struct cappy_common *common, const struct cappy_task *task,
                              cappy_error *error);

#endif
