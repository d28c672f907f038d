/* SPDX-License-Identifier: Apache-2.0 */
/* A team of processes that compute one run: what they agree on, and sums of what each has. In a
 * team of one everything here is as good as nothing. Private to train. */
#ifndef CAPPY_TRAIN_TEAM_H
#define CAPPY_TRAIN_TEAM_H

#include "train/train.h"

/* Whether all are well: CAPPY_OK where everyone's `status` is, else a failure for everyone. The
 * first that failed keeps its error; the message of all others is empty, so that one speaks. */
cappy_status cappy_team_agree(const struct cappy_team *team, cappy_status status,
                              cappy_error *error);

/* data[size] of process 0 becomes that of all. */
void cappy_team_share(const struct cappy_team *team, void *data, size_t size);

/* all[team->size] becomes everyone's number. */
void cappy_team_gather(const struct cappy_team *team, double mine, double *all);

/* Whether `flag` is set in any process. */
bool cappy_team_any(const struct cappy_team *team, bool flag);

/* An array that is summed up over the team. Each process adds up a part of it, in the order of the
 * processes, so that the sum does not depend on how many there are. A team of one has no room. */
struct cappy_sum {
    size_t size;
    float *values; /* [size] */
    float *room;   /* a block of everyone's */
    int *counts;   /* [4 * processes]: of struct cappy_parts, twice */
};

cappy_status cappy_sum_init(const struct cappy_team *team, size_t size, struct cappy_sum *sum,
                            cappy_error *error);
void cappy_sum_free(struct cappy_sum *sum);

/* Begins at 0. */
void cappy_sum_begin(struct cappy_sum *sum);

/* Adds array[size] of each of the first `n` processes, that of process 0 first. */
void cappy_sum_add(const struct cappy_team *team, struct cappy_sum *sum, const float *array,
                   size_t n);

/* values[size] is the whole sum from now on, for everyone. */
void cappy_sum_end(const struct cappy_team *team, struct cappy_sum *sum);

#endif
