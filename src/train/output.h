/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a Hugging Face model directory. Private to train. */
#ifndef CAPPY_TRAIN_OUTPUT_H
#define CAPPY_TRAIN_OUTPUT_H

#include "train/params.h"
#include "train/train.h"

/* Writes config.json and the files of the tokenizer, those of `base` with what training changed,
 * and last the weights. Each file is there whole or not at all. *checksum (may be NULL) receives
 * that of model.safetensors. */
cappy_status cappy_output_model(const char *directory, const char *base, enum cappy_loss_kind loss,
                                const struct cappy_params *params, const float *weights,
                                enum cappy_dtype dtype, uint32_t *checksum, cappy_error *error);

/* What tells whether two directories hold the same model but for its weights: digests of
 * config.json and of the files of the tokenizer. */
struct cappy_origin {
    uint64_t config;
    uint64_t tokenizer;
};
cappy_status cappy_origin_read(const char *base, struct cappy_origin *origin, cappy_error *error);

#endif
