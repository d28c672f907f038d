/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own state, shared by the loop (server.c) and its connections (connection.c). All of
 * it belongs to one thread; the scheduler's thread only wakes it. */
#ifndef CAPPY_SERVE_SERVER_H
#define CAPPY_SERVE_SERVER_H

#include <uv.h>

#include "serve/call.h"

struct cappy_connection;

enum cappy_phase {
    CAPPY_SERVING,
    CAPPY_LEAVING, /* not ready any more, connections are still accepted */
    CAPPY_ENDING,  /* no new connections; what was accepted is answered */
};

struct cappy_server {
    struct cappy_service service;
    uv_loop_t loop;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } listener;
    uv_async_t done; /* the scheduler or the relay has something to collect */
    uv_signal_t terminate;
    uv_signal_t interrupt;
    uv_timer_t ticker;
    enum cappy_phase phase;
    double phase_end;
    bool is_listening;
    bool has_waiting; /* a connection that there was no memory for */
    bool has_given_up;
    struct cappy_connection *connections; /* a list */
    size_t n_connections;
    size_t n_requests; /* being worked on */
    size_t held_bytes; /* of all bodies */
    char input[65536]; /* what was just read, until it is looked at */
    char date[40];     /* now, as HTTP writes it */
    int64_t date_of;   /* which second that is */
};

/* A string for the Date of an answer. */
const char *cappy_server_date(struct cappy_server *server);

#endif
