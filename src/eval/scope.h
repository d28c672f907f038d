/* SPDX-License-Identifier: Apache-2.0 */
/* Some of a suite's cases. Private to eval. */
#ifndef CAPPY_EVAL_SCOPE_H
#define CAPPY_EVAL_SCOPE_H

#include "eval/eval.h"

struct cappy_scope {
    const struct cappy_case **cases; /* [n] */
    size_t n;
};

/* The used cases of the suite: open ones, closed ones, or both. The caller frees *scope. */
cappy_status cappy_scope_open(const struct cappy_suite *suite, bool open, bool closed,
                              struct cappy_scope *scope, cappy_error *error);

/* Those of `whole` that are of the task. The caller frees *scope. */
cappy_status cappy_scope_narrow(const struct cappy_scope *whole, cappy_text task,
                                struct cappy_scope *scope, cappy_error *error);
void cappy_scope_free(struct cappy_scope *scope);

/* Responses of all cases together. */
size_t cappy_scope_count(const struct cappy_scope *scope);

/* What the qualities lie between; 0 and 1 do. */
void cappy_scope_measure(const struct cappy_scope *scope, double *low, double *high);

bool cappy_is_same_text(cappy_text a, cappy_text b);

/* clusters[n] receives a number for each case, equal for cases of one task that were made from the
 * same example, counted from 0 in the order of their first ones; *n_clusters how many there are. */
cappy_status cappy_scope_cluster(const struct cappy_scope *scope, size_t *clusters,
                                 size_t *n_clusters, cappy_error *error);

/* The source whose answers have the highest mean quality, of those that have one in 9 of 10 cases,
 * where a case without counts 0: worth[n] receives what it has in each case. `source` is left empty
 * where there is none. */
cappy_status cappy_scope_source(const struct cappy_scope *scope, cappy_text *source, double *worth,
                                cappy_error *error);

/* The accuracy of the scorer under each template; `templates` is left {0} where cases have none. */
cappy_status cappy_scope_templates(const struct cappy_scope *scope,
                                   struct cappy_templates *templates, cappy_error *error);

/* For each cluster with several closed cases, whose choices stand in the same order: whether the
 * scorer is right when its scores for them are added up. given[n_clusters] tells which those are,
 * hits[n_clusters] is 1 or 0. */
cappy_status cappy_scope_average(const struct cappy_scope *scope, const size_t *clusters,
                                 size_t n_clusters, bool *given, double *hits, cappy_error *error);

#endif
