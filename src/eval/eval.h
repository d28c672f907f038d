/* SPDX-License-Identifier: Apache-2.0 */
/* The face of eval: what choosing by a scorer is worth on questions whose answers are known. */
#ifndef CAPPY_EVAL_H
#define CAPPY_EVAL_H

#include <stdbool.h>

#include "base/base.h"
#include "task/task.h"

/* ---- Suites: questions with scores ---- */

enum cappy_view { CAPPY_VIEW_BASE, CAPPY_VIEW_SCORER, CAPPY_VIEWS };

struct cappy_case {
    struct cappy_question question;
    double *consensus;          /* [n], mean likeness to the other responses; NULL where closed */
    float *scores[CAPPY_VIEWS]; /* [n]; NULL where not scored */
    double *mix;                /* [n]; NULL where closed or not mixed */
};

/* Starts as {0}. */
struct cappy_suite {
    struct cappy_case *cases; /* [n] */
    size_t n;
    size_t n_used; /* the first ones: where there is something to choose from, once completed */
    size_t capacity;
};

/* Takes *question over, and empties it. */
cappy_status cappy_suite_add(struct cappy_suite *suite, struct cappy_question *question,
                             cappy_error *error);
void cappy_suite_free(struct cappy_suite *suite);

/* Makes questions with a reference alone choices between it and up to seven references of others of
 * their task. Cases where there is still nothing to choose from are used no more; *dropped receives
 * their number. To be called once, after the last case was added. */
cappy_status cappy_suite_complete(struct cappy_suite *suite, uint64_t seed, size_t *dropped,
                                  cappy_error *error);

/* Responses of all cases together. */
size_t cappy_suite_count(const struct cappy_suite *suite);

/* Puts scores[cappy_suite_count], in the order of the cases and their responses, in place of those
 * of the view. CAPPY_FORMAT where one is not a finite number. */
cappy_status cappy_suite_set(struct cappy_suite *suite, enum cappy_view view, const float *scores,
                             cappy_error *error);

/* Scores all responses; `progress` (may be NULL) is told of pairs. */
cappy_status cappy_suite_score(struct cappy_suite *suite, enum cappy_view view,
                               cappy_scorer *scorer,
                               void (*progress)(void *context, size_t done, size_t total),
                               void *context, cappy_error *error);

/* ---- Answers that are right most often ---- */

/* How often each answer of each task was right. Starts as {0}. */
struct cappy_majority {
    struct cappy_majority_entry *entries; /* [capacity] */
    size_t n;
    size_t capacity;
};

cappy_status cappy_majority_add(struct cappy_majority *majority, cappy_text task, cappy_text answer,
                                cappy_error *error);
size_t cappy_majority_count(const struct cappy_majority *majority, cappy_text task,
                            cappy_text answer);
void cappy_majority_free(struct cappy_majority *majority);

/* ---- Ways to choose ---- */

#define CAPPY_PICK_MAP(X)                                                                          \
    X(RANDOM, "random", "any of them")                                                             \
    X(FIRST, "first", "the first")                                                                 \
    X(MAJORITY, "majority", "what is right most often")                                            \
    X(CONSENSUS, "consensus", "the one most like the others")                                      \
    X(BASE, "base", "by the base model")                                                           \
    X(SCORER, "scorer", "by the new model")                                                        \
    X(MIX, "mix", "scorer and consensus")                                                          \
    X(ORACLE, "oracle", "the best there is")

enum cappy_pick {
#define CAPPY_PICK_ENUM(name, key, title) CAPPY_PICK_##name,
    CAPPY_PICK_MAP(CAPPY_PICK_ENUM)
#undef CAPPY_PICK_ENUM
        CAPPY_PICKS
};

const char *cappy_pick_name(enum cappy_pick pick);
const char *cappy_pick_title(enum cappy_pick pick);

/* Which response is chosen: the first of the highest; n for RANDOM, which is none in particular.
 * `majority` may be NULL. */
size_t cappy_pick_choose(const struct cappy_case *item, enum cappy_pick pick,
                         const struct cappy_majority *majority);

/* Whether a way to choose means anything for the case. */
bool cappy_pick_applies(const struct cappy_case *item, enum cappy_pick pick);

/* What a way to choose is worth: the quality of the chosen response, or the mean of all. */
double cappy_pick_worth(const struct cappy_case *item, enum cappy_pick pick,
                        const struct cappy_majority *majority);

/* ---- Orders of responses ---- */

/* The qualities of a case's responses by falling keys[n], equal ones as they stand, in
 * sorted[n]. */
cappy_status cappy_order_sort(const struct cappy_case *item, const double *keys, double *sorted,
                              cappy_error *error);

/* The mean quality of the first in this order among k of n responses drawn at random, k from 1. */
double cappy_order_best_of(const double *sorted, size_t n, size_t k);

/* The mean of that over all k from 2 to n: what an order is worth, steadier than the quality of the
 * first one alone. */
double cappy_order_worth(const double *sorted, size_t n);

/* The mean worth of the view's orders of a suite. */
cappy_status cappy_suite_worth(const struct cappy_suite *suite, enum cappy_view view, double *worth,
                               cappy_error *error);

/* ---- The mix of scorer and consensus ---- */

/* Score + weight x consensus, each as it is, so that what tells responses apart by little counts
 * for little. Finds the weight with which the orders of the suite's open cases are worth most; 1
 * where there are fewer than CAPPY_MIX_LEAST of them. */
enum { CAPPY_MIX_LEAST = 20 };
bool cappy_mix_is_fitted(const struct cappy_suite *suite);
cappy_status cappy_mix_fit(const struct cappy_suite *suite, double *weight, cappy_error *error);

/* Mixes the open cases of the suite. */
cappy_status cappy_mix_set(struct cappy_suite *suite, double weight, cappy_error *error);

/* ---- Figures ---- */

/* A mean over cases, and the interval that holds it in 95 of 100 resamplings of the cases. */
struct cappy_figure {
    bool is_given;
    double mean;
    double low;
    double high;
};

/* Differences that are looked at: of the first's worth over the second's. */
struct cappy_contrast {
    enum cappy_pick more;
    enum cappy_pick less;
};
enum { CAPPY_CONTRASTS = 5 };
extern const struct cappy_contrast cappy_contrasts[CAPPY_CONTRASTS];

struct cappy_task_figures {
    cappy_text task; /* borrowed from the suite */
    size_t n;
    double means[CAPPY_PICKS];
};

/* Of the open or of the closed cases of a suite. */
struct cappy_figures {
    bool is_closed;
    size_t n; /* cases */
    size_t n_responses;
    struct cappy_figure picks[CAPPY_PICKS];
    struct cappy_figure contrasts[CAPPY_CONTRASTS];
    struct cappy_task_figures *tasks; /* [n_tasks], in the order of their first cases */
    size_t n_tasks;
};

cappy_status cappy_figures_make(const struct cappy_suite *suite, bool is_closed,
                                const struct cappy_majority *majority, uint64_t seed,
                                struct cappy_figures *figures, cappy_error *error);
void cappy_figures_free(struct cappy_figures *figures);

/* Appends a table for people. */
cappy_status cappy_figures_print(const struct cappy_figures *figures, struct cappy_buffer *out,
                                 cappy_error *error);

/* As JSON: {"rows", "responses", "picks", "intervals", "differences", "tasks"}; NULL when out of
 * memory. */
json_t *cappy_figures_json(const struct cappy_figures *figures);

/* ---- Reports ---- */

struct cappy_report {
    cappy_text title;
    cappy_text subtitle;
    const struct cappy_suite *suite; /* scored */
    const struct cappy_figures *open;
    const struct cappy_figures *closed;
    double weight; /* of consensus in the mix */
    uint64_t seed;
    /* How training went; none where n_steps and n_checks are 0. */
    const double *steps;  /* [n_steps] */
    const double *losses; /* [n_steps] */
    size_t n_steps;
    const double *check_steps;  /* [n_checks] */
    const double *check_values; /* [n_checks] */
    size_t n_checks;
};

/* Appends a page of HTML that needs nothing else: figures, curves, and picks that changed. */
cappy_status cappy_report_write(const struct cappy_report *report, struct cappy_buffer *out,
                                cappy_error *error);

#endif
