/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/exchange.h"

#include <string.h>

#include "serve/log.h"
#include "serve/metrics.h"

enum {
    INLINE_BYTES = 65536, /* a longer body is parsed by another thread */
    BEAT_SECONDS = 15,    /* a client that waits for a stream hears something so often */
};

/* ---- Life ------------------------------------------------------------------------------------ */

void cappy_exchange_free(struct cappy_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    exchange->server->held_bytes -= exchange->held;
    exchange->server->n_requests--;
    cappy_response_free(&exchange->response);
    cappy_buffer_free(&exchange->body);
    cappy_call_free(&exchange->call);
    cappy_free(exchange);
}

void cappy_exchange_abandon(struct cappy_connection *connection)
{
    struct cappy_exchange *exchange = connection->exchange;
    connection->exchange = NULL;
    if (exchange == NULL) {
        return;
    }
    exchange->connection = NULL;
    if (connection->state != CAPPY_WORKING) {
        cappy_exchange_free(exchange);
        return;
    }
    cappy_metrics_note_left(exchange->server->service.metrics);
    if (exchange->is_relaying) {
        cappy_relay_cancel(exchange->server->service.relay, &exchange->call.relayed);
        return; /* it is freed when that has been collected */
    }
    /* A body that is being parsed comes back by itself. */
    if (exchange->call.job.submitted > 0 &&
        cappy_scheduler_cancel(exchange->server->service.scheduler, &exchange->call.job)) {
        cappy_exchange_free(exchange);
    }
}

/* ---- Answering ------------------------------------------------------------------------------- */

static void on_written(uv_write_t *request, int status)
{
    struct cappy_connection *connection = request->data;
    struct cappy_exchange *exchange = connection->exchange;
    if (connection->state == CAPPY_CLOSING) {
        return; /* the exchange goes with it */
    }
    const bool stays = exchange->response.keep_alive && !connection->has_ended;
    const bool body_is_read = exchange->response.body_is_read;
    connection->exchange = NULL;
    cappy_exchange_free(exchange);
    cappy_connection_go_on(connection, status == 0, stays, body_is_read);
}

/* Closes a connection whose answer cannot be sent. */
static void give_up(struct cappy_connection *connection)
{
    cappy_connection_enter(connection, CAPPY_LINGERING); /* nobody works on the exchange any more */
    cappy_connection_close(connection);
}

/* Writes the answer's head, unless it is out already, and its body; that of a stream in a chunk. */
static int write_answer(struct cappy_exchange *exchange)
{
    struct cappy_connection *connection = exchange->connection;
    struct cappy_response *response = &exchange->response;
    const struct cappy_buffer *body = &exchange->call.answer;
    static const char end[] = "\r\n0\r\n\r\n";
    uv_buf_t parts[4];
    unsigned n = 0;
    if (!response->is_begun) {
        parts[n++] = uv_buf_init(response->head.data, (unsigned)response->head.size);
    }
    const bool has_body = !response->is_head_only && body->size > 0;
    const size_t line = has_body && cappy_response_is_stream(&exchange->call)
                            ? cappy_response_write_chunk(response, body->size)
                            : 0;
    if (line > 0) {
        parts[n++] = uv_buf_init(response->chunk, (unsigned)line);
    }
    if (has_body) {
        parts[n++] = uv_buf_init(body->data, (unsigned)body->size);
    }
    if (line > 0) {
        parts[n++] = uv_buf_init((char *)end, sizeof end - 1);
    }
    cappy_connection_enter(connection, CAPPY_ANSWERING);
    connection->write.data = connection;
    connection->unsent = SIZE_MAX;
    return uv_write(&connection->write, &connection->socket.stream, parts, n, on_written);
}

/* Sends the answer that the exchange's call holds. */
static void answer(struct cappy_exchange *exchange)
{
    struct cappy_connection *connection = exchange->connection;
    struct cappy_server *server = exchange->server;
    const double seconds = cappy_clock() - exchange->begun;
    struct cappy_call *call = &exchange->call;
    if (server->phase != CAPPY_SERVING) {
        exchange->response.keep_alive = false;
    }
    cappy_metrics_note(server->service.metrics, call, seconds);
    cappy_log_call(server->service.options, call, &exchange->response, exchange->bytes_in, seconds);
    if (exchange->response.is_begun && !cappy_response_is_stream(call)) {
        cappy_stream_fail(call);
    }
    if (!exchange->response.is_begun &&
        !cappy_response_write_head(&exchange->response, call, cappy_server_date(server), seconds)) {
        give_up(connection);
    } else if (write_answer(exchange) != 0) {
        give_up(connection);
    }
}

void cappy_exchange_refuse(struct cappy_exchange *exchange, int status, const char *reason)
{
    exchange->response.keep_alive = false;
    cappy_call_fail_status(&exchange->call, status, reason);
    answer(exchange);
}

/* ---- Working --------------------------------------------------------------------------------- */

/* Hands a call that was understood to the relay or to the scheduler, or answers with what is wrong
 * with it. */
static void submit(struct cappy_exchange *exchange)
{
    struct cappy_call *call = &exchange->call;
    struct cappy_scheduler *scheduler = exchange->server->service.scheduler;
    cappy_buffer_free(&exchange->body);
    if (call->failure != CAPPY_FAILURE_NONE) {
        answer(exchange);
    } else if (call->route->resume != NULL && !exchange->is_relayed) {
        memcpy(call->relayed.trace, exchange->response.trace, sizeof call->relayed.trace);
        exchange->is_relaying = cappy_relay_submit(exchange->server->service.relay, &call->relayed);
        if (!exchange->is_relaying) {
            cappy_call_fail(call, CAPPY_FAILURE_OVERLOADED,
                            "the queue for the language model is full: try again later");
            answer(exchange);
        }
    } else if (!cappy_scheduler_submit(scheduler, &call->job)) {
        cappy_call_fail(call, CAPPY_FAILURE_OVERLOADED, "the queue is full: try again later");
        answer(exchange);
    }
}

static void parse_body(uv_work_t *work)
{
    struct cappy_exchange *exchange = work->data;
    cappy_call_prepare(&exchange->call, exchange->body.data, exchange->body.size);
}

static void on_parsed(uv_work_t *work, int status)
{
    struct cappy_exchange *exchange = work->data;
    (void)status; /* nothing cancels it */
    if (exchange->connection == NULL) {
        cappy_exchange_free(exchange);
    } else {
        submit(exchange);
    }
}

void cappy_exchange_work(struct cappy_exchange *exchange)
{
    cappy_connection_enter(exchange->connection, CAPPY_WORKING);
    exchange->response.body_is_read = true;
    exchange->work.data = exchange;
    if (exchange->body.size <= INLINE_BYTES) {
        parse_body(&exchange->work);
        submit(exchange);
    } else if (uv_queue_work(&exchange->server->loop, &exchange->work, parse_body, on_parsed) !=
               0) {
        cappy_exchange_refuse(exchange, 503, "there is no thread to read the body");
    }
}

static void read_relayed(uv_work_t *work)
{
    struct cappy_exchange *exchange = work->data;
    cappy_call_resume(&exchange->call);
}

void cappy_exchange_resume(struct cappy_relayed *relayed)
{
    struct cappy_exchange *exchange =
        (struct cappy_exchange *)(void *)((char *)relayed - offsetof(struct cappy_call, relayed));
    exchange->is_relaying = false;
    exchange->is_relayed = true;
    exchange->call.job.is_due = true; /* its answers are paid for */
    if (exchange->connection == NULL) {
        cappy_exchange_free(exchange);
    } else if (uv_queue_work(&exchange->server->loop, &exchange->work, read_relayed, on_parsed) !=
               0) {
        cappy_call_fail(&exchange->call, CAPPY_FAILURE_UNAVAILABLE,
                        "there is no thread to read the answers");
        answer(exchange);
    }
}

void cappy_exchange_beat(struct cappy_exchange *exchange, double now)
{
    struct cappy_call *call = &exchange->call;
    struct cappy_response *response = &exchange->response;
    static const char comment[] = ": ping\n\n";
    if (!call->is_stream || !exchange->is_relaying ||
        now - (response->is_begun ? exchange->heard : exchange->begun) < BEAT_SECONDS) {
        return;
    }
    exchange->heard = now;
    if (!response->is_begun) {
        call->status = 200;
        call->type = "text/event-stream";
        if (!cappy_response_write_head(response, call, cappy_server_date(exchange->server), 0)) {
            return;
        }
    } else {
        cappy_buffer_clear(&response->head);
    }
    const size_t line = cappy_response_write_chunk(response, sizeof comment - 1);
    if (cappy_buffer_format(&response->head, NULL, "%.*s%s%s", (int)line, response->chunk, comment,
                            line > 0 ? "\r\n" : "") != CAPPY_OK) {
        return;
    }
    uv_buf_t part = uv_buf_init(response->head.data, (unsigned)response->head.size);
    const int written = uv_try_write(&exchange->connection->socket.stream, &part, 1);
    if (written == (int)response->head.size) {
        response->is_begun = true;
    } else if (written != UV_EAGAIN) { /* half of it is out, or the client has left */
        cappy_connection_close(exchange->connection);
    }
}

void cappy_exchange_finish(struct cappy_job *job)
{
    struct cappy_exchange *exchange =
        (struct cappy_exchange *)(void *)((char *)job - offsetof(struct cappy_call, job));
    if (exchange->connection == NULL) {
        cappy_exchange_free(exchange);
        return;
    }
    cappy_call_finish(&exchange->call);
    answer(exchange);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static struct cappy_exchange *make_exchange(struct cappy_connection *connection,
                                            const struct cappy_route *route)
{
    struct cappy_server *server = connection->server;
    struct cappy_exchange *exchange = cappy_alloc(1, sizeof *exchange);
    if (exchange == NULL) {
        return NULL;
    }
    exchange->server = server;
    exchange->connection = connection;
    exchange->begun = cappy_clock();
    cappy_buffer_init(&exchange->body, server->service.options->max_body);
    cappy_response_init(&exchange->response);
    cappy_call_init(&exchange->call, &server->service, route);
    server->n_requests++;
    connection->exchange = exchange;
    return exchange;
}

/* Whether a request may send its body; else the answer is made. */
static bool admit(struct cappy_exchange *exchange, const struct cappy_http_head *head)
{
    const struct cappy_serve_options *options = exchange->server->service.options;
    struct cappy_call *call = &exchange->call;
    if (head->length > options->max_body) {
        return cappy_call_fail(call, CAPPY_FAILURE_TOO_LARGE,
                               "the body has %llu bytes, this server takes %zu: send less, or "
                               "start it with --max-body",
                               (unsigned long long)head->length, options->max_body);
    }
    if (cappy_scheduler_is_full(exchange->server->service.scheduler) ||
        exchange->server->held_bytes + head->length > options->max_bodies) {
        return cappy_call_fail(call, CAPPY_FAILURE_OVERLOADED,
                               "the queue is full: try again later");
    }
    return true;
}

/* The interim answer that a client with a large body waits for. */
static void send_continue(struct cappy_connection *connection)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uv_buf_t part = uv_buf_init((char *)text, sizeof text - 1);
    uv_try_write(&connection->socket.stream, &part, 1);
}

void cappy_exchange_begin(struct cappy_connection *connection, const struct cappy_http_head *head)
{
    enum cappy_failure failure;
    char allowed[32] = "";
    const struct cappy_route *route = cappy_route_find(head->method, head->path, allowed, &failure);
    struct cappy_exchange *exchange = make_exchange(connection, route);
    if (exchange == NULL) {
        cappy_connection_close(connection);
        return;
    }
    struct cappy_call *call = &exchange->call;
    cappy_http_body_begin(&connection->body, head, connection->server->service.options->max_body);
    cappy_response_read_head(&exchange->response, head);
    memcpy(exchange->response.allowed, allowed, sizeof allowed);
    if (route == NULL) {
        cappy_call_fail(call, failure,
                        failure == CAPPY_FAILURE_METHOD ? "this path is not for that method"
                                                        : "there is no such path");
    } else if (!route->is_public && !cappy_keys_admit(&connection->server->service.keys, head)) {
        cappy_call_fail(call, CAPPY_FAILURE_UNAUTHORIZED, "invalid api token");
    } else if (route->answer != NULL) {
        cappy_metrics_set_open(connection->server->service.metrics, connection->server->n_requests,
                               connection->server->n_connections);
        cappy_call_answer(call);
    } else if (admit(exchange, head)) {
        cappy_connection_enter(connection, CAPPY_READING_BODY);
        if (head->expects_continue && connection->in.size == 0) {
            send_continue(connection);
        }
        return;
    }
    answer(exchange);
}

bool cappy_exchange_hold(struct cappy_exchange *exchange, size_t received)
{
    struct cappy_server *server = exchange->server;
    exchange->bytes_in += received;
    server->held_bytes += exchange->body.size - exchange->held;
    exchange->held = exchange->body.size;
    if (server->held_bytes <= server->service.options->max_bodies) {
        return true;
    }
    exchange->response.keep_alive = false;
    cappy_call_fail(&exchange->call, CAPPY_FAILURE_OVERLOADED,
                    "too many bodies are held at once: try again later");
    answer(exchange);
    return false;
}

void cappy_connection_refuse(struct cappy_connection *connection, int status, const char *reason)
{
    struct cappy_exchange *exchange = make_exchange(connection, NULL);
    if (exchange == NULL) {
        cappy_connection_close(connection);
    } else {
        cappy_exchange_refuse(exchange, status, reason);
    }
}
