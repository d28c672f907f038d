/* SPDX-License-Identifier: Apache-2.0 */
/* What the cases of a suite come to, together and task by task. */
#include <math.h>
#include <string.h>

#include "eval/curves.h"
#include "eval/resample.h"
#include "eval/scope.h"

/* Where figures of several tasks are added up. */
struct totals {
    double (*drawn)[CAPPY_RESAMPLINGS]; /* [CAPPY_PICKS] */
    double share;                       /* of one task */
};

/* ---- One scope ------------------------------------------------------------------------------- */

/* Room for it. */
struct room {
    size_t *clusters; /* [n cases] */
    struct cappy_cluster *sums;
    double *source;
    bool *is_averaged; /* [n clusters] */
    double *averages;
};

static cappy_status make_room(size_t n, struct room *room, cappy_error *error)
{
    *room = (struct room){.clusters = cappy_alloc(n, sizeof *room->clusters),
                          .sums = cappy_alloc(n, sizeof *room->sums),
                          .source = cappy_alloc(n, sizeof *room->source),
                          .is_averaged = cappy_alloc(n, sizeof *room->is_averaged),
                          .averages = cappy_alloc(n, sizeof *room->averages)};
    return room->clusters != NULL && room->sums != NULL && room->source != NULL &&
                   room->is_averaged != NULL && room->averages != NULL
               ? CAPPY_OK
               : cappy_error_no_memory(error);
}

static void free_room(struct room *room)
{
    cappy_free(room->clusters);
    cappy_free(room->sums);
    cappy_free(room->source);
    cappy_free(room->is_averaged);
    cappy_free(room->averages);
}

static void add(struct cappy_cluster *cluster, size_t column, double value)
{
    cluster->sums[column] += value;
    cluster->counts[column]++;
}

static void add_case(const struct cappy_case *item, struct cappy_cluster *cluster)
{
    const struct cappy_question *question = &item->question;
    double value;
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        if (cappy_pick_applies(item, (enum cappy_pick)pick)) {
            add(cluster, pick, cappy_pick_worth(item, (enum cappy_pick)pick));
        }
    }
    const float *scores = item->scores[CAPPY_VIEW_SCORER];
    if (scores == NULL || question->is_closed) {
        return;
    }
    if (cappy_rank_correlate(question->qualities, scores, question->n, &value)) {
        add(cluster, CAPPY_PICKS + CAPPY_MEASURE_RANK, value);
    }
    if (cappy_pairs_count(question->qualities, scores, question->n, &value)) {
        add(cluster, CAPPY_PICKS + CAPPY_MEASURE_PAIRS, value);
    }
}

/* Consensus of two is none. */
static bool has_many(const struct cappy_scope *scope)
{
    for (size_t i = 0; i < scope->n; i++) {
        if (!scope->cases[i]->question.is_closed && scope->cases[i]->question.n > 2) {
            return true;
        }
    }
    return false;
}

static void find_given(const struct cappy_scope *scope, const struct cappy_cluster *sums, size_t n,
                       bool *given)
{
    memset(given, 0, CAPPY_COLUMNS * sizeof *given);
    for (size_t i = 0; i < n; i++) {
        for (size_t column = 0; column < CAPPY_COLUMNS; column++) {
            given[column] |= sums[i].counts[column] > 0;
        }
    }
    const bool has_choice = has_many(scope);
    given[CAPPY_PICK_CONSENSUS] &= has_choice;
    given[CAPPY_PICK_VOTE] &= has_choice;
    given[CAPPY_PICK_MIX] &= has_choice;
}

static cappy_status sum_up(const struct cappy_scope *scope, struct room *room,
                           struct cappy_figures *figures, cappy_error *error)
{
    CAPPY_TRY(cappy_scope_cluster(scope, room->clusters, &figures->n_examples, error));
    CAPPY_TRY(cappy_scope_source(scope, &figures->source, room->source, error));
    CAPPY_TRY(cappy_scope_average(scope, room->clusters, figures->n_examples, room->is_averaged,
                                  room->averages, error));
    for (size_t i = 0; i < scope->n; i++) {
        struct cappy_cluster *cluster = &room->sums[room->clusters[i]];
        add_case(scope->cases[i], cluster);
        if (figures->source.size > 0) {
            add(cluster, CAPPY_PICK_SOURCE, room->source[i]);
        }
    }
    for (size_t i = 0; i < figures->n_examples; i++) {
        if (room->is_averaged[i]) {
            add(&room->sums[i], CAPPY_PICKS + CAPPY_MEASURE_AVERAGED, room->averages[i]);
        }
    }
    return CAPPY_OK;
}

/* The mean distance of a mean score and the mean quality that goes with it, where a score should be
 * a quality. */
static cappy_status find_calibration(const struct cappy_scope *scope, struct cappy_figure *figure,
                                     cappy_error *error)
{
    struct cappy_calibration made;
    double low;
    double high;
    cappy_scope_measure(scope, &low, &high);
    if (low < 0 || high > 1 || scope->cases[0]->scores[CAPPY_VIEW_SCORER] == NULL) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_calibration_make(scope, CAPPY_VIEW_SCORER, &made, error));
    for (size_t i = 0; i < made.n; i++) {
        figure->mean += fabs(made.scores[i] - made.qualities[i]) / (double)made.n;
    }
    figure->is_given = true;
    return CAPPY_OK;
}

static cappy_status measure(const struct cappy_scope *scope, uint64_t seed,
                            const struct totals *totals, struct cappy_figures *figures,
                            cappy_error *error)
{
    struct room room;
    bool given[CAPPY_COLUMNS];
    figures->n = scope->n;
    figures->n_responses = cappy_scope_count(scope);
    cappy_status status = make_room(scope->n, &room, error);
    if (status == CAPPY_OK) {
        status = sum_up(scope, &room, figures, error);
    }
    if (status == CAPPY_OK) {
        find_given(scope, room.sums, figures->n_examples, given);
        status = cappy_resample(room.sums, figures->n_examples, given, seed, figures,
                                totals != NULL ? totals->drawn : NULL,
                                totals != NULL ? totals->share : 0, error);
    }
    free_room(&room);
    return status == CAPPY_OK ? find_calibration(scope, &figures->calibration, error) : status;
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

static cappy_status add_task(struct cappy_figures *figures, cappy_text task, cappy_error *error)
{
    for (size_t i = 0; i < figures->n_tasks; i++) {
        if (cappy_is_same_text(figures->tasks[i].task, task)) {
            return CAPPY_OK;
        }
    }
    struct cappy_figures *tasks =
        cappy_realloc(figures->tasks, figures->n_tasks + 1, sizeof *tasks);
    if (tasks == NULL) {
        return cappy_error_no_memory(error);
    }
    figures->tasks = tasks;
    tasks[figures->n_tasks++] =
        (struct cappy_figures){.is_closed = figures->is_closed, .task = task};
    return CAPPY_OK;
}

static cappy_status measure_task(const struct cappy_scope *whole, uint64_t seed,
                                 const struct totals *totals, struct cappy_figures *figures,
                                 cappy_error *error)
{
    struct cappy_scope scope;
    cappy_status status = cappy_scope_narrow(whole, figures->task, &scope, error);
    if (status == CAPPY_OK) {
        status = measure(&scope, seed, totals, figures, error);
    }
    if (status == CAPPY_OK && figures->is_closed) {
        status = cappy_scope_templates(&scope, &figures->templates, error);
    }
    cappy_scope_free(&scope);
    return status;
}

static void set_means(struct totals *totals, struct cappy_figures *figures)
{
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        struct cappy_figure *mean = &figures->means[pick];
        mean->is_given = true;
        for (size_t i = 0; i < figures->n_tasks; i++) {
            const struct cappy_figure *figure = &figures->tasks[i].picks[pick];
            mean->is_given &= figure->is_given;
            mean->mean += figure->mean * totals->share;
        }
        cappy_resample_interval(totals->drawn[pick], mean);
    }
}

static cappy_status measure_tasks(const struct cappy_scope *whole, uint64_t seed,
                                  struct cappy_figures *figures, cappy_error *error)
{
    struct totals totals;
    for (size_t i = 0; i < whole->n; i++) {
        CAPPY_TRY(add_task(figures, whole->cases[i]->question.task, error));
    }
    totals.share = 1 / (double)figures->n_tasks;
    totals.drawn = cappy_alloc(CAPPY_PICKS, sizeof *totals.drawn);
    cappy_status status = totals.drawn != NULL ? CAPPY_OK : cappy_error_no_memory(error);
    for (size_t i = 0; status == CAPPY_OK && i < figures->n_tasks; i++) {
        status = measure_task(whole, seed, &totals, &figures->tasks[i], error);
    }
    if (status == CAPPY_OK) {
        set_means(&totals, figures);
    }
    cappy_free(totals.drawn);
    return status;
}

/* ---- The whole ------------------------------------------------------------------------------- */

cappy_status cappy_figures_make(const struct cappy_suite *suite, bool is_closed, uint64_t seed,
                                struct cappy_figures *figures, cappy_error *error)
{
    struct cappy_scope scope;
    *figures = (struct cappy_figures){.is_closed = is_closed};
    cappy_status status = cappy_scope_open(suite, !is_closed, is_closed, &scope, error);
    if (status == CAPPY_OK && scope.n > 0) {
        status = measure(&scope, seed, NULL, figures, error);
    }
    if (status == CAPPY_OK && scope.n > 0) {
        status = measure_tasks(&scope, seed, figures, error);
    }
    cappy_scope_free(&scope);
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
