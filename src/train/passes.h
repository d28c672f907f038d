/* SPDX-License-Identifier: Apache-2.0 */
/* What the forward and the backward pass share beside the stages. Private to train. */
#ifndef CAPPY_TRAIN_PASSES_H
#define CAPPY_TRAIN_PASSES_H

#include "train/stages.h"

/* Inside a parallel region: what this member knows. */
struct cappy_pass cappy_pass_of(struct cappy_net *net, const struct cappy_example *examples,
                                size_t n, bool train);

/* The row of the position table for the next token of a sequence, `id`; *next begins at
 * cappy_position_first. RoBERTa counts only tokens other than padding. */
size_t cappy_position_next(const struct cappy_config *config, int32_t id, size_t *next);
size_t cappy_position_first(const struct cappy_config *config);

/* to [S, H] = the rows of the sequences' first tokens. */
void cappy_array_gather(const struct cappy_pass *pass, struct cappy_array from,
                        struct cappy_array to);

#endif
