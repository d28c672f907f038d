/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a language model: what of them is cappy's, and what is scored. The rest is not looked
 * at and goes on as it came. */
#include <string.h>

#include "serve/routes.h"

enum { MOST_RETURNED = 128 }; /* answers, as OpenAI has it */

/* What a request says to cappy itself, in its member "cappy". */
struct wishes {
    int64_t best_of; /* 0: not given */
    bool reuse;
    const char *scorer;
};

static bool read_wishes(struct cappy_call *call, struct wishes *wishes)
{
    static const char *const known[] = {"best_of", "reuse",           "scorer", "instruction",
                                        "select",  "mix_temperature", NULL};
    const json_t *own = json_object_get(call->body, "cappy");
    const int64_t most = (int64_t)call->service->options->max_best_of;
    cappy_error error;
    *wishes = (struct wishes){0};
    if (own == NULL || json_is_null(own)) {
        return true;
    }
    if (!json_is_object(own)) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID, "\"cappy\" must be an object");
    }
    if (cappy_json_get_int(own, "best_of", 1, most, 0, &wishes->best_of, &error) != CAPPY_OK ||
        cappy_json_get_bool(own, "reuse", false, &wishes->reuse, &error) != CAPPY_OK ||
        cappy_json_get_string(own, "scorer", NULL, &wishes->scorer, &error) != CAPPY_OK ||
        cappy_json_get_string(own, "instruction", NULL, &call->note, &error) != CAPPY_OK) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID, "in \"cappy\": %s", error.message);
    }
    cappy_call_warn_of_unknown(call, "\"cappy\"", own, known);
    return true;
}

/* How many answers to sample, and how many of them to give. */
static bool choose_numbers(struct cappy_call *call, const struct wishes *wishes)
{
    const struct cappy_serve_options *options = call->service->options;
    const int64_t most = (int64_t)options->max_best_of;
    int64_t returned;
    int64_t best_of = 0;
    const bool is_text = call->relayed.api == CAPPY_LLM_COMPLETIONS;
    if (!cappy_call_get_count(call, "n", 1, most < MOST_RETURNED ? most : MOST_RETURNED, 1,
                              &returned) ||
        (is_text && !cappy_call_get_count(call, "best_of", 1, most, 0, &best_of))) {
        return false;
    }
    best_of = wishes->best_of != 0 ? wishes->best_of : best_of;
    if (best_of != 0 && best_of < returned) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "\"best_of\" is %lld and \"n\" %lld: there must be as many answers "
                               "to choose from as are asked for",
                               (long long)best_of, (long long)returned);
    }
    if (best_of == 0) {
        best_of = returned > (int64_t)options->best_of ? returned : (int64_t)options->best_of;
    }
    if ((size_t)best_of > options->max_pairs) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "this server scores %zu answers at most", options->max_pairs);
    }
    call->top_n = (size_t)returned;
    call->relayed.n = (size_t)best_of;
    return true;
}

static bool choose_scorer(struct cappy_call *call, const struct wishes *wishes)
{
    const struct cappy_served_models *models = &call->service->models;
    call->job.model = models->models;
    if (wishes->scorer != NULL) {
        const cappy_text name = {wishes->scorer, strlen(wishes->scorer)};
        call->job.model = cappy_served_models_find(models, name);
    }
    if (call->job.model == NULL) {
        return cappy_call_fail(call, CAPPY_FAILURE_NOT_FOUND,
                               "there is no scorer \"%.100s\": /v1/models lists them",
                               wishes->scorer);
    }
    return cappy_call_need_one_label(call);
}

static bool choose_how(struct cappy_call *call)
{
    return cappy_call_get_choosing(call, json_object_get(call->body, "cappy"),
                                   call->service->options->choosing);
}

static bool read_stream(struct cappy_call *call)
{
    const json_t *options = json_object_get(call->body, "stream_options");
    cappy_error error;
    if (!cappy_call_get_bool(call, "stream", false, &call->is_stream)) {
        return false;
    }
    if (options == NULL || json_is_null(options)) {
        return true;
    }
    if (!json_is_object(options) || cappy_json_get_bool(options, "include_usage", false,
                                                        &call->with_usage, &error) != CAPPY_OK) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "\"stream_options\" must be an object with a boolean "
                               "\"include_usage\"");
    }
    return true;
}

/* The request as the endpoint gets it: for one answer, all at once. */
static bool make_body(struct cappy_call *call)
{
    static const char *const own[] = {"cappy", "n", "stream", "stream_options"};
    call->relayed.body = json_copy(call->body);
    if (call->relayed.body == NULL) {
        return cappy_call_fail(call, CAPPY_FAILURE_UNAVAILABLE, "out of memory");
    }
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        json_object_del(call->relayed.body, own[i]);
    }
    if (call->relayed.api == CAPPY_LLM_COMPLETIONS) {
        json_object_del(call->relayed.body, "best_of");
    }
    return true;
}

static bool prepare(struct cappy_call *call, enum cappy_llm_api api)
{
    struct wishes wishes;
    call->relayed.api = api;
    if (call->service->options->llm == NULL) {
        return cappy_call_fail(call, CAPPY_FAILURE_NOT_FOUND,
                               "there is no language model behind this server: start it with "
                               "--llm URL");
    }
    if (!read_wishes(call, &wishes) || !choose_numbers(call, &wishes) ||
        !choose_scorer(call, &wishes) || !choose_how(call) || !read_stream(call) ||
        !make_body(call)) {
        return false;
    }
    call->relayed.reuses = wishes.reuse;
    if (wishes.reuse && call->service->options->llm_store == NULL) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "\"reuse\" needs a store: start the server with --store FILE");
    }
    return true;
}

bool cappy_chat_prepare(struct cappy_call *call)
{
    const json_t *messages;
    size_t index;
    const json_t *message;
    if (!prepare(call, CAPPY_LLM_CHAT) || !cappy_call_get_list(call, "messages", &messages)) {
        return false;
    }
    json_array_foreach(messages, index, message)
    {
        if (!json_is_object(message)) {
            return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                                   "\"messages\"[%zu] must be an object", index);
        }
    }
    return true;
}

bool cappy_completions_prepare(struct cappy_call *call)
{
    const json_t *prompt = json_object_get(call->body, "prompt");
    if (!prepare(call, CAPPY_LLM_COMPLETIONS)) {
        return false;
    }
    if (json_array_size(prompt) == 1) {
        prompt = json_array_get(prompt, 0);
    }
    if (!json_is_string(prompt)) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "\"prompt\" must be one text, since the best of its answers is "
                               "chosen by it: send several, and lists of tokens, one by one");
    }
    return true;
}
