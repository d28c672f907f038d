/* SPDX-License-Identifier: Apache-2.0 */
/* Means over cases, with intervals from resampling the cases (Efron's bootstrap, percentiles). */
#include <stdlib.h>
#include <string.h>

#include "eval/eval.h"

enum { RESAMPLINGS = 2000 };

const struct cappy_contrast cappy_contrasts[CAPPY_CONTRASTS] = {
    {CAPPY_PICK_SCORER, CAPPY_PICK_RANDOM},    {CAPPY_PICK_SCORER, CAPPY_PICK_BASE},
    {CAPPY_PICK_SCORER, CAPPY_PICK_CONSENSUS}, {CAPPY_PICK_MIX, CAPPY_PICK_CONSENSUS},
    {CAPPY_PICK_SCORER, CAPPY_PICK_MAJORITY},
};

/* What each way to choose is worth in each case: worths[n][CAPPY_PICKS]. */
struct worths {
    double (*data)[CAPPY_PICKS];
    size_t n;
    bool applies[CAPPY_PICKS];
};

static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The middle 95 of 100 of means[RESAMPLINGS], which are sorted. */
static void set_interval(double *means, struct cappy_figure *figure)
{
    qsort(means, RESAMPLINGS, sizeof *means, compare_numbers);
    figure->low = means[RESAMPLINGS / 40];
    figure->high = means[RESAMPLINGS - 1 - RESAMPLINGS / 40];
}

static void set_means(const struct worths *worths, struct cappy_figures *figures)
{
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        struct cappy_figure *figure = &figures->picks[pick];
        figure->is_given = worths->applies[pick];
        for (size_t i = 0; i < worths->n; i++) {
            figure->mean += worths->data[i][pick] / (double)worths->n;
        }
    }
    for (size_t c = 0; c < CAPPY_CONTRASTS; c++) {
        const struct cappy_figure *more = &figures->picks[cappy_contrasts[c].more];
        const struct cappy_figure *less = &figures->picks[cappy_contrasts[c].less];
        figures->contrasts[c].is_given = more->is_given && less->is_given;
        figures->contrasts[c].mean = more->mean - less->mean;
    }
}

/* Resamples the cases; all figures see the same ones, so that differences are those of the same
 * cases. */
static cappy_status set_intervals(const struct worths *worths, uint64_t seed,
                                  struct cappy_figures *figures, cappy_error *error)
{
    double(*means)[RESAMPLINGS] = cappy_alloc(CAPPY_PICKS + CAPPY_CONTRASTS, sizeof *means);
    if (means == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t r = 0; r < RESAMPLINGS; r++) {
        struct cappy_random random = cappy_random_begin(seed, r);
        double sums[CAPPY_PICKS] = {0};
        for (size_t i = 0; i < worths->n; i++) {
            const double *row = worths->data[cappy_random_below(&random, worths->n)];
            for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
                sums[pick] += row[pick];
            }
        }
        for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
            means[pick][r] = sums[pick] / (double)worths->n;
        }
        for (size_t c = 0; c < CAPPY_CONTRASTS; c++) {
            means[CAPPY_PICKS + c][r] =
                means[cappy_contrasts[c].more][r] - means[cappy_contrasts[c].less][r];
        }
    }
    /* The contrasts first: sorting the means would part them. */
    for (size_t c = 0; c < CAPPY_CONTRASTS; c++) {
        set_interval(means[CAPPY_PICKS + c], &figures->contrasts[c]);
    }
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        set_interval(means[pick], &figures->picks[pick]);
    }
    cappy_free(means);
    return CAPPY_OK;
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

static struct cappy_task_figures *find_task(struct cappy_figures *figures, cappy_text task)
{
    for (size_t i = 0; i < figures->n_tasks; i++) {
        struct cappy_task_figures *found = &figures->tasks[i];
        if (found->task.size == task.size && memcmp(found->task.data, task.data, task.size) == 0) {
            return found;
        }
    }
    return NULL;
}

static cappy_status add_to_task(const struct cappy_case *item, const double *worths,
                                struct cappy_figures *figures, cappy_error *error)
{
    struct cappy_task_figures *task = find_task(figures, item->question.task);
    if (task == NULL) {
        struct cappy_task_figures *tasks =
            cappy_realloc(figures->tasks, figures->n_tasks + 1, sizeof *tasks);
        if (tasks == NULL) {
            return cappy_error_no_memory(error);
        }
        figures->tasks = tasks;
        task = &tasks[figures->n_tasks++];
        *task = (struct cappy_task_figures){.task = item->question.task};
    }
    task->n++;
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        task->means[pick] += (worths[pick] - task->means[pick]) / (double)task->n;
    }
    return CAPPY_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static cappy_status collect(const struct cappy_suite *suite, const struct cappy_majority *majority,
                            struct worths *worths, struct cappy_figures *figures,
                            cappy_error *error)
{
    for (size_t i = 0; i < suite->n_used; i++) {
        const struct cappy_case *item = &suite->cases[i];
        if (item->question.is_closed != figures->is_closed) {
            continue;
        }
        double *row = worths->data[worths->n++];
        for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
            worths->applies[pick] = cappy_pick_applies(item, (enum cappy_pick)pick);
            row[pick] =
                worths->applies[pick] ? cappy_pick_worth(item, (enum cappy_pick)pick, majority) : 0;
        }
        figures->n_responses += item->question.n;
        CAPPY_TRY(add_to_task(item, row, figures, error));
    }
    figures->n = worths->n;
    return CAPPY_OK;
}

cappy_status cappy_figures_make(const struct cappy_suite *suite, bool is_closed,
                                const struct cappy_majority *majority, uint64_t seed,
                                struct cappy_figures *figures, cappy_error *error)
{
    *figures = (struct cappy_figures){.is_closed = is_closed};
    struct worths worths = {.data = cappy_alloc(suite->n_used, sizeof *worths.data)};
    if (worths.data == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = collect(suite, majority, &worths, figures, error);
    if (status == CAPPY_OK && worths.n > 0) {
        set_means(&worths, figures);
        status = set_intervals(&worths, seed, figures, error);
    }
    cappy_free(worths.data);
    if (status != CAPPY_OK) {
        cappy_figures_free(figures);
    }
    return status;
}

void cappy_figures_free(struct cappy_figures *figures)
{
    cappy_free(figures->tasks);
    *figures = (struct cappy_figures){0};
}
