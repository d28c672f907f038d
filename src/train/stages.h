/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that both passes are made of, done by all threads of a team together; each ends with a
 * barrier. Private to train. */
#ifndef CAPPY_TRAIN_STAGES_H
#define CAPPY_TRAIN_STAGES_H

#include "train/net.h"

/* Rows of one block, whose part of the gradient of a norm's weight is summed up by itself. */
enum { CAPPY_NORM_BLOCK = 32 };

/* What a member of the team knows. */
struct cappy_pass {
    struct cappy_net *net;
    const struct cappy_example *examples;
    size_t n;      /* examples */
    size_t tokens; /* T */
    bool train;
    size_t index; /* of the member */
    size_t count; /* of members */
};

/* A linear layer's place in the flat arrays: weight [n, k], bias [n]. */
struct cappy_linear {
    size_t weight;
    size_t bias;
    size_t n;
    size_t k;
};

/* The linear layer `module`; with `several` of them that lie together from it on, all of these. */
struct cappy_linear cappy_linear_at(const struct cappy_net *net, enum cappy_module module,
                                    size_t layer, size_t several);

/* How dropout is told apart: by kind, layer and head. */
enum cappy_place {
    CAPPY_PLACE_EMBEDDING,
    CAPPY_PLACE_ATTENTION,
    CAPPY_PLACE_OUTPUT,
    CAPPY_PLACE_DOWN,
    CAPPY_PLACE_FEATURES,
    CAPPY_PLACE_POOLED,
};

static inline float *cappy_array_row(struct cappy_array array, size_t row)
{
    return array.data + row * array.stride;
}

void cappy_pass_wait(const struct cappy_pass *pass);

/* The part of n items that belongs to this member: [*first, *last). */
void cappy_pass_share(const struct cappy_pass *pass, size_t n, size_t *first, size_t *last);

/* y [m, n] = x [m, k] W^T + b, + residual unless that has no data. */
void cappy_linear_apply(const struct cappy_pass *pass, const struct cappy_linear *linear,
                        cappy_precision precision, size_t m, struct cappy_array x,
                        struct cappy_array y, struct cappy_array residual);

/* The gradients of a linear layer with the input x [m, k] from dy [m, n]: of weight and bias, added
 * to the net's; of the input, dx [m, k] = dy W, + residual unless that has no data. dx may be
 * without data, and may be the residual. */
void cappy_linear_gradient(const struct cappy_pass *pass, const struct cappy_linear *linear,
                           cappy_precision precision, size_t m, struct cappy_array x,
                           struct cappy_array dy, struct cappy_array dx,
                           struct cappy_array residual);

/* y [m, H] = norm(x); dx from dy, and the gradients of weight and bias, added to the net's; dx may
 * be dy. */
void cappy_norm_forward(const struct cappy_pass *pass, enum cappy_module module, size_t layer,
                        size_t m, struct cappy_array x, struct cappy_array y);
void cappy_norm_backward(const struct cappy_pass *pass, enum cappy_module module, size_t layer,
                         size_t m, struct cappy_array x, struct cappy_array dy,
                         struct cappy_array dx);

/* y [m, F] = f(x), or with dy, y = dy f'(x). */
void cappy_pass_activate(const struct cappy_pass *pass, size_t m, struct cappy_array x,
                         struct cappy_array dy, struct cappy_array y);

/* sums[width] += the sum of the rows of x [m, width], made by itself; each column by its owner. */
void cappy_gradient_add(const struct cappy_pass *pass, size_t m, size_t width, struct cappy_array x,
                        float *sums);

/* to [m, H] = from. */
void cappy_array_copy(const struct cappy_pass *pass, size_t m, struct cappy_array from,
                      struct cappy_array to);

/* to [m, H] += from. */
void cappy_array_add(const struct cappy_pass *pass, size_t m, struct cappy_array from,
                     struct cappy_array to);

/* What to drop at `place` of a sequence. */
struct cappy_dropout cappy_dropout_at(const struct cappy_example *example, enum cappy_place place,
                                      size_t layer, size_t head, uint32_t rate);

/* Drops from x [T, H], or with first_only from rows [S, H] of the first tokens, in place. */
void cappy_array_drop(const struct cappy_pass *pass, enum cappy_place place, size_t layer,
                      uint32_t rate, bool first_only, struct cappy_array x);

/* Attention of all heads of the layer, or its gradient, from d_context to d_qkv. With first_only,
 * of the first token of each sequence alone: its queries are memory.queries, and their gradient
 * goes to the first rows of d_queries [S, H]. */
void cappy_attention_forward(const struct cappy_pass *pass, size_t layer, bool first_only);
void cappy_attention_backward(const struct cappy_pass *pass, size_t layer, bool first_only,
                              struct cappy_array d_queries);

#endif
