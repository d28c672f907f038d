/* SPDX-License-Identifier: Apache-2.0 */
/* The face of eval: what choosing by a scorer is worth on questions whose answers are known. */
#ifndef CAPPY_EVAL_H
#define CAPPY_EVAL_H

#include <stdbool.h>

#include "base/base.h"
#include "task/task.h"

/* ---- Suites: questions with scores ---- */

/* Whose scores: of the model at the beginning, of the model, and of the latter when it is not shown
 * the instruction. */
enum cappy_view { CAPPY_VIEW_BASE, CAPPY_VIEW_SCORER, CAPPY_VIEW_ALONE, CAPPY_VIEWS };

struct cappy_case {
    struct cappy_question question;
    cappy_text prompt;          /* the name of its template; empty where it has none */
    cappy_text example;         /* what it was made from, along with cases of other templates */
    double *consensus;          /* [n], mean likeness to the other responses; NULL where closed */
    float *scores[CAPPY_VIEWS]; /* [n]; NULL where not scored */
    double *mix;                /* [n]; NULL where closed or not mixed */
    size_t vote;                /* the response that is voted for, where it was mixed */
    size_t usual;               /* where closed: what is right most often */
};

/* Starts as {0}. */
struct cappy_suite {
    struct cappy_case *cases; /* [n] */
    size_t n;
    size_t n_used; /* the first ones: where there is something to choose from, once completed */
    size_t capacity;
};

/* Takes *question over, and empties it. Its template and example are what its row says in the
 * fields of these names, or its "id": "dataset/template/example". */
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

/* Puts scores[n] in place of a case's. CAPPY_FORMAT where one is not a finite number. */
cappy_status cappy_case_set(struct cappy_case *item, enum cappy_view view, const float *scores,
                            cappy_error *error);

/* Puts scores[cappy_suite_count], in the order of the cases and their responses, in place of those
 * of the view. Errors as above. */
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
    struct cappy_map counts; /* by task and answer */
};

cappy_status cappy_majority_add(struct cappy_majority *majority, cappy_text task, cappy_text answer,
                                cappy_error *error);
size_t cappy_majority_count(const struct cappy_majority *majority, cappy_text task,
                            cappy_text answer);
void cappy_majority_free(struct cappy_majority *majority);

/* Finds for each closed case the response that was right most often in its task, by its text; the
 * first where none ever was. */
void cappy_suite_set_usual(struct cappy_suite *suite, const struct cappy_majority *majority);

/* The same with what is known from the suite itself: the place among the choices that is right most
 * often in the task, under the same template. Knows the answers, so it is a baseline that no one
 * can have. */
cappy_status cappy_suite_find_usual(struct cappy_suite *suite, cappy_error *error);

/* ---- Ways to choose ---- */

#define CAPPY_PICK_MAP(X)                                                                          \
    X(RANDOM, "random", "any of them")                                                             \
    X(FIRST, "first", "the first")                                                                 \
    X(SHORTEST, "shortest", "the one with the fewest characters")                                  \
    X(LONGEST, "longest", "the one with the most")                                                 \
    X(SOURCE, "source", "always that of the best source")                                          \
    X(MAJORITY, "majority", "what is right most often")                                            \
    X(ALONE, "alone", "by the model, without the instruction")                                     \
    X(CONSENSUS, "consensus", "the one most like the others")                                      \
    X(BASE, "base", "by the base model")                                                           \
    X(SCORER, "scorer", "by the model")                                                            \
    X(CALIBRATED, "calibrated", "by the model, less what it gives without the instruction")        \
    X(VOTE, "vote", "the answer with the highest sum of scores")                                   \
    X(MIX, "mix", "the one most like those that score high")                                       \
    X(ORACLE, "oracle", "the best there is")

enum cappy_pick {
#define CAPPY_PICK_ENUM(name, key, title) CAPPY_PICK_##name,
    CAPPY_PICK_MAP(CAPPY_PICK_ENUM)
#undef CAPPY_PICK_ENUM
        CAPPY_PICKS
};

const char *cappy_pick_name(enum cappy_pick pick);
const char *cappy_pick_title(enum cappy_pick pick);

/* Which response is chosen: the first of the highest; n for RANDOM, which is none in particular,
 * and for SOURCE, which depends on other cases. */
size_t cappy_pick_choose(const struct cappy_case *item, enum cappy_pick pick);

/* Whether a way to choose means anything for the case. */
bool cappy_pick_applies(const struct cappy_case *item, enum cappy_pick pick);

/* What a way to choose is worth: the quality of the chosen response, or the mean of all. */
double cappy_pick_worth(const struct cappy_case *item, enum cappy_pick pick);

/* The way to choose that goes by the scores of a view. */
enum cappy_pick cappy_view_pick(enum cappy_view view);

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

/* Finds the temperature of cappy_mix_read with which the orders of the suite's open cases are worth
 * most; 1 where there are fewer than CAPPY_MIX_LEAST of them. */
enum { CAPPY_MIX_LEAST = 20 };
bool cappy_mix_is_fitted(const struct cappy_suite *suite);
cappy_status cappy_mix_fit(const struct cappy_suite *suite, double *temperature,
                           cappy_error *error);

/* Mixes the open cases of the suite, and has them vote. */
cappy_status cappy_mix_set(struct cappy_suite *suite, double temperature, cappy_error *error);

/* ---- Figures ---- */

/* A mean, and the interval that holds it in 95 of 100 resamplings. */
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
enum { CAPPY_CONTRASTS = 7 };
extern const struct cappy_contrast cappy_contrasts[CAPPY_CONTRASTS];

/* How a model orders the responses to one instruction, as a mean over cases where that can be told,
 * and the accuracy of scores that are added up over the templates of an example. */
#define CAPPY_MEASURE_MAP(X)                                                                       \
    X(RANK, "rank", "Rank correlation (Spearman) of scores and qualities in a row")                \
    X(PAIRS, "pairs", "Pairs of answers in the right order")                                       \
    X(AVERAGED, "averaged", "Right when scores are averaged over templates")

enum cappy_measure {
#define CAPPY_MEASURE_ENUM(name, key, title) CAPPY_MEASURE_##name,
    CAPPY_MEASURE_MAP(CAPPY_MEASURE_ENUM)
#undef CAPPY_MEASURE_ENUM
        CAPPY_MEASURES
};

const char *cappy_measure_name(enum cappy_measure measure);
const char *cappy_measure_title(enum cappy_measure measure);

/* What a way to order them is worth on one case. False where that cannot be told: all qualities
 * are equal, or, for RANK, all keys. */
bool cappy_rank_correlate(const double *qualities, const float *scores, size_t n,
                          double *correlation);
bool cappy_pairs_count(const double *qualities, const float *scores, size_t n, double *share);

/* The accuracy of the scorer under each template of a task. */
struct cappy_templates {
    size_t n; /* 0: the cases have none */
    double mean;
    double best;
    double worst;
    cappy_text best_name; /* borrowed from the suite */
    cappy_text worst_name;
};

/* Of the open or of the closed cases of a suite, and of those of each task. Intervals come from
 * resampling examples: the cases that were made from the same one are drawn together. */
struct cappy_figures {
    bool is_closed;
    cappy_text task;   /* borrowed from the suite; empty where all tasks are meant */
    size_t n;          /* cases */
    size_t n_examples; /* different ones */
    size_t n_responses;
    struct cappy_figure picks[CAPPY_PICKS];
    struct cappy_figure gaps[CAPPY_PICKS]; /* the share of the way from RANDOM to ORACLE */
    struct cappy_figure contrasts[CAPPY_CONTRASTS];
    struct cappy_figure measures[CAPPY_MEASURES];
    struct cappy_figure calibration; /* mean distance of score and quality, in ten parts by score */
    struct cappy_templates templates; /* of a single task */
    cappy_text source;                /* the best one; borrowed */

    /* Where all tasks are meant: */
    struct cappy_figure means[CAPPY_PICKS]; /* over tasks, each counting the same */
    struct cappy_figures *tasks;            /* [n_tasks], in the order of their first cases */
    size_t n_tasks;
};

cappy_status cappy_figures_make(const struct cappy_suite *suite, bool is_closed, uint64_t seed,
                                struct cappy_figures *figures, cappy_error *error);
void cappy_figures_free(struct cappy_figures *figures);

/* Appends tables for people: what each way to choose is worth, and then, task by task, the same for
 * the ways that matter. `adjective`, such as "held-out ", says what cases they are. */
cappy_status cappy_figures_print(const struct cappy_figures *figures, const char *adjective,
                                 struct cappy_buffer *out, cappy_error *error);

/* As JSON: {"rows", "responses", "picks", "intervals", "differences", "tasks"} and more; NULL when
 * out of memory. */
json_t *cappy_figures_json(const struct cappy_figures *figures);

/* What choosing among N responses, drawn at random, is worth: for each task of `figures`, where
 * there are few, else for all together. As a table; and as JSON, lists for N = 1, 2 and so on by
 * task and way to choose, NULL when out of memory. */
cappy_status cappy_best_of_print(const struct cappy_suite *suite,
                                 const struct cappy_figures *figures, double temperature,
                                 uint64_t seed, struct cappy_buffer *out, cappy_error *error);
json_t *cappy_best_of_json(const struct cappy_suite *suite, const struct cappy_figures *figures,
                           double temperature, uint64_t seed);

/* ---- Published benchmarks ---- */

enum cappy_benchmark_name {
    CAPPY_BENCHMARK_PROMPTSOURCE11,
    CAPPY_BENCHMARK_BIGBENCH45,
    CAPPY_BENCHMARKS
};

enum { CAPPY_MOST_SYSTEMS = 6 };

/* What was published of a task, or of a way to choose: in hundredths, by system. */
struct cappy_published {
    const char *name; /* of its file */
    const char *title;
    double values[CAPPY_MOST_SYSTEMS];
};

struct cappy_benchmark {
    const char *name;
    const char *systems[CAPPY_MOST_SYSTEMS]; /* [n_systems] */
    size_t n_systems;
    const struct cappy_published *tasks; /* [n_tasks] */
    size_t n_tasks;
    double averages[CAPPY_MOST_SYSTEMS]; /* over all tasks, of figures that were not rounded */
    const struct cappy_published *means; /* [n_means], over tasks, by ways to choose */
    size_t n_means;
};

const struct cappy_benchmark *cappy_benchmark_get(enum cappy_benchmark_name name);

/* The task that a data set of this name is, however it is spelled; NULL where it is none. */
const struct cappy_published *cappy_benchmark_find(const struct cappy_benchmark *benchmark,
                                                   cappy_text name);

/* Appends a table of the tasks, of what was published of them, of one `system` or (n_systems) of
 * all, and of `figures`, whose tasks have the titles of the benchmark's. */
cappy_status cappy_benchmark_print(const struct cappy_benchmark *benchmark, size_t system,
                                   const struct cappy_figures *figures, struct cappy_buffer *out,
                                   cappy_error *error);

/* The mean over tasks of what each of ways[n] chooses: the first candidate whose "source" has its
 * name, or the one with the highest number under it. worth[n] is NAN where it chooses nothing. */
cappy_status cappy_ways_measure(const struct cappy_suite *suite,
                                const struct cappy_figures *figures,
                                const struct cappy_published *ways, size_t n, double *worth,
                                cappy_error *error);

/* Appends a table of the means over tasks by ways to choose: published ones, and ways[n_means] and
 * figures beside them. */
cappy_status cappy_benchmark_print_means(const struct cappy_benchmark *benchmark, size_t system,
                                         const double *ways, const struct cappy_figures *figures,
                                         struct cappy_buffer *out, cappy_error *error);

/* Both as JSON, with the figures; `ways` may be NULL. NULL when out of memory. */
json_t *cappy_benchmark_json(const struct cappy_benchmark *benchmark, size_t system,
                             const double *ways, const struct cappy_figures *figures);

/* ---- Reports ---- */

struct cappy_report {
    cappy_text title;
    cappy_text subtitle;
    const struct cappy_suite *suite; /* scored */
    const struct cappy_figures *open;
    const struct cappy_figures *closed;
    double temperature; /* of the mix */
    uint64_t seed;
    const char *adjective; /* of the cases, such as "held-out " */
    const char *model;     /* what the scorer is called, such as "adapted model" */
    /* How training went; none where n_steps and n_checks are 0. */
    const double *steps;  /* [n_steps] */
    const double *losses; /* [n_steps] */
    size_t n_steps;
    const double *check_steps;  /* [n_checks] */
    const double *check_values; /* [n_checks] */
    size_t n_checks;
};

/* Appends a page of HTML that needs nothing else. Between its beginning and its end come reports,
 * each with its title, figures, curves, and picks that changed. */
cappy_status cappy_report_begin(cappy_text title, struct cappy_buffer *out, cappy_error *error);
cappy_status cappy_report_add(const struct cappy_report *report, struct cappy_buffer *out,
                              cappy_error *error);
cappy_status cappy_report_end(struct cappy_buffer *out, cappy_error *error);

#endif
