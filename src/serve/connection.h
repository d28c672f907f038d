/* SPDX-License-Identifier: Apache-2.0 */
/* A connection: what it has received, and where in a request it is. */
#ifndef CAPPY_SERVE_CONNECTION_H
#define CAPPY_SERVE_CONNECTION_H

#include "serve/server.h"

enum cappy_connection_state {
    CAPPY_READING_HEAD,
    CAPPY_READING_BODY,
    CAPPY_WORKING,    /* parsing or computing */
    CAPPY_ANSWERING,  /* the answer is on its way */
    CAPPY_DISCARDING, /* reading over the rest of a body */
    CAPPY_LINGERING,  /* the answer is out; waiting for the client to close */
    CAPPY_CLOSING,
};

struct cappy_connection {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    struct cappy_server *server;
    struct cappy_connection *next;
    struct cappy_connection *previous;
    enum cappy_connection_state state;
    double since; /* the state began */
    bool is_used; /* a request has been answered */
    bool is_reading;
    bool has_ended;         /* the client sends no more */
    struct cappy_buffer in; /* received, not yet used */
    size_t seen;            /* of it, looked at for the end of a head */
    struct cappy_http_body body;
    struct cappy_exchange *exchange; /* NULL: none, or it was left to others */
    uv_write_t write;
    uv_shutdown_t shutdown;
    size_t unsent; /* bytes, when last looked at */
    double moved;  /* when that changed */
};

/* Takes the connection that waits at the server's listener. */
void cappy_connection_accept(struct cappy_server *server);

/* Closes connections that are too slow, and those that nothing is expected of once the server
 * ends. */
void cappy_connections_check(struct cappy_server *server);

/* Closes all at once. */
void cappy_connections_close(struct cappy_server *server);

void cappy_connection_enter(struct cappy_connection *connection, enum cappy_connection_state state);
void cappy_connection_close(struct cappy_connection *connection);

/* Goes on behind an answer that has been written, or could not be. */
void cappy_connection_go_on(struct cappy_connection *connection, bool is_written, bool stays,
                            bool body_is_read);

#endif
