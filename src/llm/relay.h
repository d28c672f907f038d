/* SPDX-License-Identifier: Apache-2.0 */
/* A relay's state, which is shared by the thread and its queue (relay.c) and by what is made of a
 * call and of the store (relay_outcome.c, relay_store.c). */
#ifndef CAPPY_LLM_RELAY_H
#define CAPPY_LLM_RELAY_H

#include <pthread.h>

#include "llm/store.h"
#include "llm/transfer.h"

/* A call for some answers to a request. */
struct cappy_relay_call {
    struct cappy_transfer transfer;
    struct cappy_relayed *request; /* NULL: not under way */
    struct curl_slist *headers;    /* with the request's trace; NULL: those of all */
    size_t n;                      /* answers asked for */
};

struct cappy_relay {
    struct cappy_relay_options options;
    pthread_t thread;
    pthread_mutex_t lock; /* over the lists, the counts, and is_cancelled of all requests */
    bool is_ending;
    struct cappy_relayed *new_first; /* taken, not yet seen by the thread */
    struct cappy_relayed *new_last;
    struct cappy_relayed *done_first;
    struct cappy_relayed *done_last;
    struct cappy_relay_counts counts;
    bool has_cancelled; /* a request was, since the thread last looked */

    /* The thread's. */
    struct cappy_relayed *first; /* those it works on, first come first */
    struct cappy_relayed *last;
    CURLM *multi;
    char *urls[2]; /* by enum cappy_llm_api */
    struct curl_slist *headers;
    struct cappy_relay_call *calls; /* [options.in_flight] */
    size_t n_calls;                 /* of them, open */
    size_t n_sent;
    size_t n_limit;            /* the most answers to ask for in a call, as far as is known */
    struct cappy_store *store; /* NULL: none */
};

/* Answers that are still to be asked for. */
size_t cappy_relayed_open(const struct cappy_relayed *request);

/* Deals with a call that has come to its end with this result of libcurl. */
void cappy_relay_settle(struct cappy_relay *relay, struct cappy_relay_call *call, int result);

/* Keeps why answers could not be had, if it is the first reason, and counts them as failed. */
void cappy_relayed_fail(struct cappy_relayed *request, size_t n, const char *sentence);

/* Adds what a call has brought, or the store has; takes it over. False when there is no memory. */
bool cappy_relayed_add(struct cappy_relayed *request, json_t *reply, size_t n);

/* Takes from the store what it holds for a request that asks for it. */
void cappy_relay_load(struct cappy_relay *relay, struct cappy_relayed *request);

/* Puts the choices of a reply into it, in the places that are free. */
void cappy_relay_keep(struct cappy_relay *relay, struct cappy_relayed *request,
                      const json_t *reply);

#endif
