/* SPDX-License-Identifier: Apache-2.0 */
/* What the forward and the backward pass share beside the stages. Private to train. */
#ifndef CAPPY_TRAIN_PASSES_H
#define CAPPY_TRAIN_PASSES_H

#include "train/stages.h"

/* Inside a parallel region: this thread, without a slot. */
struct cappy_work cappy_work_of(struct cappy_net *net, const struct cappy_example *examples,
                                bool train);

/* The part of n items that belongs to this thread of a team: [*first, *last). */
void cappy_work_share(size_t n, size_t *first, size_t *last);

/* The desk of the thread with that number. */
struct cappy_desk cappy_desk_of(const struct cappy_net *net, size_t index);

/* What the forward pass left in the layer's trace, where it has been overwritten since. */
void cappy_layer_recompute(const struct cappy_work *work, size_t layer);

/* Rows of a slot, which is cut before the sequence that would have more; of one whose sequences
 * share a prefix. Rows of the widest array of the former stay in L2. */
enum { CAPPY_SLOT_TOKENS = 256, CAPPY_SHARED_TOKENS = 1024 };

/* Cuts a pass into slots. */
void cappy_net_plan(struct cappy_net *net, const struct cappy_example *examples, size_t n);

/* The row of the position table for the next token of a sequence, `id`; *next begins at
 * cappy_position_first. RoBERTa counts only tokens other than padding. */
size_t cappy_position_next(const struct cappy_config *config, int32_t id, size_t *next);
size_t cappy_position_first(const struct cappy_config *config);

#endif
