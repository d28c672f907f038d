/* SPDX-License-Identifier: Apache-2.0 */
/* What routes read out of bodies, and the parts that their answers share. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "serve/call.h"

/* The member, or NULL where it is absent or null. */
static const json_t *find_member(const struct cappy_call *call, const char *key)
{
    const json_t *member = json_object_get(call->body, key);
    return json_is_null(member) ? NULL : member;
}

bool cappy_call_choose_model(struct cappy_call *call)
{
    const json_t *member = find_member(call, "model");
    if (member != NULL && !json_is_string(member)) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID, "\"model\" must be a string");
    }
    call->job.model = call->service->models.models;
    if (member == NULL) {
        return true;
    }
    const cappy_text name = {json_string_value(member), json_string_length(member)};
    call->job.model = cappy_served_models_find(&call->service->models, name);
    if (call->job.model == NULL) {
        return cappy_call_fail(call, CAPPY_FAILURE_NOT_FOUND,
                               "there is no model \"%.100s\": /v1/models lists them", name.data);
    }
    return true;
}

bool cappy_call_make_pairs(struct cappy_call *call, size_t n, const char *what)
{
    const size_t most = call->service->options->max_pairs;
    if (n == 0) {
        return cappy_call_fail(call, CAPPY_FAILURE_EMPTY, "\"%s\" must not be empty", what);
    }
    if (n > most) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "batch size %zu > maximum allowed batch size %zu", n, most);
    }
    struct cappy_job *job = &call->job;
    call->pairs = cappy_alloc(n, sizeof *call->pairs);
    call->tokens = cappy_alloc(n, sizeof *call->tokens);
    call->whole = cappy_alloc(n, sizeof *call->whole);
    job->scores = cappy_alloc(n, job->model->info.n_labels * sizeof *job->scores);
    job->pairs = call->pairs;
    job->tokens = call->tokens;
    job->n = n;
    if (call->pairs == NULL || call->tokens == NULL || call->whole == NULL || job->scores == NULL) {
        return cappy_call_fail(call, CAPPY_FAILURE_UNAVAILABLE, "out of memory");
    }
    return true;
}

bool cappy_call_need_one_label(struct cappy_call *call)
{
    const struct cappy_served_model *model = call->job.model;
    if (model->info.n_labels != 1) {
        return cappy_call_fail(
            call, CAPPY_FAILURE_INVALID,
            "the model \"%s\" gives %zu numbers for a pair, and this route needs "
            "one: use /predict",
            model->name, model->info.n_labels);
    }
    return true;
}

void cappy_call_warn(struct cappy_call *call, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (call->warnings == NULL) {
        call->warnings = json_array();
    }
    json_array_append_new(call->warnings, json_string(text));
}

bool cappy_call_get_bool(struct cappy_call *call, const char *key, bool fallback, bool *value)
{
    const json_t *member = find_member(call, key);
    if (member != NULL && !json_is_boolean(member)) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID, "\"%s\" must be true or false", key);
    }
    *value = member != NULL ? json_is_true(member) : fallback;
    return true;
}

bool cappy_call_get_count(struct cappy_call *call, const char *key, int64_t min, int64_t max,
                          int64_t fallback, int64_t *value)
{
    const json_t *member = find_member(call, key);
    if (member == NULL) {
        *value = fallback;
        return true;
    }
    if (!json_is_integer(member) || json_integer_value(member) < min ||
        json_integer_value(member) > max) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "\"%s\" must be a whole number from %lld to %lld", key,
                               (long long)min, (long long)max);
    }
    *value = json_integer_value(member);
    return true;
}

bool cappy_call_get_text(struct cappy_call *call, const char *key, cappy_text *text)
{
    const json_t *member = find_member(call, key);
    if (!json_is_string(member)) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID, "\"%s\" %s, as a string", key,
                               member == NULL ? "is missing: add it" : "must be a text");
    }
    *text = (cappy_text){json_string_value(member), json_string_length(member)};
    return true;
}

bool cappy_call_get_list(struct cappy_call *call, const char *key, const json_t **list)
{
    const json_t *member = find_member(call, key);
    if (!json_is_array(member)) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID, "\"%s\" %s", key,
                               member == NULL ? "is missing: add it, as a list" : "must be a list");
    }
    if (json_array_size(member) == 0) {
        return cappy_call_fail(call, CAPPY_FAILURE_EMPTY, "list of %s must not be empty", key);
    }
    *list = member;
    return true;
}

bool cappy_call_get_item(struct cappy_call *call, const char *key, const json_t *list, size_t index,
                         cappy_text *text)
{
    const json_t *item = json_array_get(list, index);
    const json_t *string = json_is_object(item) ? json_object_get(item, "text") : item;
    if (!json_is_string(string)) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "\"%s\"[%zu] must be a string or an object with a string \"text\"",
                               key, index);
    }
    *text = (cappy_text){json_string_value(string), json_string_length(string)};
    return true;
}

/* TEI writes "Left" and "left", vLLM "left". */
static bool get_direction(struct cappy_call *call, const char *key)
{
    const json_t *member = find_member(call, key);
    if (member == NULL) {
        return true;
    }
    const char *side = json_is_string(member) ? json_string_value(member) : "";
    if (strcmp(side, "left") == 0 || strcmp(side, "Left") == 0) {
        call->job.truncation = CAPPY_TRUNCATION_LEFT;
        return true;
    }
    if (strcmp(side, "right") == 0 || strcmp(side, "Right") == 0) {
        return true;
    }
    return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                           "\"%s\" must be \"left\" or \"right\": the end that is cut off", key);
}

bool cappy_call_get_limits(struct cappy_call *call)
{
    static const char *const limits[] = {"max_tokens_per_doc", "max_tokens_per_query",
                                         "truncate_prompt_tokens"};
    const int64_t most = (int64_t)call->job.model->max_length;
    bool truncates;
    if (!cappy_call_get_bool(call, "truncate", true, &truncates) ||
        !get_direction(call, "truncation_direction") || !get_direction(call, "truncation_side")) {
        return false;
    }
    call->refuses_long = !truncates;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        int64_t limit;
        if (!cappy_call_get_count(call, limits[i], -1, INT32_MAX, -1, &limit)) {
            return false;
        }
        if (limit >= 0 && limit < most) {
            return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                                   "\"%s\" is %lld, and texts are cut where the model's %lld "
                                   "tokens end: leave it out, or start the server with "
                                   "--max-length",
                                   limits[i], (long long)limit, (long long)most);
        }
    }
    return true;
}

double cappy_call_clamp(const struct cappy_call *call, float score)
{
    const double value = (double)score;
    return call->raw ? value : value < 0 ? 0 : value > 1 ? 1 : value;
}

/* What OpenAI calls the tokens of a request. New. */
static json_t *make_usage(const struct cappy_call *call)
{
    const json_int_t n = (json_int_t)call->total_tokens;
    return json_pack("{s:I, s:I, s:i, s:n}", "prompt_tokens", n, "total_tokens", n,
                     "completion_tokens", 0, "prompt_tokens_details");
}

json_t *cappy_call_envelope(const struct cappy_call *call, const char *kind, const char *key,
                            json_t *list)
{
    return json_pack("{s:o, s:s, s:I, s:s, s:o, s:o}", "id", json_sprintf("%s-%s", kind, call->id),
                     "object", "list", "created", (json_int_t)time(NULL), "model",
                     call->job.model->name, key, list, "usage", make_usage(call));
}

void cappy_call_warn_of_unknown(struct cappy_call *call, const char *what, const json_t *object,
                                const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0) {
            i++;
        }
        if (known[i] == NULL && json_array_size(call->warnings) < 8) {
            cappy_call_warn(call, "%s has no member \"%.60s\": it was ignored", what, key);
        }
    }
}

static int compare_ranks(const void *left, const void *right)
{
    const struct cappy_rank *a = left;
    const struct cappy_rank *b = right;
    return a->key != b->key       ? (a->key < b->key) - (a->key > b->key)
           : a->score != b->score ? (a->score < b->score) - (a->score > b->score)
                                  : (a->index > b->index) - (a->index < b->index);
}

void cappy_ranks_sort(struct cappy_rank *ranks, size_t n)
{
    qsort(ranks, n, sizeof *ranks, compare_ranks);
}
