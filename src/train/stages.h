/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that both passes are made of, on the rows of a slot, by one thread. Private to
 * train. */
#ifndef CAPPY_TRAIN_STAGES_H
#define CAPPY_TRAIN_STAGES_H

#include "train/linear.h"

/* The working memory of a thread. */
struct cappy_desk {
    struct cappy_array hidden;   /* [R, H] */
    struct cappy_array middle;   /* [R, H] */
    struct cappy_array firsts;   /* [R, H], of the tokens that the head reads */
    struct cappy_array d_sum;    /* [R, H] */
    struct cappy_rows projected; /* [R, H] */
    struct cappy_rows before;    /* [R, F], before the activation */
    struct cappy_rows d_dropped; /* [R, H] */
    struct cappy_rows d_context; /* [R, H] */
    struct cappy_rows d_qkv;     /* [R, 3H] */
    struct cappy_rows keys; /* [R, D] of one head of a sequence, as the three below: prefix mask
                                    only */
    struct cappy_rows values;
    struct cappy_rows d_keys;
    struct cappy_rows d_values;
    struct cappy_array sums; /* [R, D], then [R, D]: gradients of a prefix's keys and values */
    float *scratch;          /* of the kernels */
};

/* A thread at a slot. */
struct cappy_work {
    struct cappy_net *net;
    const struct cappy_example *examples; /* of the pass */
    bool train;
    struct cappy_desk desk;
    const struct cappy_slot *slot;
};

/* Which rows an array of a slot has: one for each token, or for the one of each sequence that the
 * head reads, which is the first without the prefix mask. */
enum cappy_extent { CAPPY_EACH_TOKEN, CAPPY_EACH_FIRST };

static inline size_t cappy_extent_rows(const struct cappy_work *work, enum cappy_extent extent)
{
    return extent == CAPPY_EACH_TOKEN ? work->slot->tokens : work->slot->n;
}

/* The first token of sequence `s` that has a row. */
static inline size_t cappy_first_own(const struct cappy_work *work, size_t s)
{
    return work->net->memory.leaders[s] == s ? 0 : work->examples[s].head;
}

/* The row of its token that the head reads. */
static inline size_t cappy_row_read(const struct cappy_work *work, size_t s)
{
    return work->net->memory.begins[s] + work->examples[s].head - cappy_first_own(work, s);
}

/* Where the slot begins in an array of the pass. */
static inline size_t cappy_extent_at(const struct cappy_work *work, enum cappy_extent extent)
{
    return extent == CAPPY_EACH_TOKEN ? work->slot->row : work->slot->first;
}

/* Which rows of the last layer, and of the others, go further than attention. */
static inline enum cappy_extent cappy_extent_of(const struct cappy_net *net, size_t layer)
{
    return layer + 1 == net->config->n_layers ? CAPPY_EACH_FIRST : CAPPY_EACH_TOKEN;
}

/* How dropout is told apart: by kind, layer and head. */
enum cappy_place {
    CAPPY_PLACE_EMBEDDING,
    CAPPY_PLACE_ATTENTION,
    CAPPY_PLACE_OUTPUT,
    CAPPY_PLACE_DOWN,
    CAPPY_PLACE_FEATURES,
    CAPPY_PLACE_POOLED,
    CAPPY_PLACE_PREFIX, /* attention of a prefix's tokens */
};

/* Which of a slot's sums for the gradient of a norm. */
enum cappy_norm_place {
    CAPPY_NORM_OUTPUT,
    CAPPY_NORM_ATTENTION,
    CAPPY_NORM_EMBEDDING,
    CAPPY_NORMS,
};

static inline float *cappy_array_row(struct cappy_array array, size_t row)
{
    return array.data + row * array.stride;
}

static inline struct cappy_array cappy_array_from(struct cappy_array array, size_t row)
{
    array.data = cappy_array_row(array, row);
    return array;
}

static inline struct cappy_rows cappy_rows_from(struct cappy_rows rows, size_t row)
{
    rows.data = (char *)rows.data + row * rows.stride;
    return rows;
}

static inline struct cappy_rows cappy_rows_of(struct cappy_array array)
{
    return (struct cappy_rows){.precision = CAPPY_PRECISION_FP32,
                               .data = array.data,
                               .stride = array.stride * sizeof(float)};
}

/* Rows in fp32: those of `rows` themselves where that is what they are, else `other`. */
static inline struct cappy_array cappy_wide_of(struct cappy_rows rows, struct cappy_array other)
{
    return rows.precision == CAPPY_PRECISION_FP32
               ? (struct cappy_array){rows.data, rows.stride / sizeof(float)}
               : other;
}

/* Zeros behind the `width` numbers of m rows, up to the next row, where rows must be filled up:
 * some columns on the right are then filled up too. */
void cappy_rows_fill(struct cappy_rows rows, size_t m, size_t width);

/* sum [m, H] = x, dropped from at `place`, + residual; its norm in wide and, in bf16, narrow, which
 * may have no data. */
void cappy_join(const struct cappy_work *work, enum cappy_module module, enum cappy_place place,
                size_t layer, enum cappy_extent extent, struct cappy_rows x,
                struct cappy_array residual, struct cappy_array sum, struct cappy_array wide,
                struct cappy_rows narrow);

/* Of cappy_join: dx by the sum from dy; in rows, unless that has no data, the gradient by x; what
 * belongs to weight and bias, for cappy_norm_collect. dx may be dy. */
void cappy_part(const struct cappy_work *work, enum cappy_module module, enum cappy_norm_place norm,
                enum cappy_place place, size_t layer, enum cappy_extent extent,
                struct cappy_array sum, struct cappy_array dy, struct cappy_array dx,
                struct cappy_rows rows);

/* Adds the gradients of a norm's weight and bias, of all slots. */
void cappy_norm_collect(struct cappy_net *net, enum cappy_module module, enum cappy_norm_place norm,
                        size_t layer);

/* The function of the model's feed-forward part. */
enum cappy_epilogue cappy_activation_of(const struct cappy_net *net);

/* What to drop at `place` of a sequence. */
struct cappy_dropout cappy_dropout_at(const struct cappy_example *example, enum cappy_place place,
                                      size_t layer, size_t head, uint32_t rate);

/* Drops from rows of H numbers, in place. */
void cappy_drop(const struct cappy_work *work, enum cappy_place place, size_t layer, uint32_t rate,
                enum cappy_extent extent, struct cappy_array x);

/* Attention of all heads of the layer, or its gradient, from desk.d_context to desk.d_qkv. With
 * CAPPY_EACH_FIRST, of the token of each sequence that the head reads alone: its queries are
 * memory.queries, and their gradient goes to desk.projected. */
void cappy_attention_forward(const struct cappy_work *work, size_t layer, enum cappy_extent extent);
void cappy_attention_backward(const struct cappy_work *work, size_t layer,
                              enum cappy_extent extent);

#endif
