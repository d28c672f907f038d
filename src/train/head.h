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

/* What the dense layer between encoder and classifier begins as. OWN: what the model has, where
 * that is the pooler of a BERT that was trained. IDENTITY: for a BERT without one, or with one that
 * is as it was drawn, which its biases of 0 tell. DRAWN: for RoBERTa, whose classifier has a layer
 * of its own. */
enum cappy_pooler { CAPPY_POOLER_OWN, CAPPY_POOLER_IDENTITY, CAPPY_POOLER_DRAWN };

/* As cappy_params_load for such a model, with a new head by `seed`: weights drawn as transformers
 * draws them, from a normal distribution of the width that config.json gives, and biases of 0. */
cappy_status cappy_head_load(const struct cappy_params *params, const struct cappy_weights *weights,
                             uint64_t seed, float *values, enum cappy_pooler *pooler,
                             cappy_error *error);

#endif
