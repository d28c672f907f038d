/* SPDX-License-Identifier: Apache-2.0 */
/* The store of a relay, for requests that ask for it. An answer is known by all of the request but
 * the number of answers. Only plain text is kept: a tool call may depend on the moment. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "llm/relay.h"

/* Says that the store did not do. The answers are good all the same. */
static void complain(struct cappy_relayed *request, const cappy_error *error)
{
    if (request->store_problem[0] == '\0') {
        snprintf(request->store_problem, sizeof request->store_problem, "%.190s", error->message);
    }
}

/* What the request is known by; the caller frees *text, which the key borrows from. */
static cappy_status name_request(const struct cappy_relay *relay,
                                 const struct cappy_relayed *request, struct cappy_buffer *text,
                                 struct cappy_store_key *key, cappy_error *error)
{
    const char *url = relay->urls[request->api];
    cappy_buffer_init(text, SIZE_MAX / 2);
    CAPPY_TRY(cappy_json_append(request->body, text, error));
    *key = cappy_store_key_of((cappy_text){url, strlen(url)}, (cappy_text){text->data, text->size});
    return CAPPY_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct loading {
    struct cappy_relayed *request;
    json_t *choices;
};

static cappy_status take(void *context, size_t number, cappy_text text, const char *finish,
                         cappy_error *error)
{
    struct loading *loading = context;
    json_t *content = json_stringn(text.data, text.size);
    json_t *choice =
        loading->request->api == CAPPY_LLM_CHAT
            ? json_pack("{s:i, s:{s:s, s:o}, s:n, s:s}", "index", 0, "message", "role", "assistant",
                        "content", content, "logprobs", "finish_reason", finish)
            : json_pack("{s:i, s:o, s:n, s:s}", "index", 0, "text", content, "logprobs",
                        "finish_reason", finish);
    if (json_array_append_new(loading->choices, choice) != 0) {
        return cappy_error_no_memory(error);
    }
    loading->request->held[number] = true;
    return CAPPY_OK;
}

/* A reply of stored answers, in the shape of the others. New. */
static json_t *make_reply(const struct cappy_relayed *request, json_t *choices)
{
    const json_t *model = json_object_get(request->body, "model");
    return json_pack("{s:s, s:s, s:I, s:O*, s:O}", "id", "cappy-store", "object",
                     request->api == CAPPY_LLM_CHAT ? "chat.completion" : "text_completion",
                     "created", (json_int_t)time(NULL), "model", model, "choices", choices);
}

static cappy_status load(struct cappy_relay *relay, struct cappy_relayed *request,
                         struct loading *loading, cappy_error *error)
{
    struct cappy_buffer text;
    struct cappy_store_key key;
    request->held = cappy_alloc(request->n, sizeof *request->held);
    if (request->held == NULL || loading->choices == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = name_request(relay, request, &text, &key, error);
    if (status == CAPPY_OK) {
        status = cappy_store_load(relay->store, &key, request->n, take, loading, error);
    }
    cappy_buffer_free(&text);
    return status;
}

void cappy_relay_load(struct cappy_relay *relay, struct cappy_relayed *request)
{
    struct loading loading = {request, NULL};
    cappy_error error;
    if (relay->store == NULL || !request->reuses) {
        return;
    }
    loading.choices = json_array();
    if (load(relay, request, &loading, &error) != CAPPY_OK) {
        complain(request, &error);
    }
    const size_t n = json_array_size(loading.choices);
    if (n > 0 && cappy_relayed_add(request, make_reply(request, loading.choices), n)) {
        request->n_stored = n;
    }
    json_decref(loading.choices);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* The text of a choice that is nothing but text, else NULL. */
static const json_t *find_text(const json_t *choice)
{
    const json_t *message = json_object_get(choice, "message");
    const json_t *calls = json_object_get(message, "tool_calls");
    const json_t *text =
        json_object_get(message != NULL ? message : choice, message != NULL ? "content" : "text");
    return json_is_string(text) && json_array_size(calls) == 0 ? text : NULL;
}

static cappy_status keep(struct cappy_relay *relay, struct cappy_relayed *request,
                         const struct cappy_store_key *key, const json_t *reply, cappy_error *error)
{
    size_t number = 0;
    size_t index;
    const json_t *choice;
    json_array_foreach(json_object_get(reply, "choices"), index, choice)
    {
        const json_t *text = find_text(choice);
        const char *finish = json_string_value(json_object_get(choice, "finish_reason"));
        while (number < request->n && request->held[number]) {
            number++;
        }
        if (text != NULL && number < request->n) {
            const cappy_text answer = {json_string_value(text), json_string_length(text)};
            CAPPY_TRY(cappy_store_add(relay->store, key, number, answer,
                                      finish != NULL ? finish : "", error));
            request->held[number] = true;
        }
    }
    return cappy_store_commit(relay->store, error);
}

void cappy_relay_keep(struct cappy_relay *relay, struct cappy_relayed *request, const json_t *reply)
{
    struct cappy_buffer text;
    struct cappy_store_key key;
    cappy_error error;
    if (relay->store == NULL || request->held == NULL) {
        return;
    }
    cappy_status status = name_request(relay, request, &text, &key, &error);
    if (status == CAPPY_OK) {
        status = keep(relay, request, &key, reply, &error);
    }
    if (status != CAPPY_OK) {
        complain(request, &error);
    }
    cappy_buffer_free(&text);
}
