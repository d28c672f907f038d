/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an answer, and what of the request's head it depends on. */
#ifndef CAPPY_SERVE_RESPONSE_H
#define CAPPY_SERVE_RESPONSE_H

#include "serve/call.h"

struct cappy_response {
    bool keep_alive;      /* the connection stays open behind the answer */
    bool is_head_only;    /* of HEAD */
    bool body_is_read;    /* nothing of the request is still to come */
    bool is_begun;        /* the head of a stream is out */
    int minor;            /* of the version that the client speaks */
    char allowed[32];     /* methods, for a 405 */
    char request_id[129]; /* as the client named it; empty: it did not */
    char trace[56];       /* its traceparent; empty: none */
    struct cappy_buffer head;
    char chunk[24]; /* the line in front of a chunk */
};

void cappy_response_init(struct cappy_response *reply);
void cappy_response_free(struct cappy_response *reply);

/* Takes over what is needed of a request's head. */
void cappy_response_read_head(struct cappy_response *reply, const struct cappy_http_head *head);

/* Writes the head of the answer that `call` holds. False when there is no memory. */
bool cappy_response_write_head(struct cappy_response *reply, const struct cappy_call *call,
                               const char *date, double seconds);

/* Whether an answer is a stream of events, which has no length that is known in front. */
bool cappy_response_is_stream(const struct cappy_call *call);

/* Where a stream goes out in chunks: writes the line in front of one of `size` bytes to
 * reply->chunk, and returns its length; else 0. */
size_t cappy_response_write_chunk(struct cappy_response *reply, size_t size);

#endif
