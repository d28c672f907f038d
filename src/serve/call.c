/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/call.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* ---- Failures -------------------------------------------------------------------------------- */

static const struct {
    int status;
    const char *type;
    int tei_status;
    const char *tei_type;
} failures[] = {{0},
#define FAILURE_ROW(name, status, type, tei_status, tei_type) {status, type, tei_status, tei_type},
                CAPPY_FAILURE_MAP(FAILURE_ROW)
#undef FAILURE_ROW
};

/* The body of an error. */
static json_t *describe_failure(const struct cappy_call *call)
{
    const json_int_t code = call->status;
    if (call->dialect == CAPPY_DIALECT_TEI) {
        return json_pack("{s:s, s:s}", "error", call->message, "error_type",
                         failures[call->failure].tei_type);
    }
    return json_pack("{s:{s:s, s:s, s:n, s:I}, s:s, s:s, s:s}", "error", "message", call->message,
                     "type", failures[call->failure].type, "param", "code", code, "id", call->id,
                     "message", call->message, "detail", call->message);
}

bool cappy_call_fail_with(struct cappy_call *call, enum cappy_failure failure, int status,
                          const char *message)
{
    cappy_error sentence;
    /* What came from the client is made printable. */
    cappy_error_set(&sentence, CAPPY_FORMAT, "%s", message);
    snprintf(call->message, sizeof call->message, "%s", sentence.message);
    call->failure = failure;
    call->status = status;
    json_t *json = describe_failure(call);
    cappy_buffer_clear(&call->answer);
    call->type = "application/json";
    if (json != NULL) { /* else the status must do */
        cappy_json_append(json, &call->answer, NULL);
    }
    json_decref(json);
    return false;
}

bool cappy_call_fail(struct cappy_call *call, enum cappy_failure failure, const char *format, ...)
{
    char text[sizeof call->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const int status = call->dialect == CAPPY_DIALECT_TEI ? failures[failure].tei_status
                                                          : failures[failure].status;
    return cappy_call_fail_with(call, failure, status, text);
}

void cappy_call_fail_status(struct cappy_call *call, int status, const char *reason)
{
    for (size_t i = 1; i < sizeof failures / sizeof failures[0]; i++) {
        if (failures[i].status == status) {
            cappy_call_fail(call, (enum cappy_failure)i, "%s", reason);
            return;
        }
    }
    cappy_call_fail(call, CAPPY_FAILURE_INTERNAL, "%s", reason);
}

/* ---- Answers --------------------------------------------------------------------------------- */

bool cappy_call_reply(struct cappy_call *call, json_t *json)
{
    cappy_buffer_clear(&call->answer);
    const bool is_written =
        json != NULL && cappy_json_append(json, &call->answer, NULL) == CAPPY_OK;
    json_decref(json);
    if (!is_written) {
        return cappy_call_fail(call, CAPPY_FAILURE_INTERNAL, "out of memory");
    }
    call->status = 200;
    call->type = "application/json";
    return true;
}

void cappy_call_reply_text(struct cappy_call *call, const char *type, const char *text)
{
    cappy_buffer_clear(&call->answer);
    if (cappy_buffer_append(&call->answer, text, strlen(text), NULL) != CAPPY_OK) {
        cappy_call_fail(call, CAPPY_FAILURE_INTERNAL, "out of memory");
        return;
    }
    call->status = 200;
    call->type = type;
}

/* ---- Life ------------------------------------------------------------------------------------ */

/* A random UUID, RFC 9562 5.4. */
static void make_id(char id[37])
{
    unsigned char bytes[16] = {0};
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        memset(bytes, 0, sizeof bytes);
    }
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    size_t at = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        static const char digits[] = "0123456789abcdef";
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            id[at++] = '-';
        }
        id[at++] = digits[bytes[i] >> 4];
        id[at++] = digits[bytes[i] & 15];
    }
    id[at] = '\0';
}

void cappy_call_init(struct cappy_call *call, const struct cappy_service *service,
                     const struct cappy_route *route)
{
    *call = (struct cappy_call){.service = service,
                                .route = route,
                                .dialect = route != NULL ? route->dialect : CAPPY_DIALECT_COMMON};
    make_id(call->id);
    cappy_buffer_init(&call->answer, SIZE_MAX / 2);
}

void cappy_call_free(struct cappy_call *call)
{
    json_decref(call->body);
    json_decref(call->warnings);
    json_decref(call->choices);
    json_decref(call->texts);
    json_decref(call->relayed.body);
    cappy_relayed_free(&call->relayed);
    cappy_free(call->pairs);
    cappy_free(call->tokens);
    cappy_free(call->whole);
    cappy_free(call->job.scores);
    cappy_chooser_free(&call->chooser);
    cappy_buffer_free(&call->answer);
}

/* ---- From body to job ------------------------------------------------------------------------ */

/* More values than this in a body are no request, but an attempt on the memory. */
static size_t limit_values(const struct cappy_call *call)
{
    return call->service->options->max_pairs * 64 + 4096;
}

static bool parse_body(struct cappy_call *call, const char *body, size_t size)
{
    cappy_error error = {0};
    cappy_status status =
        cappy_json_parse_limited(body, size, limit_values(call), &call->body, &error);
    if (status == CAPPY_NO_MEMORY) {
        return cappy_call_fail(call, CAPPY_FAILURE_UNAVAILABLE, "out of memory");
    }
    if (status != CAPPY_OK) {
        return cappy_call_fail(call, CAPPY_FAILURE_SYNTAX, "in the body: %s", error.message);
    }
    if (!json_is_object(call->body)) {
        return cappy_call_fail(call, CAPPY_FAILURE_SYNTAX, "the body must be a JSON object");
    }
    return true;
}

/* Says which pairs are too long for the model. */
static bool check_lengths(struct cappy_call *call)
{
    const size_t limit = call->job.model->max_length;
    enum { WARNINGS = 100 };
    for (size_t i = 0; i < call->job.n; i++) {
        if (call->whole[i] <= call->tokens[i]) {
            continue;
        }
        if (call->refuses_long) {
            return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                                   "pair %zu has %zu tokens, the model takes %zu: shorten it or "
                                   "allow truncation",
                                   i, call->whole[i], limit);
        }
        if (call->n_truncated++ < WARNINGS) {
            cappy_call_warn(call, "pair %zu was truncated from %zu to %zu tokens", i,
                            call->whole[i], call->tokens[i]);
        }
    }
    return true;
}

static bool measure_pairs(struct cappy_call *call)
{
    cappy_error error;
    if (cappy_served_model_measure(call->job.model, call->pairs, call->job.n, call->tokens,
                                   call->whole, &error) != CAPPY_OK) {
        return cappy_call_fail(call, CAPPY_FAILURE_UNAVAILABLE, "%s", error.message);
    }
    for (size_t i = 0; i < call->job.n; i++) {
        call->total_tokens += call->tokens[i];
        call->characters += call->pairs[i].instruction.size + call->pairs[i].response.size;
    }
    return check_lengths(call);
}

/* The model that a request names to a route in front of a language model is not ours. */
static bool read_body(struct cappy_call *call)
{
    if (call->route->resume != NULL) {
        return call->route->prepare(call);
    }
    return cappy_call_choose_model(call) && call->route->prepare(call) && measure_pairs(call);
}

bool cappy_call_prepare(struct cappy_call *call, const char *body, size_t size)
{
    const double begun = cappy_clock();
    if (size == 0) {
        return cappy_call_fail(call, CAPPY_FAILURE_SYNTAX, "the body is empty: send JSON");
    }
    call->is_prepared = parse_body(call, body, size) && read_body(call);
    call->tokenizing = cappy_clock() - begun;
    return call->is_prepared;
}

bool cappy_call_resume(struct cappy_call *call)
{
    const double begun = cappy_clock();
    const bool is_good = call->route->resume(call) && measure_pairs(call);
    call->tokenizing += cappy_clock() - begun;
    return is_good;
}

void cappy_call_finish(struct cappy_call *call)
{
    const struct cappy_job *job = &call->job;
    if (job->status != CAPPY_OK) {
        cappy_call_fail(call, CAPPY_FAILURE_INTERNAL, "%s", job->error.message);
        return;
    }
    for (size_t i = 0; i < job->n * job->model->info.n_labels; i++) {
        if (!isfinite(job->scores[i])) {
            cappy_call_fail(call, CAPPY_FAILURE_INTERNAL,
                            "the model gives no finite number for pair %zu",
                            i / job->model->info.n_labels);
            return;
        }
    }
    call->route->finish(call);
}

void cappy_call_answer(struct cappy_call *call)
{
    call->route->answer(call);
}
