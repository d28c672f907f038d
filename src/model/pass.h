/* SPDX-License-Identifier: Apache-2.0 */
/* A pass under way, as its stages see it. Private to the encoder. */
#ifndef CAPPY_MODEL_PASS_H
#define CAPPY_MODEL_PASS_H

#include "model/encoder.h"

/* Everything a stage needs to know. */
struct cappy_pass {
    const struct cappy_model *model;
    struct cappy_workspace *work;
    struct cappy_member member;
    const struct cappy_sequence *sequences;
    size_t count;  /* of sequences */
    size_t tokens; /* T */
};

static inline void cappy_pass_wait(const struct cappy_pass *pass)
{
    if (pass->member.count > 1) {
#pragma omp barrier
    }
}

/* The part of n items that belongs to this member: [*first, *last). */
static inline void cappy_pass_share(const struct cappy_pass *pass, size_t n, size_t *first,
                                    size_t *last)
{
    *first = n * pass->member.index / pass->member.count;
    *last = n * (pass->member.index + 1) / pass->member.count;
}

/* Row `row` of rows, which are fp32, or bf16 to be cast. */
static inline float *cappy_row_at(const struct cappy_rows *rows, size_t row)
{
    return (float *)((char *)rows->data + row * rows->stride);
}

/* context = attention over qkv; in the last layer, of the head's token of each sequence alone:
 * those stand in rows 0.. of `queries` [S, H], and their results go to rows 0.. of context. This
 * member's share: some heads of some sequences. */
void cappy_pass_attend(const struct cappy_pass *pass, const struct cappy_rows *queries,
                       bool is_last);

#endif
