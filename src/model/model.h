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

enum { CAPPY_DOWN_PART = 1024 };

/* One encoder layer. */
struct cappy_layer {
    struct cappy_matrix qkv;    /* [3H, H]: queries, keys, values */
    struct cappy_matrix output; /* [H, H] */
    struct cappy_norm_weights attention_norm;
    struct cappy_matrix up;    /* [F, H] */
    struct cappy_matrix *down; /* [H, F]; in INT8 of CAPPY_DOWN_PART inputs each, the last of what
                                  is left, so that a row's numbers share a scale with no more */
    size_t down_parts;
    struct cappy_norm_weights output_norm;
};

/* ---- Modules ---- */

/* The named parts of a model in its checkpoints: the one list of them, for reading, training and
 * writing. Those from QUERY to OUTPUT_NORM are in every layer. */
enum cappy_module {
    CAPPY_MODULE_WORDS,
    CAPPY_MODULE_POSITIONS,
    CAPPY_MODULE_SEGMENTS,
    CAPPY_MODULE_EMBEDDING_NORM,
    CAPPY_MODULE_QUERY,
    CAPPY_MODULE_KEY,
    CAPPY_MODULE_VALUE,
    CAPPY_MODULE_OUTPUT,
    CAPPY_MODULE_ATTENTION_NORM,
    CAPPY_MODULE_UP,
    CAPPY_MODULE_DOWN,
    CAPPY_MODULE_OUTPUT_NORM,
    CAPPY_MODULE_POOLER,
    CAPPY_MODULE_CLASSIFIER,
    CAPPY_MODULE_COUNT,
};

enum { CAPPY_MODULE_NAME = 256 };

/* Weight [rows, columns], or [rows] where columns is 0 (a norm); bias [rows] where it has one. */
struct cappy_module_shape {
    size_t rows;
    size_t columns;
    bool has_bias;
};

bool cappy_module_is_in_layer(enum cappy_module module);
struct cappy_module_shape cappy_module_shape(const struct cappy_config *config,
                                             enum cappy_module module);

/* The name of its tensors, without ".weight" or ".bias"; `layer` counts for modules in layers. */
void cappy_module_name(const struct cappy_config *config, enum cappy_module module, size_t layer,
                       char name[CAPPY_MODULE_NAME]);

/* Its weight, or its bias, in `weights`. CAPPY_FORMAT, naming the tensor, when it is missing or its
 * shape is not what config.json asks for. */
cappy_status cappy_module_find(const struct cappy_config *config,
                               const struct cappy_weights *weights, enum cappy_module module,
                               size_t layer, bool bias, const struct cappy_tensor **tensor,
                               cappy_error *error);

/* Whether `weights` has its weight, of whatever shape. */
bool cappy_module_is_there(const struct cappy_config *config, const struct cappy_weights *weights,
                           enum cappy_module module, size_t layer);

/* ---- Models ---- */

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

/* cappy_model_open without its last step: configuration, tokenizer, kernels and the mapped weights
 * are there and checked against each other, but nothing is packed, so that it can be trained and
 * tokenized with but not scored with. It may have no classification head (config.head). The caller
 * closes it with cappy_model_close. */
cappy_status cappy_model_open_unbound(const char *directory, struct cappy_model **model,
                                      cappy_error *error);

/* CAPPY_UNSUPPORTED where the model's tokenizer does not go with the mask. */
cappy_status cappy_model_check_mask(const struct cappy_model *model, enum cappy_mask mask,
                                    cappy_error *error);

/* How many threads to use: `wish`, or for 0 one for each processor that this process may run on.
 * CAPPY_ARGUMENT over 1024. */
cappy_status cappy_threads_choose(size_t wish, size_t *threads, cappy_error *error);

#endif
