/* SPDX-License-Identifier: Apache-2.0 */
/* vLLM's score: pairs one to one, or one text with many, in the order in which they came. */
#include "serve/routes.h"

/* The spellings of the two sides. */
static const struct {
    const char *first;
    const char *second;
} sides[] = {
    {"text_1", "text_2"}, {"queries", "documents"}, {"queries", "items"}, {"data_1", "data_2"}};

/* One side: a text, or a list of them. */
struct side {
    const char *key;
    const json_t *value;
    size_t n;
};

static bool read_side(struct cappy_call *call, const char *key, struct side *side)
{
    side->key = key;
    side->value = json_object_get(call->body, key);
    if (json_is_array(side->value)) {
        side->n = json_array_size(side->value);
        return side->n > 0 ||
               cappy_call_fail(call, CAPPY_FAILURE_EMPTY, "list of %s must not be empty", key);
    }
    side->n = 1;
    cappy_text text;
    return cappy_call_get_text(call, key, &text);
}

/* Text `index` of a side; the only one of a side that has one. */
static bool get_text(struct cappy_call *call, const struct side *side, size_t index,
                     cappy_text *text)
{
    if (json_is_array(side->value)) {
        return cappy_call_get_item(call, side->key, side->value, side->n == 1 ? 0 : index, text);
    }
    return cappy_call_get_text(call, side->key, text);
}

static bool read_sides(struct cappy_call *call, struct side *first, struct side *second)
{
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        if (json_object_get(call->body, sides[i].first) != NULL &&
            json_object_get(call->body, sides[i].second) != NULL) {
            return read_side(call, sides[i].first, first) &&
                   read_side(call, sides[i].second, second);
        }
    }
    return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                           "the texts are missing: add \"text_1\" and \"text_2\", or \"queries\" "
                           "and \"documents\"");
}

bool cappy_scores_prepare(struct cappy_call *call)
{
    struct side first;
    struct side second;
    if (!cappy_call_need_one_label(call) || !read_sides(call, &first, &second) ||
        !cappy_call_get_limits(call)) {
        return false;
    }
    if (first.n != second.n && first.n != 1) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "\"%s\" has %zu texts and \"%s\" has %zu: there must be as many, or "
                               "one in the first",
                               first.key, first.n, second.key, second.n);
    }
    if (!cappy_call_make_pairs(call, second.n, second.key)) {
        return false;
    }
    for (size_t i = 0; i < call->job.n; i++) {
        if (!get_text(call, &first, i, &call->pairs[i].instruction) ||
            !get_text(call, &second, i, &call->pairs[i].response)) {
            return false;
        }
    }
    return true;
}

bool cappy_scores_finish(struct cappy_call *call)
{
    json_t *data = json_array();
    for (size_t i = 0; i < call->job.n; i++) {
        json_array_append_new(data, json_pack("{s:I, s:s, s:f}", "index", (json_int_t)i, "object",
                                              "score", "score", (double)call->job.scores[i]));
    }
    return cappy_call_reply(call, cappy_call_envelope(call, "score", "data", data));
}
