/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/scope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool cappy_is_same_text(cappy_text a, cappy_text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

cappy_status cappy_scope_open(const struct cappy_suite *suite, bool open, bool closed,
                              struct cappy_scope *scope, cappy_error *error)
{
    *scope = (struct cappy_scope){.cases = cappy_alloc(suite->n_used, sizeof *scope->cases)};
    if (scope->cases == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < suite->n_used; i++) {
        const struct cappy_case *item = &suite->cases[i];
        if (item->question.is_closed ? closed : open) {
            scope->cases[scope->n++] = item;
        }
    }
    return CAPPY_OK;
}

cappy_status cappy_scope_narrow(const struct cappy_scope *whole, cappy_text task,
                                struct cappy_scope *scope, cappy_error *error)
{
    *scope = (struct cappy_scope){.cases = cappy_alloc(whole->n, sizeof *scope->cases)};
    if (scope->cases == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < whole->n; i++) {
        if (cappy_is_same_text(whole->cases[i]->question.task, task)) {
            scope->cases[scope->n++] = whole->cases[i];
        }
    }
    return CAPPY_OK;
}

void cappy_scope_free(struct cappy_scope *scope)
{
    cappy_free(scope->cases);
    *scope = (struct cappy_scope){0};
}

size_t cappy_scope_count(const struct cappy_scope *scope)
{
    size_t n = 0;
    for (size_t i = 0; i < scope->n; i++) {
        n += scope->cases[i]->question.n;
    }
    return n;
}

void cappy_scope_measure(const struct cappy_scope *scope, double *low, double *high)
{
    *low = 0;
    *high = 1;
    for (size_t i = 0; i < scope->n; i++) {
        const struct cappy_question *question = &scope->cases[i]->question;
        for (size_t j = 0; j < question->n; j++) {
            *low = fmin(*low, question->qualities[j]);
            *high = fmax(*high, question->qualities[j]);
        }
    }
}

/* ---- Clusters -------------------------------------------------------------------------------- */

struct mark {
    uint64_t hash; /* of task and example */
    size_t index;
};

static int compare_marks(const void *left, const void *right)
{
    const struct mark *a = left;
    const struct mark *b = right;
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    return a->index < b->index ? -1 : 1;
}

cappy_status cappy_scope_cluster(const struct cappy_scope *scope, size_t *clusters,
                                 size_t *n_clusters, cappy_error *error)
{
    struct mark *marks = cappy_alloc(scope->n, sizeof *marks);
    size_t n = 0;
    if (marks == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < scope->n; i++) {
        const cappy_text task = scope->cases[i]->question.task;
        const cappy_text example = scope->cases[i]->example;
        clusters[i] = i;
        if (example.size > 0) {
            marks[n++] = (struct mark){
                cappy_hash(cappy_hash(0, task.data, task.size), example.data, example.size), i};
        }
    }
    qsort(marks, n, sizeof *marks, compare_marks);
    for (size_t i = 1; i < n; i++) {
        if (marks[i].hash == marks[i - 1].hash) {
            clusters[marks[i].index] = clusters[marks[i - 1].index];
        }
    }
    cappy_free(marks);
    *n_clusters = 0;
    for (size_t i = 0; i < scope->n; i++) {
        clusters[i] = clusters[i] == i ? (*n_clusters)++ : clusters[clusters[i]];
    }
    return CAPPY_OK;
}

/* ---- Templates ------------------------------------------------------------------------------- */

struct tally {
    cappy_text name;
    size_t n;
    double hits;
};

static void count_templates(const struct cappy_scope *scope, struct tally *tallies, size_t *n)
{
    for (size_t i = 0; i < scope->n; i++) {
        const struct cappy_case *item = scope->cases[i];
        size_t at = 0;
        while (at < *n && !cappy_is_same_text(tallies[at].name, item->prompt)) {
            at++;
        }
        if (at == *n) {
            tallies[(*n)++] = (struct tally){.name = item->prompt};
        }
        tallies[at].n++;
        tallies[at].hits += cappy_pick_worth(item, CAPPY_PICK_SCORER);
    }
}

cappy_status cappy_scope_templates(const struct cappy_scope *scope,
                                   struct cappy_templates *templates, cappy_error *error)
{
    *templates = (struct cappy_templates){0};
    for (size_t i = 0; i < scope->n; i++) {
        if (scope->cases[i]->prompt.size == 0 ||
            !cappy_pick_applies(scope->cases[i], CAPPY_PICK_SCORER)) {
            return CAPPY_OK;
        }
    }
    struct tally *tallies = cappy_alloc(scope->n, sizeof *tallies);
    size_t n = 0;
    if (tallies == NULL) {
        return cappy_error_no_memory(error);
    }
    count_templates(scope, tallies, &n);
    for (size_t i = 0; i < n; i++) {
        const double accuracy = tallies[i].hits / (double)tallies[i].n;
        templates->mean += accuracy / (double)n;
        if (i == 0 || accuracy > templates->best) {
            templates->best = accuracy;
            templates->best_name = tallies[i].name;
        }
        if (i == 0 || accuracy < templates->worst) {
            templates->worst = accuracy;
            templates->worst_name = tallies[i].name;
        }
    }
    templates->n = n;
    cappy_free(tallies);
    return CAPPY_OK;
}

/* A cluster as its cases are looked at. */
struct average {
    const struct cappy_case *first;
    double *sums; /* [n] of the first */
    size_t n;     /* cases */
    bool is_uneven;
};

static cappy_status add_scores(struct average *average, const struct cappy_case *item,
                               cappy_error *error)
{
    const struct cappy_question *question = &item->question;
    if (average->first == NULL) {
        average->first = item;
        average->sums = cappy_alloc(question->n, sizeof *average->sums);
        if (average->sums == NULL) {
            return cappy_error_no_memory(error);
        }
    }
    average->n++;
    average->is_uneven |= question->n != average->first->question.n ||
                          question->answer != average->first->question.answer ||
                          !question->is_closed || item->scores[CAPPY_VIEW_SCORER] == NULL;
    for (size_t i = 0; !average->is_uneven && i < question->n; i++) {
        average->sums[i] += (double)item->scores[CAPPY_VIEW_SCORER][i];
    }
    return CAPPY_OK;
}

static double find_hit(const struct average *average)
{
    const struct cappy_question *question = &average->first->question;
    size_t best = 0;
    for (size_t i = 1; i < question->n; i++) {
        best = average->sums[i] > average->sums[best] ? i : best;
    }
    return question->qualities[best];
}

cappy_status cappy_scope_average(const struct cappy_scope *scope, const size_t *clusters,
                                 size_t n_clusters, bool *given, double *hits, cappy_error *error)
{
    struct average *averages = cappy_alloc(n_clusters, sizeof *averages);
    cappy_status status = CAPPY_OK;
    if (averages == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < scope->n && status == CAPPY_OK; i++) {
        status = add_scores(&averages[clusters[i]], scope->cases[i], error);
    }
    for (size_t i = 0; i < n_clusters; i++) {
        given[i] = status == CAPPY_OK && averages[i].n > 1 && !averages[i].is_uneven;
        hits[i] = given[i] ? find_hit(&averages[i]) : 0;
        cappy_free(averages[i].sums);
    }
    cappy_free(averages);
    return status;
}
