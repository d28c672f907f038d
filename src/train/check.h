/* SPDX-License-Identifier: Apache-2.0 */
/* Checks by the way: rows that are not trained on are scored with the weights of the moment, and
 * the best weights are kept. Private to train. */
#ifndef CAPPY_TRAIN_CHECK_H
#define CAPPY_TRAIN_CHECK_H

#include "train/dataset.h"
#include "train/params.h"

struct cappy_check {
    struct cappy_dataset dataset; /* of the rows */
    struct cappy_batch batch;
    float *scores; /* [rows] */
    float *best;   /* [size], the best weights so far; NULL before the first check */
    double value;  /* of the best */
    size_t step;   /* which they are from */
    size_t since;  /* checks that were no better, in a row */
};

/* Reads the rows of job->check_files; *check is left empty where there are none. */
cappy_status cappy_check_open(const struct cappy_train_job *job, const struct cappy_model *model,
                              size_t max_length, struct cappy_check *check, cappy_error *error);
void cappy_check_close(struct cappy_check *check);

/* Whether rows are checked at all. */
bool cappy_check_is_wanted(const struct cappy_check *check);

/* Scores the rows with net->weights, which must not train meanwhile, asks job->check what that is
 * worth, and keeps the weights where it is more than ever before. */
cappy_status cappy_check_now(struct cappy_check *check, const struct cappy_train_job *job,
                             struct cappy_net *net, size_t pass_tokens, size_t step, double *value,
                             cappy_error *error);

#endif
