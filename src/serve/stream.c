/* SPDX-License-Identifier: Apache-2.0 */
/* A completion as a stream of events, the way OpenAI sends one. All of it is there when it begins,
 * since what is best is known only then; so each choice comes in three pieces: who speaks, what is
 * said, why it ends. */
#include <string.h>
#include <time.h>

#include "serve/call.h"

static cappy_status append_event(struct cappy_call *call, const json_t *event)
{
    CAPPY_TRY(cappy_buffer_append(&call->answer, "data: ", 6, NULL));
    CAPPY_TRY(cappy_json_append(event, &call->answer, NULL));
    return cappy_buffer_append(&call->answer, "\n\n", 2, NULL);
}

/* Appends an event with these choices, which are taken over, and, where not NULL, another member.
 */
static cappy_status append_chunk(struct cappy_call *call, const json_t *completion, json_t *choices,
                                 const char *key, const json_t *value)
{
    static const char *const kept[] = {
        "id", "object", "created", "model", "system_fingerprint", "service_tier"};
    json_t *chunk = json_object();
    int failed = chunk == NULL;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        json_t *member = json_object_get(completion, kept[i]);
        if (member != NULL) {
            failed |= json_object_set(chunk, kept[i], member);
        }
    }
    if (json_object_get(chunk, "id") == NULL) {
        failed |= json_object_set_new(chunk, "id", json_sprintf("chatcmpl-%s", call->id));
    }
    if (json_object_get(chunk, "created") == NULL) {
        failed |= json_object_set_new(chunk, "created", json_integer((json_int_t)time(NULL)));
    }
    failed |= json_object_set_new(chunk, "object",
                                  json_string(call->relayed.api == CAPPY_LLM_CHAT
                                                  ? "chat.completion.chunk"
                                                  : "text_completion"));
    failed |= json_object_set_new(chunk, "choices", choices);
    if (call->with_usage) {
        failed |= json_object_set_new(chunk, "usage", json_null());
    }
    if (value != NULL) {
        failed |= json_object_set(chunk, key, (json_t *)value);
    }
    const cappy_status status = failed == 0 ? append_event(call, chunk) : CAPPY_NO_MEMORY;
    json_decref(chunk);
    return status;
}

/* What a message says, all at once: its members but for who speaks. New. */
static json_t *make_delta(const json_t *message)
{
    json_t *delta = json_object();
    int failed = delta == NULL;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)message, key, value)
    {
        if (strcmp(key, "role") != 0 && !json_is_null(value)) {
            failed |= json_object_set(delta, key, value);
        }
    }
    json_t *calls = json_object_get(delta, "tool_calls");
    if (json_is_array(calls)) {
        json_t *numbered = json_array();
        size_t index;
        json_array_foreach(calls, index, value)
        {
            json_t *one = json_copy(value);
            if (json_is_object(one)) {
                failed |= json_object_set_new(one, "index", json_integer((json_int_t)index));
            }
            failed |= json_array_append_new(numbered, one);
        }
        failed |= json_object_set_new(delta, "tool_calls", numbered);
    }
    if (failed != 0) {
        json_decref(delta);
        return NULL;
    }
    return delta;
}

/* A choice of a chunk, in a list. Takes `said` over. New. */
static json_t *make_piece(const json_t *choice, const char *key, json_t *said, bool is_last,
                          bool with_logprobs)
{
    const json_t *index = json_object_get(choice, "index");
    const json_t *finish = json_object_get(choice, "finish_reason");
    const json_t *logprobs = json_object_get(choice, "logprobs");
    return json_pack("[{s:O, s:o, s:O?, s:O?}]", "index", index, key, said, "logprobs",
                     with_logprobs ? logprobs : NULL, "finish_reason", is_last ? finish : NULL);
}

static cappy_status append_choice(struct cappy_call *call, const json_t *completion,
                                  const json_t *choice, const json_t *own)
{
    json_t *said;
    json_t *end;
    if (call->relayed.api == CAPPY_LLM_CHAT) {
        const json_t *message = json_object_get(choice, "message");
        const json_t *role = json_object_get(message, "role");
        json_t *begin =
            json_pack("{s:o, s:s}", "role",
                      json_is_string(role) ? json_incref((json_t *)role) : json_string("assistant"),
                      "content", "");
        CAPPY_TRY(append_chunk(call, completion, make_piece(choice, "delta", begin, false, false),
                               NULL, NULL));
        said = make_piece(choice, "delta", make_delta(message), false, true);
        end = make_piece(choice, "delta", json_object(), true, false);
    } else {
        const json_t *text = json_object_get(choice, "text");
        said =
            make_piece(choice, "text", text != NULL ? json_incref((json_t *)text) : json_string(""),
                       false, true);
        end = make_piece(choice, "text", json_string(""), true, false);
    }
    const cappy_status status = append_chunk(call, completion, said, NULL, NULL);
    if (status != CAPPY_OK) {
        json_decref(end);
        return status;
    }
    return append_chunk(call, completion, end, "cappy", own);
}

static cappy_status append_all(struct cappy_call *call, const json_t *completion)
{
    const json_t *choices = json_object_get(completion, "choices");
    size_t index;
    const json_t *choice;
    json_array_foreach(choices, index, choice)
    {
        const bool is_last = index + 1 == json_array_size(choices);
        CAPPY_TRY(append_choice(call, completion, choice,
                                is_last ? json_object_get(completion, "cappy") : NULL));
    }
    const json_t *usage = json_object_get(completion, "usage");
    if (call->with_usage && usage != NULL) {
        CAPPY_TRY(append_chunk(call, completion, json_array(), "usage", usage));
    }
    return cappy_buffer_append(&call->answer, "data: [DONE]\n\n", 14, NULL);
}

bool cappy_stream_reply(struct cappy_call *call, const json_t *completion)
{
    cappy_buffer_clear(&call->answer);
    if (append_all(call, completion) != CAPPY_OK) {
        return false;
    }
    call->status = 200;
    call->type = "text/event-stream";
    return true;
}

void cappy_stream_fail(struct cappy_call *call)
{
    json_t *error = NULL;
    /* The endpoint's own words go on one line; what is no JSON is told in cappy's. */
    if (cappy_json_parse(call->answer.data, call->answer.size, &error, NULL) != CAPPY_OK ||
        !json_is_object(error)) {
        json_decref(error);
        cappy_call_fail_with(call, call->failure, call->status, call->message);
        if (cappy_json_parse(call->answer.data, call->answer.size, &error, NULL) != CAPPY_OK) {
            error = NULL;
        }
    }
    cappy_buffer_clear(&call->answer);
    call->type = "text/event-stream";
    if (error != NULL) {
        append_event(call, error);
    }
    json_decref(error);
}
