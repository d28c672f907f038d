/* SPDX-License-Identifier: Apache-2.0 */
/* A connection and the request on it. One request is worked on at a time; what the client sends
 * behind it waits, a bounded piece of it. While a request is worked on the connection is still
 * read from, so that a client that leaves is noticed and its work given back. */
#include "serve/connection.h"

#include <string.h>

#include "serve/exchange.h"

enum {
    WAITING_BYTES = 65536, /* read ahead of a request that is being worked on */
    DISCARDED_BYTES =
        65536,              /* of a body that is not wanted; of a longer one the rest is not read */
    LINGER_SECONDS = 3,     /* in which a client may go on sending what is not wanted */
    BODY_GRACE_SECONDS = 5, /* then a body must come at BODY_RATE */
    BODY_RATE = 500,        /* bytes a second */
    UNUSED_SECONDS = 1,     /* for which the end waits for the first byte of a new connection */
};

static void advance(struct cappy_connection *connection);
static void set_reading(struct cappy_connection *connection);

/* ---- Life ------------------------------------------------------------------------------------ */

void cappy_connection_enter(struct cappy_connection *connection, enum cappy_connection_state state)
{
    connection->state = state;
    connection->since = cappy_clock();
}

static void on_close(uv_handle_t *handle)
{
    struct cappy_connection *connection = handle->data;
    struct cappy_server *server = connection->server;
    *(connection->previous != NULL ? &connection->previous->next : &server->connections) =
        connection->next;
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    server->n_connections--;
    cappy_buffer_free(&connection->in);
    cappy_exchange_free(connection->exchange); /* whose answer was on its way */
    cappy_free(connection);
}

void cappy_connection_close(struct cappy_connection *connection)
{
    if (connection->state == CAPPY_CLOSING) {
        return;
    }
    if (connection->state != CAPPY_ANSWERING) { /* else the answer is still being read from */
        cappy_exchange_abandon(connection);
    }
    cappy_connection_enter(connection, CAPPY_CLOSING);
    uv_close(&connection->socket.handle, on_close);
}

/* ---- Answering ------------------------------------------------------------------------------- */

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct cappy_connection *connection = request->data;
    if (status != 0 && connection->state == CAPPY_LINGERING) {
        cappy_connection_close(connection);
    }
}

/* Ends a connection whose client may still be sending: closing it at once would make the system
 * throw away the answer before the client has read it. */
static void linger(struct cappy_connection *connection)
{
    cappy_connection_enter(connection, CAPPY_LINGERING);
    cappy_buffer_clear(&connection->in);
    connection->shutdown.data = connection;
    if (connection->has_ended ||
        uv_shutdown(&connection->shutdown, &connection->socket.stream, on_shutdown) != 0) {
        cappy_connection_close(connection);
    }
}

/* How much of the body will have to be read over before the next request. */
static bool is_rest_short(const struct cappy_connection *connection)
{
    return connection->body.left <= DISCARDED_BYTES && connection->body.total <= DISCARDED_BYTES;
}

void cappy_connection_go_on(struct cappy_connection *connection, bool is_written, bool stays,
                            bool body_is_read)
{
    connection->is_used = true;
    if (!is_written) {
        cappy_connection_close(connection);
    } else if (stays && body_is_read) {
        cappy_connection_enter(connection, CAPPY_READING_HEAD);
    } else if (stays && is_rest_short(connection)) {
        connection->body.limit = connection->body.total + DISCARDED_BYTES;
        cappy_connection_enter(connection, CAPPY_DISCARDING);
    } else if (body_is_read && connection->in.size == 0) {
        cappy_connection_close(connection);
    } else {
        linger(connection);
    }
    advance(connection);
    set_reading(connection);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Drops the first `used` bytes of what was received. */
static void consume(struct cappy_connection *connection, size_t used)
{
    struct cappy_buffer *in = &connection->in;
    if (used == 0) {
        return;
    }
    memmove(in->data, in->data + used, in->size - used);
    in->size -= used;
    connection->seen = 0;
    if (in->size == 0 && in->capacity > 4096) { /* an idle connection costs little */
        cappy_buffer_free(in);
    }
}

/* Returns whether there is more to do. */
static bool read_head(struct cappy_connection *connection)
{
    struct cappy_http_problem problem = {0};
    struct cappy_http_head head;
    struct cappy_buffer *in = &connection->in;
    while (in->size >= 2 && memcmp(in->data, "\r\n", 2) == 0) { /* RFC 9112 2.2 */
        consume(connection, 2);
    }
    if (in->size == 0 || (in->size == 1 && in->data[0] == '\r')) {
        return false;
    }
    const size_t size = cappy_http_find_head(in->data, in->size, &connection->seen, &problem);
    if (size > 0 && cappy_http_parse_head(in->data, size, &head, &problem)) {
        /* The texts of the head lie in `in`, which stays as it is until they are used. */
        const struct cappy_buffer whole = *in;
        cappy_buffer_init(in, whole.limit);
        if (cappy_buffer_append(in, whole.data + size, whole.size - size, NULL) != CAPPY_OK) {
            *in = whole;
            cappy_connection_close(connection);
            return false;
        }
        connection->seen = 0;
        cappy_exchange_begin(connection, &head);
        struct cappy_buffer used = whole;
        cappy_buffer_free(&used);
        return connection->state == CAPPY_READING_BODY;
    }
    if (problem.status != 0) {
        cappy_connection_refuse(connection, problem.status, problem.reason);
    }
    return false;
}

static bool read_body(struct cappy_connection *connection)
{
    struct cappy_http_problem problem;
    struct cappy_exchange *exchange = connection->exchange;
    struct cappy_buffer *out = exchange != NULL ? &exchange->body : NULL; /* NULL: discarding */
    size_t used;
    const bool is_whole = cappy_http_body_read(&connection->body, connection->in.data,
                                               connection->in.size, &used, out, &problem);
    consume(connection, used);
    if (problem.status != 0 && exchange == NULL) {
        cappy_connection_close(connection);
    } else if (problem.status != 0) {
        cappy_exchange_refuse(exchange, problem.status, problem.reason);
    } else if (exchange != NULL) {
        if (cappy_exchange_hold(exchange, used) && is_whole) {
            cappy_exchange_work(exchange);
        }
    } else if (is_whole) {
        cappy_connection_enter(connection, CAPPY_READING_HEAD);
        return true;
    }
    return false;
}

/* Does what can be done with the bytes that are there. */
static void advance(struct cappy_connection *connection)
{
    bool has_more = true;
    while (has_more) {
        switch (connection->state) {
        case CAPPY_READING_HEAD:
            has_more = read_head(connection);
            break;
        case CAPPY_READING_BODY:
        case CAPPY_DISCARDING:
            has_more = read_body(connection);
            break;
        case CAPPY_LINGERING:
            cappy_buffer_clear(&connection->in);
            has_more = false;
            break;
        default:
            has_more = false;
        }
    }
    if (connection->has_ended && connection->state == CAPPY_READING_HEAD) {
        cappy_connection_close(connection);
    }
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct cappy_connection *connection = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(connection->server->input, sizeof connection->server->input);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer);

/* Reads on, or lets the client wait when enough of what it sends is waiting. */
static void set_reading(struct cappy_connection *connection)
{
    const bool wanted = !connection->has_ended && connection->in.size < WAITING_BYTES;
    if (connection->state != CAPPY_CLOSING && wanted != connection->is_reading) {
        connection->is_reading = wanted;
        if (wanted) {
            uv_read_start(&connection->socket.stream, on_allocate, on_read);
        } else {
            uv_read_stop(&connection->socket.stream);
        }
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct cappy_connection *connection = stream->data;
    if (n == UV_EOF && connection->state == CAPPY_ANSWERING) {
        connection->has_ended = true; /* it may only have closed its own half */
        set_reading(connection);
        return;
    }
    if (n < 0) {
        cappy_connection_close(connection);
        return;
    }
    if (connection->state == CAPPY_READING_HEAD && connection->in.size == 0) {
        connection->since = cappy_clock(); /* the head has begun */
    }
    if (connection->state == CAPPY_LINGERING || n == 0) {
        return;
    }
    if (cappy_buffer_append(&connection->in, buffer->base, (size_t)n, NULL) != CAPPY_OK) {
        cappy_connection_close(connection);
        return;
    }
    advance(connection);
    set_reading(connection);
}

void cappy_connection_accept(struct cappy_server *server)
{
    struct cappy_connection *connection = cappy_alloc(1, sizeof *connection);
    server->has_waiting = connection == NULL;
    if (connection == NULL) {
        return; /* tried again in cappy_connections_check */
    }
    const bool is_tcp = server->listener.handle.type == UV_TCP;
    connection->server = server;
    cappy_buffer_init(&connection->in, SIZE_MAX / 2);
    const int made = is_tcp ? uv_tcp_init(&server->loop, &connection->socket.tcp)
                            : uv_pipe_init(&server->loop, &connection->socket.pipe, 0);
    if (made != 0) {
        cappy_free(connection);
        return;
    }
    connection->socket.handle.data = connection;
    connection->next = server->connections;
    if (connection->next != NULL) {
        connection->next->previous = connection;
    }
    server->connections = connection;
    server->n_connections++;
    cappy_connection_enter(connection, CAPPY_READING_HEAD);
    if (uv_accept(&server->listener.stream, &connection->socket.stream) != 0) {
        cappy_connection_close(connection);
        return;
    }
    if (is_tcp) {
        uv_tcp_nodelay(&connection->socket.tcp, 1);
    }
    if (server->n_connections > server->service.options->max_connections) {
        cappy_connection_refuse(connection, 503, "there are too many connections: try later");
    }
    set_reading(connection);
}

/* ---- Time ------------------------------------------------------------------------------------ */

/* Whether a client takes no byte of its answer for too long. */
static bool is_stalled(struct cappy_connection *connection, double now)
{
    const size_t unsent = uv_stream_get_write_queue_size(&connection->socket.stream);
    if (unsent != connection->unsent) {
        connection->unsent = unsent;
        connection->moved = now;
    }
    return now - connection->moved > (double)connection->server->service.options->stall_seconds;
}

static void time_out(struct cappy_connection *connection, const char *reason)
{
    if (connection->exchange == NULL) {
        cappy_connection_refuse(connection, 408, reason);
    } else {
        cappy_exchange_refuse(connection->exchange, 408, reason);
    }
}

static void check(struct cappy_connection *connection, double now)
{
    const struct cappy_serve_options *options = connection->server->service.options;
    const double spent = now - connection->since;
    const bool is_idle = connection->in.size == 0;
    switch (connection->state) {
    case CAPPY_READING_HEAD:
        if (is_idle && connection->server->phase == CAPPY_ENDING &&
            (connection->is_used || spent > UNUSED_SECONDS)) {
            cappy_connection_close(connection);
        } else if (is_idle && connection->is_used) {
            if (spent > (double)options->idle_seconds) {
                cappy_connection_close(connection);
            }
        } else if (spent > (double)options->head_seconds) {
            time_out(connection, "the head of the request took too long");
        }
        break;
    case CAPPY_READING_BODY:
    case CAPPY_DISCARDING:
        if ((double)connection->body.total < (spent - BODY_GRACE_SECONDS) * BODY_RATE) {
            time_out(connection, "the body of the request comes too slowly");
        }
        break;
    case CAPPY_WORKING:
        cappy_exchange_beat(connection->exchange, now);
        break;
    case CAPPY_ANSWERING:
        if (is_stalled(connection, now)) {
            cappy_connection_close(connection);
        }
        break;
    case CAPPY_LINGERING:
        if (spent > LINGER_SECONDS) {
            cappy_connection_close(connection);
        }
        break;
    default:
        break;
    }
}

void cappy_connections_check(struct cappy_server *server)
{
    const double now = cappy_clock();
    struct cappy_connection *next;
    if (server->has_waiting && server->is_listening) {
        cappy_connection_accept(server);
    }
    for (struct cappy_connection *c = server->connections; c != NULL; c = next) {
        next = c->next; /* a connection is freed later than it is closed */
        check(c, now);
    }
}

void cappy_connections_close(struct cappy_server *server)
{
    for (struct cappy_connection *c = server->connections; c != NULL; c = c->next) {
        cappy_connection_close(c);
    }
}
