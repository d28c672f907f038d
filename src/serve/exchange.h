/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer on a connection. */
#ifndef CAPPY_SERVE_EXCHANGE_H
#define CAPPY_SERVE_EXCHANGE_H

#include "serve/connection.h"
#include "serve/response.h"

/* A request, which may outlive its connection while other threads work on it. */
struct cappy_exchange {
    struct cappy_call call; /* first, so that one is found from the other */
    struct cappy_server *server;
    struct cappy_connection *connection; /* NULL: the client has left */
    struct cappy_response response;      /* with what the head said */
    struct cappy_buffer body;
    size_t held; /* bytes that count in server->held_bytes */
    size_t bytes_in;
    bool is_relaying; /* the language model is asked */
    bool is_relayed;  /* it has answered */
    double begun;
    double heard; /* when the client last got something of a stream */
    uv_work_t work;
};

/* Begins the request with that head: answers it at once, or leaves the connection reading its
 * body. */
void cappy_exchange_begin(struct cappy_connection *connection, const struct cappy_http_head *head);

/* Counts what has arrived of the body. False when that is more than the server can hold; the answer
 * says so. */
bool cappy_exchange_hold(struct cappy_exchange *exchange, size_t received);

/* The body is there: works on it. */
void cappy_exchange_work(struct cappy_exchange *exchange);

/* Answers the call of a job that the scheduler is through with, if anybody still waits for it. */
void cappy_exchange_finish(struct cappy_job *job);

/* Goes on with the call of a request that the relay is through with. */
void cappy_exchange_resume(struct cappy_relayed *relayed);

/* Lets a client that waits for a stream know that there is still somebody. */
void cappy_exchange_beat(struct cappy_exchange *exchange, double now);

/* Answers with a problem of the protocol, and ends the connection. */
void cappy_exchange_refuse(struct cappy_exchange *exchange, int status, const char *reason);

/* The same where there is no request. */
void cappy_connection_refuse(struct cappy_connection *connection, int status, const char *reason);

/* The client has left: takes the work back. Whoever still works on it frees it. */
void cappy_exchange_abandon(struct cappy_connection *connection);

void cappy_exchange_free(struct cappy_exchange *exchange);

#endif
