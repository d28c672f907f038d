/* SPDX-License-Identifier: Apache-2.0 */
/* Opening models for commands, and choosing one number where a model gives several. */
#include "cli/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/scores.h"

/* Names the labels of `model` in `list`, as many as fit. */
static void list_labels(const cappy_model *model, size_t n, char *list, size_t capacity)
{
    size_t used = 0;
    for (size_t i = 0; i < n && used < capacity; i++) {
        const char *name = cappy_model_label(model, i);
        int wrote = snprintf(list + used, capacity - used, "%s%s", i == 0 ? "" : ", ",
                             name != NULL ? name : "?");
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

/* The label called `text`, or else number `text`. */
static bool find_label(const cappy_model *model, size_t n, const char *text, size_t *label)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = cappy_model_label(model, i);
        if (name != NULL && strcmp(name, text) == 0) {
            *label = i;
            return true;
        }
    }
    size_t index = 0;
    for (const char *digit = text; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || index >= n) {
            return false;
        }
        index = index * 10 + (size_t)(*digit - '0');
    }
    *label = index;
    return text[0] != '\0' && index < n;
}

static cappy_status choose_label(struct cappy_session *session, const char *label, bool need_one,
                                 cappy_error *error)
{
    char names[600];
    session->width = session->n_labels;
    list_labels(session->model, session->n_labels, names, sizeof names);
    if (label != NULL) {
        if (!find_label(session->model, session->n_labels, label, &session->label)) {
            return cappy_error_set(error, CAPPY_ARGUMENT,
                                   "the model has no label \"%s\"; its labels: %s", label, names);
        }
        session->width = 1;
    } else if (need_one && session->n_labels != 1) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "the model gives %zu numbers for a pair: say with --label which of "
                               "them counts; its labels: %s",
                               session->n_labels, names);
    }
    return CAPPY_OK;
}

static cappy_status open_parts(const struct cappy_common *common, struct cappy_session *session,
                               cappy_error *error)
{
    cappy_model_options model_options = {
        .struct_size = sizeof model_options,
        .precision = (cappy_precision)(common->precision + CAPPY_PRECISION_FP32),
        .threads = common->threads,
        .mask = cappy_mask_names[common->mask]};
    CAPPY_TRY(cappy_model_open(common->model, &model_options, &session->model, error));
    cappy_model_info info = {.struct_size = sizeof info};
    CAPPY_TRY(cappy_model_describe(session->model, &info, error));
    session->n_labels = info.n_labels;
    session->mix_temperature = info.mix_temperature;
    session->max_length = common->max_length != 0 ? common->max_length : info.max_length;
    cappy_scorer_options scorer_options = {.struct_size = sizeof scorer_options,
                                           .threads = common->threads,
                                           .max_length = common->max_length};
    return cappy_scorer_create(session->model, &scorer_options, &session->scorer, error);
}

cappy_status cappy_session_open(const struct cappy_common *common, const char *label, bool need_one,
                                struct cappy_session *session, cappy_error *error)
{
    *session = (struct cappy_session){0};
    if (common->device == CAPPY_DEVICE_CUDA) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--device cuda: this cappy is built without GPU support; use cpu");
    }
    cappy_status status = open_parts(common, session, error);
    if (status == CAPPY_OK) {
        status = choose_label(session, label, need_one, error);
    }
    if (status != CAPPY_OK) {
        cappy_session_close(session);
    }
    return status;
}

void cappy_session_close(struct cappy_session *session)
{
    cappy_free(session->all);
    cappy_scorer_free(session->scorer);
    cappy_model_close(session->model);
    *session = (struct cappy_session){0};
}

cappy_status cappy_session_score(struct cappy_session *session, const cappy_pair *pairs, size_t n,
                                 float *scores, cappy_error *error)
{
    if (session->width == session->n_labels) {
        return cappy_score(session->scorer, pairs, n, scores, error);
    }
    if (n > session->capacity) {
        size_t row = session->n_labels * sizeof *session->all;
        float *all = cappy_realloc(session->all, n, row);
        if (all == NULL) {
            return cappy_error_no_memory(error);
        }
        session->all = all;
        session->capacity = n;
    }
    CAPPY_TRY(cappy_score(session->scorer, pairs, n, session->all, error));
    for (size_t i = 0; i < n; i++) {
        scores[i] = session->all[i * session->n_labels + session->label];
    }
    return CAPPY_OK;
}

cappy_status cappy_session_score_new(struct cappy_session *session, const cappy_pair *pairs,
                                     size_t n, float **scores, cappy_error *error)
{
    float *made = cappy_alloc(n, session->width * sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = cappy_session_score(session, pairs, n, made, error);
    if (status == CAPPY_OK) {
        status = cappy_scores_check(made, n * session->width, error);
    }
    if (status != CAPPY_OK) {
        cappy_free(made);
        return status;
    }
    *scores = made;
    return CAPPY_OK;
}

cappy_scorer_counts cappy_session_count(const struct cappy_session *session)
{
    cappy_scorer_counts counts = {.struct_size = sizeof counts};
    cappy_scorer_count(session->scorer, &counts, NULL);
    return counts;
}

void cappy_session_report_truncated(const struct cappy_session *session)
{
    cappy_scorer_counts counts = cappy_session_count(session);
    if (counts.truncated > 0) {
        fprintf(stderr,
                "%" PRIu64 " of %" PRIu64 " pairs were longer than %zu tokens and were truncated\n",
                counts.truncated, counts.pairs, session->max_length);
    }
}
