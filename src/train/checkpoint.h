/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: `checkpoint-N` in the directory of the result, a model directory with the state of
 * the optimiser and of the run beside it. Made under another name, synced, renamed: whenever it is
 * interrupted, what has that name is whole. Private to train. */
#ifndef CAPPY_TRAIN_CHECKPOINT_H
#define CAPPY_TRAIN_CHECKPOINT_H

#include "train/check.h"
#include "train/optimiser.h"
#include "train/output.h"

/* What a checkpoint is made of, and what reading one fills. */
struct cappy_checkpoint {
    const struct cappy_train_job *job;
    const char *base; /* model directory that config.json and the tokenizer are from */
    struct cappy_settings settings; /* resolved */
    const struct cappy_params *params;
    float *weights; /* [size] */
    float *average; /* [size]; NULL where none is wanted */
    struct cappy_optimiser *optimiser;
    struct cappy_check *check;  /* whose best weights are kept too */
    struct cappy_origin origin; /* of `base` */
    uint64_t fingerprint;       /* of the rows, those of the check too */
    uint64_t rows;
    size_t step;     /* done */
    size_t position; /* in the data, after that step */
};

/* Writes one and then removes those before it. */
cappy_status cappy_checkpoint_write(const struct cappy_checkpoint *checkpoint, cappy_error *error);

/* Finds the newest whole one and reads it into what *checkpoint points to, and its step and
 * position; *found tells whether there is one. An error when it belongs to a run with other
 * settings, rows, or another base model. A damaged one is noted, and the one before it taken. */
cappy_status cappy_checkpoint_read(struct cappy_checkpoint *checkpoint, bool *found,
                                   cappy_error *error);

/* Removes the checkpoints of a directory, whole or not. */
void cappy_checkpoint_clear(const char *directory);

/* Writes the finished model and a record of the run, then removes the checkpoints. */
cappy_status cappy_checkpoint_finish(const struct cappy_checkpoint *checkpoint, cappy_error *error);

/* Whether the directory holds the finished model of this very run. CAPPY_ARGUMENT when it holds
 * that of another. */
cappy_status cappy_checkpoint_is_finished(const struct cappy_checkpoint *checkpoint, bool *finished,
                                          cappy_error *error);

#endif
