/* SPDX-License-Identifier: Apache-2.0 */
/* What is minimised. Private to train. */
#ifndef CAPPY_TRAIN_LOSS_H
#define CAPPY_TRAIN_LOSS_H

#include "train/train.h"

/* The losses of a list of scores z[n] with the targets y[n] in [0, 1], each times `weight`; their
 * derivatives, likewise, in d[n]. Where cappy_loss_is_of_lists, the list is the answers to one
 * instruction, and counts as one; otherwise it may be any examples, and each counts. */
double cappy_loss(enum cappy_loss_kind kind, double temperature, const float *z, const float *y,
                  size_t n, double weight, float *d);

/* Whether the loss compares the answers to one instruction. */
bool cappy_loss_is_of_lists(enum cappy_loss_kind kind);

#endif
