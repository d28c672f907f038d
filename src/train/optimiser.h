/* SPDX-License-Identifier: Apache-2.0 */
/* AdamW over the flat arrays, and the learning rate. Private to train. */
#ifndef CAPPY_TRAIN_OPTIMISER_H
#define CAPPY_TRAIN_OPTIMISER_H

#include "train/params.h"
#include "train/train.h"

struct cappy_optimiser {
    const struct cappy_params *params;
    const struct cappy_kernels *kernels;
    size_t threads;
    float *means;   /* [size], of the gradients */
    float *squares; /* [size], of theirs */
    double *parts;  /* sums of squares of the chunks */
};

cappy_status cappy_optimiser_init(const struct cappy_params *params,
                                  const struct cappy_kernels *kernels, size_t threads,
                                  struct cappy_optimiser *optimiser, cappy_error *error);
void cappy_optimiser_free(struct cappy_optimiser *optimiser);

/* The length of the gradient. */
double cappy_optimiser_norm(struct cappy_optimiser *optimiser, const float *gradients);

/* Step number `step`, counted from 0, by gradients of length `norm`, clipped to settings->clip. */
void cappy_optimiser_step(struct cappy_optimiser *optimiser, const struct cappy_settings *settings,
                          size_t step, double norm, const float *gradients, float *weights);

/* The learning rate of step number `step`, counted from 0, of settings->steps. */
double cappy_settings_rate(const struct cappy_settings *settings, size_t step);

#endif
