/* SPDX-License-Identifier: Apache-2.0 */
/* What came back from a language model: which texts are scored, and the answer that is made of the
 * best. */
#include <stdio.h>
#include <string.h>

#include "serve/routes.h"

/* ---- Texts ----------------------------------------------------------------------------------- */

/* Appends a text, or the texts of a message's parts with line feeds between them. */
static cappy_status append_content(struct cappy_buffer *out, const json_t *content)
{
    size_t index;
    const json_t *part;
    if (json_is_string(content)) {
        return cappy_buffer_append(out, json_string_value(content), json_string_length(content),
                                   NULL);
    }
    json_array_foreach(content, index, part)
    {
        const json_t *text = json_object_get(part, "text");
        if (json_is_string(text)) {
            CAPPY_TRY(cappy_buffer_append(out, "\n", out->size > 0, NULL));
            CAPPY_TRY(append_content(out, text));
        }
    }
    return CAPPY_OK;
}

/* The question: the last message of the user, or else the last that there is. */
static const json_t *find_question(const json_t *messages)
{
    for (size_t i = json_array_size(messages); i-- > 0;) {
        const json_t *message = json_array_get(messages, i);
        const char *role = json_string_value(json_object_get(message, "role"));
        if (role != NULL && strcmp(role, "user") == 0) {
            return json_object_get(message, "content");
        }
    }
    return json_object_get(json_array_get(messages, json_array_size(messages) - 1), "content");
}

static cappy_status append_instruction(const struct cappy_call *call, struct cappy_buffer *out)
{
    const json_t *prompt = json_object_get(call->body, "prompt");
    if (call->note != NULL) {
        return cappy_buffer_append(out, call->note, strlen(call->note), NULL);
    }
    if (call->relayed.api == CAPPY_LLM_CHAT) {
        return append_content(out, find_question(json_object_get(call->body, "messages")));
    }
    return append_content(out, json_is_array(prompt) ? json_array_get(prompt, 0) : prompt);
}

/* The name and the arguments of a tool call, or of what older endpoints call a function call. */
static cappy_status append_function(struct cappy_buffer *out, const json_t *function)
{
    const json_t *name = json_object_get(function, "name");
    const json_t *arguments = json_object_get(function, "arguments");
    if (name != NULL) {
        CAPPY_TRY(cappy_buffer_append(out, "\n", out->size > 0, NULL));
        CAPPY_TRY(append_content(out, name));
        CAPPY_TRY(cappy_buffer_append(out, " ", 1, NULL));
    }
    return append_content(out, arguments);
}

/* An answer as it is scored: its text, and its tool calls behind it. */
static cappy_status append_answer(const struct cappy_call *call, const json_t *choice,
                                  cappy_text instruction, struct cappy_buffer *out)
{
    const json_t *message = json_object_get(choice, "message");
    const json_t *calls = json_object_get(message, "tool_calls");
    size_t index;
    const json_t *one;
    CAPPY_TRY(append_content(out, message != NULL ? json_object_get(message, "content")
                                                  : json_object_get(choice, "text")));
    json_array_foreach(calls, index, one)
    {
        CAPPY_TRY(append_function(out, json_object_get(one, "function")));
    }
    CAPPY_TRY(append_function(out, json_object_get(message, "function_call")));
    /* The prompt in front of it, where the client wants that, is not part of the answer. */
    const bool is_echo = json_is_true(json_object_get(call->body, "echo"));
    if (is_echo && out->size >= instruction.size &&
        memcmp(out->data, instruction.data, instruction.size) == 0) {
        memmove(out->data, out->data + instruction.size, out->size - instruction.size);
        out->size -= instruction.size;
    }
    return CAPPY_OK;
}

/* Keeps a text as long as the call, which the pair borrows from. */
static bool keep_text(struct cappy_call *call, struct cappy_buffer *text, cappy_text *kept)
{
    json_t *string = json_stringn(text->data != NULL ? text->data : "", text->size);
    if (json_array_append_new(call->texts, string) != 0) {
        return false;
    }
    *kept = (cappy_text){json_string_value(string), json_string_length(string)};
    cappy_buffer_clear(text);
    return true;
}

static bool make_texts(struct cappy_call *call)
{
    struct cappy_buffer text;
    cappy_text instruction = {0};
    cappy_buffer_init(&text, SIZE_MAX / 2);
    bool is_good =
        append_instruction(call, &text) == CAPPY_OK && keep_text(call, &text, &instruction);
    for (size_t i = 0; is_good && i < call->job.n; i++) {
        call->pairs[i].instruction = instruction;
        is_good =
            append_answer(call, json_array_get(call->choices, i), instruction, &text) == CAPPY_OK &&
            keep_text(call, &text, &call->pairs[i].response);
    }
    cappy_buffer_free(&text);
    return is_good || cappy_call_fail(call, CAPPY_FAILURE_UNAVAILABLE, "out of memory");
}

/* ---- Failures -------------------------------------------------------------------------------- */

/* Answers with what the endpoint has answered, or with why it has not. */
static bool fail(struct cappy_call *call)
{
    struct cappy_relay_failure *failure = &call->relayed.failure;
    if (failure->status == 0) {
        return cappy_call_fail(
            call, failure->is_timeout ? CAPPY_FAILURE_UPSTREAM_TIMEOUT : CAPPY_FAILURE_UPSTREAM,
            "%s", failure->sentence);
    }
    cappy_call_fail_with(call, CAPPY_FAILURE_UPSTREAM, failure->status, failure->sentence);
    call->retry_after = failure->retry_after;
    if (failure->body.size > 0) {
        cappy_buffer_free(&call->answer);
        call->answer = failure->body;
        failure->body = (struct cappy_buffer){0};
        call->type = failure->is_json ? "application/json" : "text/plain; charset=utf-8";
    }
    return false;
}

bool cappy_proxy_resume(struct cappy_call *call)
{
    size_t index;
    json_t *reply;
    size_t place;
    json_t *choice;
    if (call->relayed.n_answers == 0) {
        return fail(call);
    }
    call->choices = json_array();
    call->texts = json_array();
    int failed = call->texts == NULL;
    json_array_foreach(call->relayed.replies, index, reply)
    {
        json_array_foreach(json_object_get(reply, "choices"), place, choice)
        {
            failed |= json_array_append(call->choices, choice);
        }
    }
    if (failed != 0) {
        return cappy_call_fail(call, CAPPY_FAILURE_UNAVAILABLE, "out of memory");
    }
    return cappy_call_make_pairs(call, json_array_size(call->choices), "choices") &&
           make_texts(call) && cappy_call_compare(call);
}

/* ---- Usage ----------------------------------------------------------------------------------- */

/* Adds the numbers of `more` to those of `sum`, member by member. */
static int add_usage(json_t *sum, const json_t *more)
{
    const char *key;
    json_t *value;
    int failed = 0;
    json_object_foreach((json_t *)more, key, value)
    {
        json_t *before = json_object_get(sum, key);
        const json_int_t a = json_integer_value(before);
        const json_int_t b = json_integer_value(value);
        if (before == NULL || json_is_null(before)) {
            failed |= json_object_set_new(sum, key, json_deep_copy(value));
        } else if (json_is_object(before) && json_is_object(value)) {
            failed |= add_usage(before, value);
        } else if (json_is_integer(before) && json_is_integer(value) && a >= 0 && b >= 0 &&
                   a <= INT64_MAX - b) {
            failed |= json_object_set_new(sum, key, json_integer(a + b));
        } else if (json_is_number(before) && json_is_real(value)) {
            failed |= json_object_set_new(
                sum, key, json_real(json_number_value(before) + json_number_value(value)));
        }
    }
    return failed;
}

/* What all calls together took. New; NULL where the endpoint does not say. */
static json_t *sum_usage(const struct cappy_call *call)
{
    json_t *sum = NULL;
    size_t index;
    const json_t *reply;
    json_array_foreach(call->relayed.replies, index, reply)
    {
        const json_t *usage = json_object_get(reply, "usage");
        if (json_is_object(usage)) {
            sum = sum != NULL ? sum : json_object();
            if (add_usage(sum, usage) != 0) {
                json_decref(sum);
                return NULL;
            }
        }
    }
    return sum;
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* What cappy has to say about it. New. */
static json_t *describe_choice(const struct cappy_call *call, const struct cappy_rank *ranks,
                               size_t count)
{
    const struct cappy_relayed *relayed = &call->relayed;
    json_t *scores = json_array();
    json_t *chosen = json_array();
    for (size_t i = 0; i < call->job.n; i++) {
        json_array_append_new(scores, json_real((double)call->job.scores[i]));
    }
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(chosen, json_integer((json_int_t)ranks[i].index));
    }
    const struct cappy_choosing *how = &call->chooser.how;
    json_t *own = json_pack(
        "{s:I, s:s, s:s, s:o, s:o, s:I, s:I}", "best_of", (json_int_t)relayed->n, "scorer",
        call->job.model->name, "select", cappy_selection_names[how->by], "scores", scores, "chosen",
        chosen, "failed", (json_int_t)relayed->n_failed, "calls", (json_int_t)relayed->n_calls);
    int failed = own == NULL;
    if (how->by == CAPPY_SELECT_MIX) {
        failed |= json_object_set_new(own, "mix_temperature", json_real(how->temperature));
    }
    if (relayed->n_failed > 0) {
        failed |= json_object_set_new(own, "error", json_string(relayed->failure.sentence));
    }
    if (relayed->reuses) {
        failed |= json_object_set_new(own, "stored", json_integer((json_int_t)relayed->n_stored));
    }
    if (call->warnings != NULL) {
        failed |= json_object_set(own, "warnings", call->warnings);
    }
    if (failed != 0) {
        json_decref(own);
        return NULL;
    }
    return own;
}

/* The chosen ones, counted from 0. New. */
static json_t *list_choices(const struct cappy_call *call, const struct cappy_rank *ranks,
                            size_t count)
{
    json_t *list = json_array();
    int failed = list == NULL;
    for (size_t i = 0; i < count && failed == 0; i++) {
        json_t *choice = json_copy(json_array_get(call->choices, ranks[i].index));
        failed |= json_object_set_new(choice, "index", json_integer((json_int_t)i));
        failed |= json_array_append_new(list, choice);
    }
    if (failed != 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* The first reply, with what was chosen from all in the place of its choices. New. */
static json_t *make_completion(const struct cappy_call *call, const struct cappy_rank *ranks,
                               size_t count)
{
    json_t *made = json_copy(json_array_get(call->relayed.replies, 0));
    json_t *usage = sum_usage(call);
    int failed = json_object_set_new(made, "choices", list_choices(call, ranks, count));
    if (usage != NULL) {
        failed |= json_object_set_new(made, "usage", usage);
    }
    failed |= json_object_set_new(made, "cappy", describe_choice(call, ranks, count));
    if (failed != 0) {
        json_decref(made);
        return NULL;
    }
    return made;
}

bool cappy_proxy_finish(struct cappy_call *call)
{
    const size_t n = call->job.n;
    const size_t count = call->top_n < n ? call->top_n : n;
    struct cappy_rank *ranks = cappy_call_rank(call);
    if (ranks == NULL) {
        return cappy_call_fail(call, CAPPY_FAILURE_UNAVAILABLE, "out of memory");
    }
    if (call->relayed.store_problem[0] != '\0') {
        cappy_call_warn(call, "the store: %s", call->relayed.store_problem);
    }
    json_t *completion = make_completion(call, ranks, count);
    cappy_free(ranks);
    if (!call->is_stream) {
        return cappy_call_reply(call, completion);
    }
    const bool is_good = completion != NULL && cappy_stream_reply(call, completion);
    json_decref(completion);
    return is_good || cappy_call_fail(call, CAPPY_FAILURE_UNAVAILABLE, "out of memory");
}
