/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/reply.h"

#include <stdio.h>
#include <string.h>

/* ---- Answers --------------------------------------------------------------------------------- */

/* The text of a choice: of a chat's message, or of a completion. */
static struct cappy_choice_text read_choice(const json_t *choice)
{
    const json_t *message = json_object_get(choice, "message");
    const json_t *text =
        message != NULL ? json_object_get(message, "content") : json_object_get(choice, "text");
    const char *finish = json_string_value(json_object_get(choice, "finish_reason"));
    struct cappy_choice_text read = {.finish = finish != NULL ? finish : ""};
    if (json_is_string(text)) {
        read.text = (cappy_text){json_string_value(text), json_string_length(text)};
    }
    return read;
}

static uint64_t read_count(const json_t *usage, const char *key)
{
    const json_int_t n = json_integer_value(json_object_get(usage, key));
    return n > 0 ? (uint64_t)n : 0;
}

static cappy_status take(struct cappy_reply *reply, cappy_error *error)
{
    const json_t *choices = json_object_get(reply->json, "choices");
    if (json_array_size(choices) == 0) {
        return cappy_error_set(error, CAPPY_FORMAT, "it has no \"choices\"");
    }
    reply->choices = cappy_alloc(json_array_size(choices), sizeof *reply->choices);
    if (reply->choices == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < json_array_size(choices); i++) {
        const json_t *choice = json_array_get(choices, i);
        if (!json_is_object(choice)) {
            return cappy_error_set(error, CAPPY_FORMAT, "one of its \"choices\" is no object");
        }
        reply->choices[reply->n++] = read_choice(choice);
    }
    const json_t *usage = json_object_get(reply->json, "usage");
    reply->prompt_tokens = read_count(usage, "prompt_tokens");
    reply->answer_tokens = read_count(usage, "completion_tokens");
    reply->has_usage = reply->prompt_tokens + reply->answer_tokens > 0;
    return CAPPY_OK;
}

cappy_status cappy_reply_read(const char *text, size_t size, struct cappy_reply *reply,
                              cappy_error *error)
{
    struct cappy_reply made = {0};
    CAPPY_TRY(cappy_json_parse(text, size, &made.json, error));
    const cappy_status status = take(&made, error);
    if (status != CAPPY_OK) {
        cappy_reply_free(&made);
        return status;
    }
    *reply = made;
    return CAPPY_OK;
}

void cappy_reply_free(struct cappy_reply *reply)
{
    cappy_free(reply->choices);
    json_decref(reply->json);
    *reply = (struct cappy_reply){0};
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static const char *find_message(const json_t *body)
{
    static const char *const keys[] = {"message", "detail", "error", "msg"};
    if (json_is_string(body)) {
        return json_string_value(body);
    }
    if (json_is_array(body)) {
        return find_message(json_array_get(body, 0));
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *member = json_object_get(body, keys[i]);
        const char *found = member != NULL ? find_message(member) : NULL;
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

void cappy_reply_explain(const char *text, size_t size, char *message, size_t capacity, char *code,
                         size_t code_capacity)
{
    json_t *body = NULL;
    const char *found = NULL;
    code[0] = '\0';
    if (size > 0 && cappy_json_parse(text, size, &body, NULL) == CAPPY_OK) {
        const char *name =
            json_string_value(json_object_get(json_object_get(body, "error"), "code"));
        found = find_message(body);
        snprintf(code, code_capacity, "%s", name != NULL ? name : "");
    }
    if (found != NULL) {
        snprintf(message, capacity, "%s", found);
    } else {
        snprintf(message, capacity, "%.*s", (int)(size < 200 ? size : 200), size > 0 ? text : "");
    }
    json_decref(body);
}
