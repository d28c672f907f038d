/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as their sources and their language model would choose them. */
#include <math.h>
#include <string.h>

#include "eval/scope.h"

/* The candidate a way chooses in a case: the first of a source, or that with the highest number of
 * a name. n where there is none. */
static size_t choose(const struct cappy_question *question, const char *way)
{
    const json_t *list = json_object_get(question->row.json, "candidates");
    size_t best = question->n;
    double highest = -INFINITY;
    for (size_t i = 0; i < question->n; i++) {
        const json_t *candidate = json_array_get(list, i);
        const json_t *source = json_object_get(candidate, "source");
        const json_t *number = json_object_get(candidate, way);
        if (json_is_string(source) && strcmp(json_string_value(source), way) == 0) {
            return i;
        }
        if (json_is_number(number) && json_number_value(number) > highest) {
            highest = json_number_value(number);
            best = i;
        }
    }
    return best;
}

/* NAN where the way chooses nothing in one of the cases. */
static double measure(const struct cappy_scope *scope, const char *way)
{
    double sum = 0;
    for (size_t i = 0; i < scope->n; i++) {
        const struct cappy_question *question = &scope->cases[i]->question;
        const size_t best = choose(question, way);
        if (best == question->n) {
            return NAN;
        }
        sum += question->qualities[best] / (double)scope->n;
    }
    return sum;
}

cappy_status cappy_ways_measure(const struct cappy_suite *suite,
                                const struct cappy_figures *figures,
                                const struct cappy_published *ways, size_t n, double *worth,
                                cappy_error *error)
{
    struct cappy_scope whole;
    for (size_t i = 0; i < n; i++) {
        worth[i] = figures->n_tasks > 0 ? 0 : NAN;
    }
    cappy_status status = cappy_scope_open(suite, true, false, &whole, error);
    for (size_t task = 0; status == CAPPY_OK && task < figures->n_tasks; task++) {
        struct cappy_scope scope;
        status = cappy_scope_narrow(&whole, figures->tasks[task].task, &scope, error);
        for (size_t i = 0; status == CAPPY_OK && i < n; i++) {
            worth[i] += measure(&scope, ways[i].name) / (double)figures->n_tasks;
        }
        cappy_scope_free(&scope);
    }
    cappy_scope_free(&whole);
    return status;
}
