/* SPDX-License-Identifier: Apache-2.0 */
/* The face of serve: models behind HTTP. docs/serving.md says what it answers. */
#ifndef CAPPY_SERVE_H
#define CAPPY_SERVE_H

#include <stdbool.h>

#include "base/base.h"
#include "task/task.h"

/* What a server is to do. Every number must be set. Strings are borrowed. */
struct cappy_serve_options {
    const char *const *models; /* [n_models], "DIR" or "NAME=DIR"; none: the default model */
    size_t n_models;
    cappy_precision precision;
    const char *mask; /* as of cappy_model_options */
    size_t threads;   /* that compute */
    size_t lanes;     /* batches that these compute at once; at most as many as threads */
    size_t max_length;

    const char *host; /* an address, without its port */
    size_t port;      /* 0: any that is free */
    const char *path; /* of a Unix socket to listen at instead; NULL: none */
    const char *keys; /* a file of keys, one of which a request must show; NULL: anybody may ask */
    bool insecure;    /* listens beyond this machine though anybody may ask */

    size_t max_body;        /* bytes of a request */
    size_t max_bodies;      /* bytes of all requests that are held at once */
    size_t max_pairs;       /* of a request */
    size_t max_connections; /* at once */
    size_t queue_tokens;    /* that may wait; beyond, 429 */
    size_t batch_tokens;    /* computed in one go, at most */
    size_t head_seconds;    /* for the head of a request to arrive */
    size_t idle_seconds;    /* between two requests of a connection */
    size_t stall_seconds;   /* in which a client takes no byte of its answer */
    size_t drain_delay;     /* seconds from SIGTERM until no connection is accepted */
    size_t drain_seconds;   /* from then on until open requests are given up */

    const char *llm;                /* the URL of a language model's endpoint; NULL: none */
    const char *llm_key;            /* NULL: none is sent */
    const char *llm_authorities;    /* as of cappy_llm_options */
    const char *llm_store;          /* a file to keep answers in; NULL: none */
    size_t llm_in_flight;           /* calls at a time */
    size_t llm_seconds;             /* for a call */
    size_t best_of;                 /* answers to choose from, where a request does not say */
    size_t max_best_of;             /* and at most */
    struct cappy_choosing choosing; /* among them, where a request does not say */

    bool quiet; /* no line for each request */
    /* Writes a line, size bytes with its line feed; called from one thread. */
    void (*log)(const char *line, size_t size);
};

/* Serves until SIGTERM or SIGINT. CAPPY_OK when every accepted request was answered. Only one
 * server at a time in a process. Errors: CAPPY_IO, CAPPY_ARGUMENT, and those of opening a model. */
cappy_status cappy_serve(const struct cappy_serve_options *options, cappy_error *error);

#endif
