/* SPDX-License-Identifier: Apache-2.0 */
/* A classification head for an encoder that has none. Private to train. */
#ifndef CAPPY_TRAIN_HEAD_H
#define CAPPY_TRAIN_HEAD_H

#include "train/params.h"

/* Whether the base model is an encoder without the head of a sequence classifier. One that
 * config.json promises and the weights lack is for cappy_params_load to refuse. */
bool cappy_head_is_missing(const struct cappy_model *model);

/* CAPPY_UNSUPPORTED for a model, called `name`, whose head gives several numbers for a pair. */
cappy_status cappy_head_check(const struct cappy_model *model, const char *name,
                              cappy_error *error);

/* As cappy_params_load for such a model, with a new head by `seed`: weights drawn as transformers
 * draws them, from a normal distribution of the width that config.json gives, and biases of 0. The
 * pooler is the model's own where it is that of a classifier too; *new_pooler tells. */
cappy_status cappy_head_load(const struct cappy_params *params, const struct cappy_weights *weights,
                             uint64_t seed, float *values, bool *new_pooler, cappy_error *error);

#endif
