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
                                uint32_t *checksum, cappy_error *error);

#endif
