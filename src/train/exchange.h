/* SPDX-License-Identifier: Apache-2.0 */
/* What processes that train together tell each other: by MPI (exchange_mpi.c), or not at all in a
 * build without it (exchange_none.c). All processes call these together, in the same order. A
 * failure of the network ends them all. Private to train. */
#ifndef CAPPY_TRAIN_EXCHANGE_H
#define CAPPY_TRAIN_EXCHANGE_H

#include "train/train.h"

/* data[size] of process 0 becomes that of all. */
void cappy_exchange_share(void *data, size_t size);

/* The smallest number that any has. */
uint32_t cappy_exchange_least(uint32_t mine);

/* all[processes] becomes what each has. */
void cappy_exchange_gather(double mine, double *all);

/* Numbers [places[q], places[q] + counts[q]) of an array are process q's part of it. */
struct cappy_parts {
    int *counts; /* [processes] */
    int *places; /* [processes] */
};

/* room[processes * own] becomes the part of this process, `own` numbers, of everyone's array;
 * `received` says where in it whose part goes. */
void cappy_exchange_parts(const float *array, const struct cappy_parts *parts,
                          const struct cappy_parts *received, float *room);

/* Everyone's own part of the array becomes that of all. */
void cappy_exchange_spread(float *array, const struct cappy_parts *parts);

#endif
