/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/response.h"

#include <stdio.h>
#include <string.h>

enum { HEAD_LIMIT = 16384, RETRY_LIMIT = 60, RETRY_MOST = 86400 };

void cappy_response_init(struct cappy_response *reply)
{
    *reply = (struct cappy_response){.minor = 1};
    cappy_buffer_init(&reply->head, HEAD_LIMIT);
}

void cappy_response_free(struct cappy_response *reply)
{
    cappy_buffer_free(&reply->head);
}

/* Copies `text` where each of its bytes is a letter, a digit or one of `others`; else leaves `copy`
 * empty: it goes into the log. */
static void copy_word(cappy_text text, const char *others, char *copy, size_t capacity)
{
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || strchr(others, c) != NULL;
        if (!is_word || c == '\0' || text.size >= capacity) {
            return;
        }
    }
    memcpy(copy, text.data != NULL ? text.data : "", text.size);
    copy[text.size] = '\0';
}

/* W3C Trace Context: version-trace-parent-flags in lower case. */
static bool is_trace(const char *text)
{
    static const char form[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    for (size_t i = 0; i < sizeof form - 1; i++) {
        const bool is_hex =
            (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (form[i] == 'h' ? !is_hex : text[i] != '-') {
            return false;
        }
    }
    return text[sizeof form - 1] == '\0' && memcmp(text, "ff", 2) != 0;
}

void cappy_response_read_head(struct cappy_response *reply, const struct cappy_http_head *head)
{
    reply->keep_alive = head->keep_alive;
    reply->is_head_only = cappy_http_equal(head->method, "HEAD");
    reply->minor = head->minor;
    reply->body_is_read = !head->chunked && head->length == 0;
    copy_word(head->request_id, "-_.:", reply->request_id, sizeof reply->request_id);
    copy_word(head->trace, "-", reply->trace, sizeof reply->trace);
    if (!is_trace(reply->trace)) {
        reply->trace[0] = '\0';
    }
}

/* Whole seconds after which a client that was turned away may come again. */
static int guess_delay(const struct cappy_call *call)
{
    if (call->retry_after > 0) { /* the endpoint knows better */
        return call->retry_after < RETRY_MOST ? (int)call->retry_after : RETRY_MOST;
    }
    const double delay = cappy_scheduler_delay(call->service->scheduler);
    return delay < 1 ? 1 : delay > RETRY_LIMIT ? RETRY_LIMIT : (int)delay + 1;
}

/* Headers that depend on the status. */
static cappy_status write_status_headers(struct cappy_response *reply,
                                         const struct cappy_call *call, cappy_error *error)
{
    struct cappy_buffer *out = &reply->head;
    switch (call->status) {
    case 401:
        return cappy_buffer_format(out, error, "WWW-Authenticate: Bearer\r\n");
    case 405:
        if (call->route != NULL) { /* it was the endpoint behind that said so */
            return CAPPY_OK;
        }
        return cappy_buffer_format(out, error, "Allow: %s\r\n", reply->allowed);
    case 429:
    case 503:
        return cappy_buffer_format(out, error, "Retry-After: %d\r\n", guess_delay(call));
    default:
        return CAPPY_OK;
    }
}

/* TEI's headers: how long what took, in whole milliseconds. */
static cappy_status write_times(struct cappy_response *reply, const struct cappy_call *call,
                                double seconds, cappy_error *error)
{
    const struct cappy_job *job = &call->job;
    if (!call->is_prepared || call->status != 200 || job->ended == 0) {
        return CAPPY_OK;
    }
    const double inference = (job->ended - job->begun) * 1e3;
    return cappy_buffer_format(
        &reply->head, error,
        "X-Compute-Type: cpu\r\nX-Compute-Time: %.0f\r\nX-Compute-Characters: %zu\r\n"
        "X-Compute-Tokens: %zu\r\nX-Total-Time: %.0f\r\nX-Tokenization-Time: %.0f\r\n"
        "X-Queue-Time: %.0f\r\nX-Inference-Time: %.0f\r\n",
        seconds * 1e3, call->characters, call->total_tokens, seconds * 1e3, call->tokenizing * 1e3,
        (job->begun - job->submitted) * 1e3, inference);
}

bool cappy_response_is_stream(const struct cappy_call *call)
{
    return strcmp(call->type, "text/event-stream") == 0;
}

size_t cappy_response_write_chunk(struct cappy_response *reply, size_t size)
{
    return reply->minor == 0 ? 0
                             : (size_t)snprintf(reply->chunk, sizeof reply->chunk, "%zx\r\n", size);
}

/* How the end of the body is known: by its length, by its last chunk, or by the connection's end.
 */
static cappy_status write_length(struct cappy_response *reply, const struct cappy_call *call,
                                 cappy_error *error)
{
    if (!cappy_response_is_stream(call)) {
        return cappy_buffer_format(&reply->head, error, "Content-Length: %zu\r\n",
                                   call->answer.size);
    }
    CAPPY_TRY(cappy_buffer_format(&reply->head, error, "Cache-Control: no-cache\r\n"));
    reply->keep_alive = reply->keep_alive && reply->minor > 0;
    return reply->minor == 0
               ? CAPPY_OK
               : cappy_buffer_format(&reply->head, error, "Transfer-Encoding: chunked\r\n");
}

static cappy_status write_head(struct cappy_response *reply, const struct cappy_call *call,
                               const char *date, double seconds, cappy_error *error)
{
    struct cappy_buffer *out = &reply->head;
    cappy_buffer_clear(out);
    CAPPY_TRY(cappy_buffer_format(out, error,
                                  "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\n"
                                  "X-Request-Id: %s\r\n",
                                  call->status, cappy_http_reason(call->status), date, call->type,
                                  reply->request_id[0] != '\0' ? reply->request_id : call->id));
    CAPPY_TRY(write_length(reply, call, error));
    if (reply->trace[0] != '\0') {
        CAPPY_TRY(cappy_buffer_format(out, error, "traceparent: %s\r\n", reply->trace));
    }
    if (strncmp(call->type, "text/html", 9) == 0) { /* nothing from outside, in no frame */
        CAPPY_TRY(cappy_buffer_format(
            out, error,
            "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src "
            "'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'\r\n"
            "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"));
    }
    CAPPY_TRY(write_status_headers(reply, call, error));
    CAPPY_TRY(write_times(reply, call, seconds, error));
    if (!reply->keep_alive) {
        CAPPY_TRY(cappy_buffer_format(out, error, "Connection: close\r\n"));
    } else if (reply->minor == 0) {
        CAPPY_TRY(cappy_buffer_format(out, error, "Connection: keep-alive\r\n"));
    }
    return cappy_buffer_format(out, error, "\r\n");
}

bool cappy_response_write_head(struct cappy_response *reply, const struct cappy_call *call,
                               const char *date, double seconds)
{
    return write_head(reply, call, date, seconds, NULL) == CAPPY_OK;
}
