/* SPDX-License-Identifier: Apache-2.0 */
#include "train/check.h"

#include <math.h>
#include <string.h>

/* Rows read back at a time, at most. */
enum { SOME_ROWS = 256 };

bool cappy_check_is_wanted(const struct cappy_check *check)
{
    return check->dataset.n > 0;
}

cappy_status cappy_check_open(const struct cappy_train_job *job, const struct cappy_model *model,
                              size_t max_length, struct cappy_check *check, cappy_error *error)
{
    *check = (struct cappy_check){.dataset = {.descriptor = -1}};
    if (job->n_check_files == 0) {
        return CAPPY_OK;
    }
    struct cappy_train_job reading = *job;
    reading.files = job->check_files;
    reading.n_files = job->n_check_files;
    reading.reading = NULL; /* they are few */
    CAPPY_TRY(
        cappy_dataset_open(&reading, model, max_length, CAPPY_GROUP_NONE, &check->dataset, error));
    check->dataset.files = job->check_files;
    check->scores = cappy_alloc(check->dataset.n, sizeof *check->scores);
    return check->scores != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

void cappy_check_close(struct cappy_check *check)
{
    cappy_dataset_close(&check->dataset);
    cappy_batch_free(&check->batch);
    cappy_free(check->scores);
    cappy_free(check->best);
    *check = (struct cappy_check){.dataset = {.descriptor = -1}};
}

/* The number of rows from `first` on that make a pass. */
static size_t count_rows(const struct cappy_dataset *dataset, size_t first, size_t pass_tokens)
{
    size_t tokens = 0;
    size_t n = 0;
    while (n < SOME_ROWS && first + n < dataset->n) {
        tokens += dataset->rows[first + n].n;
        if (n > 0 && tokens > pass_tokens) {
            break;
        }
        n++;
    }
    return n;
}

static cappy_status score_rows(struct cappy_check *check, struct cappy_net *net, size_t pass_tokens,
                               cappy_error *error)
{
    size_t rows[SOME_ROWS];
    for (size_t first = 0; first < check->dataset.n;) {
        const size_t n = count_rows(&check->dataset, first, pass_tokens);
        for (size_t i = 0; i < n; i++) {
            rows[i] = first + i;
        }
        CAPPY_TRY(cappy_batch_read(&check->dataset, rows, n, &check->batch, error));
        const size_t room = check->batch.tokens > pass_tokens ? check->batch.tokens : pass_tokens;
        CAPPY_TRY(cappy_net_reserve(net, room, n, error));
        cappy_net_forward(net, check->batch.examples, n, false, check->scores + first);
        first += n;
    }
    return CAPPY_OK;
}

static cappy_status keep_best(struct cappy_check *check, const struct cappy_net *net, size_t step,
                              double value, cappy_error *error)
{
    const size_t size = net->params->size;
    if (check->best == NULL) {
        check->best = cappy_alloc_aligned(size, sizeof *check->best);
        if (check->best == NULL) {
            return cappy_error_no_memory(error);
        }
    }
    memcpy(check->best, net->weights, size * sizeof *check->best);
    check->value = value;
    check->step = step;
    check->since = 0;
    return CAPPY_OK;
}

cappy_status cappy_check_now(struct cappy_check *check, const struct cappy_train_job *job,
                             struct cappy_net *net, size_t pass_tokens, size_t step, double *value,
                             cappy_error *error)
{
    CAPPY_TRY(score_rows(check, net, pass_tokens, error));
    CAPPY_TRY(job->check(job->context, step, check->scores, check->dataset.n, value, error));
    /* Of equal ones the later, which the falling rate has settled more. */
    if (check->best == NULL || *value >= check->value) {
        return keep_best(check, net, step, *value, error);
    }
    check->since++;
    return CAPPY_OK;
}
