/* SPDX-License-Identifier: Apache-2.0 */
/* The face of model: an encoder with a classification head, bound to its weights and ready to
 * compute.
 *
 * Legend: T packed tokens of one pass, H hidden, F feed-forward, L labels, S sequences. */
#ifndef CAPPY_MODEL_H
#define CAPPY_MODEL_H

#include "base/base.h"
#include "kernel/kernel.h"
#include "token/token.h"
#include "weights/weights.h"

/* Tokens of the shortest limit that leaves room for text beside the special tokens. */
enum { CAPPY_MIN_LENGTH = 8 };

/* Weight and bias of a layer normalisation. */
struct cappy_norm_weights {
    float *weight; /* [H] */
    float *bias;   /* [H] */
};

/* One encoder layer. */
struct cappy_layer {
    struct cappy_matrix qkv;    /* [3H, H]: queries, keys, values */
    struct cappy_matrix output; /* [H, H] */
    struct cappy_norm_weights attention_norm;
    struct cappy_matrix up;   /* [F, H] */
    struct cappy_matrix down; /* [H, F] */
    struct cappy_norm_weights output_norm;
};

struct cappy_model {
    struct cappy_config config;
    struct cappy_tokenizer *tokenizer;
    struct cappy_weights *weights;
    const struct cappy_kernels *kernels;
    const char *kernels_reason;
    cappy_precision precision;
    size_t max_length; /* tokens of a pair, special ones included */

    const struct cappy_tensor *word_embeddings; /* [vocabulary, H], read row by row from the file */
    float *position_embeddings;                 /* [positions, H] */
    float *segment_embeddings;                  /* [segments, H] */
    struct cappy_norm_weights embedding_norm;
    struct cappy_layer *layers;
    struct cappy_matrix pooler;     /* [H, H], followed by tanh */
    struct cappy_matrix classifier; /* [L, H] */
};

#endif
