/* SPDX-License-Identifier: Apache-2.0 */
/* A run of training: its parts, and one step. Private to train. */
#ifndef CAPPY_TRAIN_RUN_H
#define CAPPY_TRAIN_RUN_H

#include "train/check.h"
#include "train/checkpoint.h"
#include "train/dataset.h"
#include "train/lock.h"
#include "train/plan.h"
#include "train/team.h"

struct cappy_run {
    const struct cappy_train_job *job;
    struct cappy_team team;
    bool has_sum;         /* whether gradients are made in parts and summed up apart */
    struct cappy_sum sum; /* of the parts */
    double *losses;       /* [team.size] */
    char base[4096];      /* directory of the base model */
    struct cappy_origin origin;
    struct cappy_lock lock; /* on the directory of the result */
    struct cappy_model *model;
    struct cappy_params params;
    struct cappy_net net;
    struct cappy_optimiser optimiser;
    float *average; /* [params.size], of the weights; in the first process, where one is wanted */
    struct cappy_dataset dataset;
    struct cappy_plan plan;
    struct cappy_batch batch;
    struct cappy_check check;
    struct cappy_settings settings; /* as given; with the steps resolved in `resolved` */
    struct cappy_settings resolved;
    float *scores;   /* [score_capacity] of a pass */
    float *d_scores; /* [score_capacity] */
    size_t score_capacity;
    size_t pass_tokens;
    size_t position; /* in the plan's units */
    struct cappy_train_state state;
    size_t saved_step; /* of the last checkpoint */
};

/* Opens everything that the job names. */
cappy_status cappy_run_open(const struct cappy_train_job *job, struct cappy_run *run,
                            cappy_error *error);
void cappy_run_close(struct cappy_run *run);

/* One update of the weights, by the next batch. CAPPY_FORMAT, naming the step and rows, when the
 * loss or the gradient is no number or far too large; the weights are then what they were. */
cappy_status cappy_run_step(struct cappy_run *run, cappy_error *error);

/* CAPPY_FORMAT, with a sentence about the step that went astray: its loss and gradient, rows of its
 * batch, and where to go on. */
cappy_status cappy_run_refuse(const struct cappy_run *run, cappy_error *error);

#endif
