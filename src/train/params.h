/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a model as one flat array, and the table of what lies where. Private to train.
 *
 * Gradients and the optimiser's moments are arrays of the same layout. The weights of a layer's
 * query, key and value lie behind one another, as do their biases: one matrix [3H, H]. */
#ifndef CAPPY_TRAIN_PARAMS_H
#define CAPPY_TRAIN_PARAMS_H

#include "model/model.h"

struct cappy_param {
    enum cappy_module module;
    size_t layer;
    bool is_bias;
    bool decays; /* matrices and tables; biases and norms do not */
    size_t offset;
    size_t rows;
    size_t columns; /* 0: a vector */
};

struct cappy_params {
    const struct cappy_config *config;
    struct cappy_param *items; /* [n], by offset, without gaps */
    size_t n;
    size_t size;      /* numbers in all */
    size_t per_layer; /* items */
    size_t places[CAPPY_MODULE_COUNT]
                 [2]; /* item of the weight, the bias; in layers, of the first */
};

/* `config` must outlive the table. */
cappy_status cappy_params_init(const struct cappy_config *config, struct cappy_params *params,
                               cappy_error *error);
void cappy_params_free(struct cappy_params *params);

/* Where the weight or bias of a module begins. */
size_t cappy_params_at(const struct cappy_params *params, enum cappy_module module, size_t layer,
                       bool is_bias);

static inline size_t cappy_param_size(const struct cappy_param *param)
{
    return param->rows * (param->columns != 0 ? param->columns : 1);
}

/* Fills the part of values[size] that is `param`'s from a checkpoint. CAPPY_FORMAT where it lacks
 * the tensor. */
cappy_status cappy_param_load(const struct cappy_params *params, const struct cappy_param *param,
                              const struct cappy_weights *weights, float *values,
                              cappy_error *error);

/* Fills values[size] from a checkpoint. CAPPY_FORMAT where it lacks a tensor. */
cappy_status cappy_params_load(const struct cappy_params *params,
                               const struct cappy_weights *weights, float *values,
                               cappy_error *error);

/* Writes values[size] as the safetensors file `path`, under the names of Hugging Face's
 * checkpoints, in F32 or rounded to BF16. *checksum (may be NULL) receives that of the file. */
cappy_status cappy_params_save(const struct cappy_params *params, const float *values,
                               enum cappy_dtype dtype, const char *path, uint32_t *checksum,
                               cappy_error *error);

#endif
