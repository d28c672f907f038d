/* SPDX-License-Identifier: Apache-2.0 */
/* The forward pass over a pack of sequences. */
#ifndef CAPPY_MODEL_ENCODER_H
#define CAPPY_MODEL_ENCODER_H

#include "model/model.h"

/* One tokenized pair. */
struct cappy_sequence {
    const int32_t *ids;      /* [n], special tokens included */
    const int32_t *segments; /* [n] */
    size_t n;
    float *scores; /* [L], where the result goes */
};

/* The working memory of one pass: room for `capacity` tokens. */
struct cappy_workspace {
    size_t capacity;
    float *memory;  /* everything below lies in here */
    float *hidden;  /* [T, H] */
    float *sum;     /* [T, H], before a norm */
    float *qkv;     /* [T, 3H] */
    float *context; /* [T, H], output of attention */
    float *ffn;     /* [T, F] */
    float *queries; /* [S, H], of the first tokens, in the last layer */
    float *scratch; /* attention scratch, one part for each member of the team */
    size_t scratch_size;
    size_t hidden_stride; /* floats between rows of hidden, sum and context */
    size_t qkv_stride;
    size_t ffn_stride;
    size_t query_stride;
};

/* Room for passes of up to `capacity` tokens by a team of up to `team` threads. Safe to call again
 * to enlarge. */
cappy_status cappy_workspace_init(struct cappy_workspace *workspace,
                                  const struct cappy_model *model, size_t capacity, size_t team,
                                  cappy_error *error);
void cappy_workspace_free(struct cappy_workspace *workspace);

/* The threads that compute one pass together: each calls cappy_encode_pass with its own `index`.
 * With more than one, all are threads of one OpenMP parallel region, for the barriers. */
struct cappy_team {
    size_t index;
    size_t count;
};

/* Computes the scores of sequences[count], whose tokens together fit the workspace. */
void cappy_encode_pass(const struct cappy_model *model, struct cappy_workspace *workspace,
                       struct cappy_team team, const struct cappy_sequence *sequences,
                       size_t count);

#endif
