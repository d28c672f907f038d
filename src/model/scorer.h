/* SPDX-License-Identifier: Apache-2.0 */
/* A scorer's state, which is shared by what makes sequences of pairs (sequences.c) and by what
 * makes scores of those (scorer.c). */
#ifndef CAPPY_MODEL_SCORER_H
#define CAPPY_MODEL_SCORER_H

#include "model/encoder.h"

/* What one thread needs to tokenize and to compute passes by itself. */
struct cappy_worker {
    struct cappy_encoder *encoder;
    struct cappy_ids first;     /* tokens of the instruction that was seen last */
    cappy_text first_text;      /* which one that is; data NULL when none of this window */
    struct cappy_ids second;    /* tokens of the response */
    struct cappy_ids ids;       /* built sequences of the window, end to end */
    struct cappy_ids segments;  /* same layout */
    struct cappy_workspace own; /* for passes of its own */
    uint64_t truncated;
    cappy_status status; /* of the window */
    cappy_error error;
};

/* Where a pair's sequence is until all ids of the window are in place. */
struct cappy_sequence_place {
    size_t worker;
    size_t offset;
    size_t n;
    size_t head; /* as of cappy_sequence */
};

struct cappy_scorer {
    const struct cappy_model *model;
    size_t threads;
    size_t max_length;
    cappy_truncation truncation;
    struct cappy_worker *workers; /* [threads] */
    struct cappy_workspace shared;
    struct cappy_sequence_place *places; /* [window] */
    struct cappy_sequence *sequences;    /* [window] */
    size_t *passes; /* [window + 1], index of the first sequence of each pass */
    size_t window;  /* room for these many pairs */
    cappy_scorer_counts counts;
};

/* This thread's number among those of its parallel region. */
size_t cappy_worker_index(void);

/* The first failure of any worker. */
cappy_status cappy_scorer_failure(const struct cappy_scorer *scorer, cappy_error *error);

/* Fills scorer->sequences[n]; scores[n][L] is where their results will go. */
cappy_status cappy_scorer_encode(struct cappy_scorer *scorer, const cappy_pair *pairs, size_t n,
                                 float *scores, cappy_error *error);

#endif
