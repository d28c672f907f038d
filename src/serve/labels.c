/* SPDX-License-Identifier: Apache-2.0 */
/* Classification with no training: each label is scored as an answer to the text, in vLLM's shape
 * of an answer. */
#include "serve/routes.h"

/* Text `index` of "input", which is a text or a list of them. */
static bool get_input(struct cappy_call *call, size_t index, cappy_text *text)
{
    return call->is_list ? cappy_call_get_item(call, "input", json_object_get(call->body, "input"),
                                               index, text)
                         : cappy_call_get_text(call, "input", text);
}

static bool read_pairs(struct cappy_call *call, size_t n_inputs, size_t n_labels)
{
    const size_t most = call->service->options->max_pairs;
    /* A product beyond the limit is refused without being made. */
    const size_t n = n_labels > most / n_inputs ? most + 1 : n_inputs * n_labels;
    if (!cappy_call_make_pairs(call, n, "input")) {
        return false;
    }
    for (size_t i = 0; i < call->job.n; i++) {
        cappy_pair *pair = &call->pairs[i];
        if (!get_input(call, i / n_labels, &pair->instruction) ||
            !cappy_call_get_item(call, "labels", call->items, i % n_labels, &pair->response)) {
            return false;
        }
    }
    return true;
}

bool cappy_labels_prepare(struct cappy_call *call)
{
    const json_t *input = json_object_get(call->body, "input");
    call->is_list = json_is_array(input);
    if (json_object_get(call->body, "labels") == NULL) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "\"labels\" is missing: add the labels to choose from, as a list of "
                               "strings");
    }
    if (call->is_list && json_array_size(input) == 0) {
        return cappy_call_fail(call, CAPPY_FAILURE_EMPTY, "list of input must not be empty");
    }
    return cappy_call_need_one_label(call) && cappy_call_get_list(call, "labels", &call->items) &&
           cappy_call_get_limits(call) &&
           read_pairs(call, call->is_list ? json_array_size(input) : 1,
                      json_array_size(call->items));
}

/* What was found for one input. New. */
static json_t *describe_input(const struct cappy_call *call, size_t index, const float *scores)
{
    const size_t n = json_array_size(call->items);
    json_t *probs = json_array();
    json_t *raw = json_array();
    size_t best = 0;
    for (size_t i = 0; i < n; i++) {
        best = scores[i] > scores[best] ? i : best;
        json_array_append_new(probs, json_real(cappy_call_clamp(call, scores[i])));
        json_array_append_new(raw, json_real((double)scores[i]));
    }
    const cappy_text label = call->pairs[index * n + best].response;
    return json_pack("{s:I, s:s%, s:o, s:o, s:I}", "index", (json_int_t)index, "label", label.data,
                     label.size, "probs", probs, "scores", raw, "num_classes", (json_int_t)n);
}

bool cappy_labels_finish(struct cappy_call *call)
{
    const size_t n = json_array_size(call->items);
    json_t *data = json_array();
    for (size_t i = 0; i < call->job.n / n; i++) {
        json_array_append_new(data, describe_input(call, i, call->job.scores + i * n));
    }
    return cappy_call_reply(call, cappy_call_envelope(call, "classify", "data", data));
}
