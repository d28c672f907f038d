/* SPDX-License-Identifier: Apache-2.0 */
/* Linear layers: their products, and the gradients of their weights. Private to train. */
#ifndef CAPPY_TRAIN_LINEAR_H
#define CAPPY_TRAIN_LINEAR_H

#include "train/net.h"

/* The linear layers of one layer, and those of the head. */
enum cappy_linear_name {
    CAPPY_LINEAR_QKV,   /* of the last layer, keys and values alone */
    CAPPY_LINEAR_QUERY, /* of the last layer alone */
    CAPPY_LINEAR_OUTPUT,
    CAPPY_LINEAR_UP,
    CAPPY_LINEAR_DOWN,
    CAPPY_LINEARS_IN_LAYER,
    CAPPY_LINEAR_POOLER = CAPPY_LINEARS_IN_LAYER,
    CAPPY_LINEAR_CLASSIFIER,
    CAPPY_LINEARS,
};

struct cappy_linear {
    enum cappy_linear_name name;
    size_t layer;
    bool is_whole;             /* it has a row for each token; else for each sequence */
    cappy_precision precision; /* of its products: the head's is always FP32, as in scoring */
    size_t weight;             /* [n, k], in the flat arrays */
    size_t bias;               /* [n] */
    size_t n;
    size_t k;
    const struct cappy_matrix *packed[2]; /* for output and for gradient; NULL: not packed ahead */
};

/* Bytes of a number of an operand. */
static inline size_t cappy_number_size(cappy_precision precision)
{
    return precision == CAPPY_PRECISION_BF16 ? sizeof(uint16_t) : sizeof(float);
}

/* Columns [first, ...) of rows; where they lie in blocks, it is a block's first. */
struct cappy_rows cappy_rows_right(struct cappy_rows rows, size_t first);

/* False: the layer has no such one. */
bool cappy_linear_at(const struct cappy_net *net, size_t layer, enum cappy_linear_name name,
                     struct cappy_linear *linear);

/* Bytes that a thread needs for one product of m rows, or for adding up a gradient. */
size_t cappy_linear_desk(const struct cappy_net *net, size_t m);

/* Memory for the packed matrices, unless it is there; filling them. */
cappy_status cappy_packed_reserve(struct cappy_net *net, cappy_error *error);
void cappy_packed_fill(struct cappy_net *net);

/* y [m, n] = x [m, k] W^T + b, of the outputs in panels [first, last). */
void cappy_linear_apply(const struct cappy_net *net, const struct cappy_linear *linear, float *desk,
                        size_t m, struct cappy_rows x, struct cappy_rows y, size_t first_panel,
                        size_t last_panel);
size_t cappy_linear_panels(const struct cappy_net *net, size_t outputs);

/* dx [m, k] = dy [m, n] W, + residual [m, k] unless that has no data. */
void cappy_linear_undo(const struct cappy_net *net, const struct cappy_linear *linear, float *desk,
                       size_t m, struct cappy_rows dy, struct cappy_rows dx,
                       struct cappy_array residual);

/* ---- The gradient of weights ---- */

/* dW = dy^T x is a product whose inner dimension are the places of a pass: its tokens, or those
 * that begin its sequences, slot by slot, each filled up to a multiple of CAPPY_BLOCK. */
static inline size_t cappy_places(size_t n)
{
    return (n + CAPPY_BLOCK - 1) / CAPPY_BLOCK * CAPPY_BLOCK;
}

/* Bytes that the operands of the linear layers of any one layer, or of the head, take in a pass of
 * so many places of tokens and of first ones. */
size_t cappy_operands_size(const struct cappy_net *net, size_t places, size_t first_places);

/* Bytes that a thread needs for adding up. */
size_t cappy_linear_gradient_desk(const struct cappy_net *net);

/* Keeps a slot's part of the operands: its input x [m, k] and dy [m, n]. */
void cappy_linear_keep(const struct cappy_net *net, const struct cappy_slot *slot,
                       const struct cappy_linear *linear, size_t m, struct cappy_rows x,
                       struct cappy_rows dy);

/* By all threads of a team together: adds to the gradients of the linear layers [first, last) of a
 * layer what all slots kept. */
void cappy_linear_collect(struct cappy_net *net, size_t layer, enum cappy_linear_name first,
                          enum cappy_linear_name last, float *desk);

#endif
