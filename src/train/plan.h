/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows make a batch, and how a batch is cut into passes. Private to train. */
#ifndef CAPPY_TRAIN_PLAN_H
#define CAPPY_TRAIN_PLAN_H

#include "train/dataset.h"

/* A batch: `n` rows in units that stay together, a row each or an instruction's rows each. */
struct cappy_plan {
    const struct cappy_dataset *dataset;
    uint64_t seed;
    size_t batch_size; /* examples */
    size_t end;        /* units that there are to be taken; SIZE_MAX: any number, epoch by epoch */

    size_t *rows;  /* [n] */
    size_t *units; /* [n_units + 1], first of rows[] of each */
    size_t n;
    size_t n_units;
    size_t row_capacity;
    size_t unit_capacity;
};

/* Plans the batch that begins at unit *position of the run, and moves *position behind it. The
 * batch is empty at the end. CAPPY_NO_MEMORY. */
cappy_status cappy_plan_next(struct cappy_plan *plan, size_t *position, cappy_error *error);
void cappy_plan_free(struct cappy_plan *plan);

/* Batches of a run of plan->end units. */
cappy_status cappy_plan_count(struct cappy_plan *plan, size_t *batches, cappy_error *error);

/* Units of the dataset. */
size_t cappy_plan_units(const struct cappy_dataset *dataset);

#endif
