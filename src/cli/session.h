/* SPDX-License-Identifier: Apache-2.0 */
/* A model and a scorer opened as the common options say. */
#ifndef CAPPY_CLI_SESSION_H
#define CAPPY_CLI_SESSION_H

#include "cli/cli.h"

struct cappy_session {
    cappy_model *model;
    cappy_scorer *scorer;
    size_t n_labels;   /* numbers the model gives for a pair */
    size_t width;      /* numbers cappy_session_score gives: n_labels, or 1 of a chosen label */
    size_t label;      /* which one that is */
    size_t max_length; /* tokens */
    double mix_temperature; /* as of cappy_model_info */
    float *all;             /* [capacity, n_labels], before the choice of a label */
    size_t capacity;
};

/* Opens the model. `label` names the number to take of a model that gives several, by its name or
 * its index; it may be NULL, but not when `need_one` is set and the model gives several. The caller
 * closes *session. */
cappy_status cappy_session_open(const struct cappy_common *common, const char *label, bool need_one,
                                struct cappy_session *session, cappy_error *error);
void cappy_session_close(struct cappy_session *session);

/* Scores pairs[0..n) into scores[n][width]. */
cappy_status cappy_session_score(struct cappy_session *session, const cappy_pair *pairs, size_t n,
                                 float *scores, cappy_error *error);

/* As cappy_session_score, into new memory: *scores[n][width], all of them finite. */
cappy_status cappy_session_score_new(struct cappy_session *session, const cappy_pair *pairs,
                                     size_t n, float **scores, cappy_error *error);

/* What has been scored so far. */
cappy_scorer_counts cappy_session_count(const struct cappy_session *session);

/* Says on standard error how many pairs were truncated, if any were. */
void cappy_session_report_truncated(const struct cappy_session *session);

#endif
