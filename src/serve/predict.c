/* SPDX-License-Identifier: Apache-2.0 */
/* TEI's predict: pairs in, all labels of the model with their numbers out, highest first. */
#include <math.h>

#include "serve/routes.h"

/* The pair item[0], item[1]. */
static bool read_pair(struct cappy_call *call, const json_t *item, cappy_pair *pair)
{
    if (json_array_size(item) != 2 || !json_is_string(json_array_get(item, 0)) ||
        !json_is_string(json_array_get(item, 1))) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "this model scores pairs: \"inputs\" must be one, [\"instruction\", "
                               "\"response\"], or a list of them");
    }
    const json_t *first = json_array_get(item, 0);
    const json_t *second = json_array_get(item, 1);
    pair->instruction = (cappy_text){json_string_value(first), json_string_length(first)};
    pair->response = (cappy_text){json_string_value(second), json_string_length(second)};
    return true;
}

bool cappy_predict_prepare(struct cappy_call *call)
{
    const json_t *inputs = json_object_get(call->body, "inputs");
    if (inputs == NULL) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "\"inputs\" is missing: add a pair or a list of pairs");
    }
    if (json_is_array(inputs) && json_array_size(inputs) == 0) {
        return cappy_call_fail(call, CAPPY_FAILURE_EMPTY, "\"inputs\" must not be empty");
    }
    /* A flat list of two strings is one pair. */
    call->is_list = json_is_array(json_array_get(inputs, 0));
    if (!cappy_call_get_limits(call) ||
        !cappy_call_get_bool(call, "raw_scores", false, &call->raw) ||
        !cappy_call_make_pairs(call, call->is_list ? json_array_size(inputs) : 1, "inputs")) {
        return false;
    }
    for (size_t i = 0; i < call->job.n; i++) {
        const json_t *item = call->is_list ? json_array_get(inputs, i) : inputs;
        if (!read_pair(call, item, &call->pairs[i])) {
            return false;
        }
    }
    return true;
}

/* ---- Answer ---------------------------------------------------------------------------------- */

/* Several numbers become shares that add up to 1 (softmax), unless raw ones were asked for. */
static void normalize(const struct cappy_call *call, const float *scores, struct cappy_rank *labels,
                      size_t n)
{
    double most = (double)scores[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++) {
        most = (double)scores[i] > most ? (double)scores[i] : most;
    }
    for (size_t i = 0; i < n; i++) {
        const bool is_raw = call->raw || n == 1;
        const double key =
            is_raw ? cappy_call_clamp(call, scores[i]) : exp((double)scores[i] - most);
        labels[i] = (struct cappy_rank){key, 0, i};
        sum += key;
    }
    for (size_t i = 0; i < n && !call->raw && n > 1; i++) {
        labels[i].key /= sum;
    }
}

/* The labels of one pair, highest first. New. */
static json_t *list_labels(const struct cappy_call *call, const float *scores,
                           struct cappy_rank *labels)
{
    const struct cappy_served_model *model = call->job.model;
    const size_t n = model->info.n_labels;
    json_t *list = json_array();
    normalize(call, scores, labels, n);
    cappy_ranks_sort(labels, n);
    for (size_t i = 0; i < n; i++) {
        const char *name = cappy_model_label(model->model, labels[i].index);
        json_t *text =
            name != NULL ? json_string(name) : json_sprintf("LABEL_%zu", labels[i].index);
        json_array_append_new(list, json_pack("{s:f, s:o}", "score", labels[i].key, "label", text));
    }
    return list;
}

bool cappy_predict_finish(struct cappy_call *call)
{
    const size_t width = call->job.model->info.n_labels;
    struct cappy_rank *labels = cappy_alloc(width, sizeof *labels);
    json_t *all = labels != NULL ? json_array() : NULL;
    for (size_t i = 0; all != NULL && i < call->job.n; i++) {
        json_array_append_new(all, list_labels(call, call->job.scores + i * width, labels));
    }
    cappy_free(labels);
    if (call->is_list || all == NULL) {
        return cappy_call_reply(call, all);
    }
    json_t *first = json_incref(json_array_get(all, 0));
    json_decref(all);
    return cappy_call_reply(call, first);
}
