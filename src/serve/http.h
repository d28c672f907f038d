/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 as RFC 9112 has it, read strictly: what two parsers might read in two ways is refused,
 * since a proxy in front may have read it the other way (request smuggling). A head is parsed when
 * all of it is there, so it does not matter in which pieces it came. */
#ifndef CAPPY_SERVE_HTTP_H
#define CAPPY_SERVE_HTTP_H

#include <stdbool.h>

#include "base/base.h"

enum {
    CAPPY_HTTP_LINE_LIMIT = 8192,  /* bytes of the request line */
    CAPPY_HTTP_HEAD_LIMIT = 32768, /* bytes of request line and headers */
    CAPPY_HTTP_FIELD_LIMIT = 100,  /* headers */
    CAPPY_HTTP_CHUNK_EXTENSION_LIMIT = 256,
    CAPPY_HTTP_TRAILER_LIMIT = 8192,
};

/* Why something is refused: the status to answer with, 0 for none, and a sentence. */
struct cappy_http_problem {
    int status;
    const char *reason;
};

/* The head of a request. Texts lie in what was parsed; those of absent headers are NULL. */
struct cappy_http_head {
    cappy_text method;
    cappy_text path; /* without the query, as it was sent */
    int minor;       /* of the version, 1.minor */
    bool keep_alive;
    bool chunked;
    bool has_length;
    uint64_t length; /* of the body */
    bool expects_continue;
    cappy_text host;
    cappy_text authorization;
    cappy_text api_key; /* X-Api-Key */
    cappy_text trace;   /* traceparent */
    cappy_text request_id;
};

/* Looks for the end of a head in data[0..size), of which the first *seen bytes have been looked at
 * before; updates *seen. Returns the head's length, its empty line included, or 0 when there is
 * more to come or *problem says why there will be no head. */
size_t cappy_http_find_head(const char *data, size_t size, size_t *seen,
                            struct cappy_http_problem *problem);

/* Parses a whole head, data[0..size) with its empty line. False, with *problem filled, when it is
 * refused. */
bool cappy_http_parse_head(const char *data, size_t size, struct cappy_http_head *head,
                           struct cappy_http_problem *problem);

/* The body of one request on its way in. */
struct cappy_http_body {
    uint64_t left;  /* bytes of the body, or of the chunk */
    uint64_t total; /* bytes so far */
    uint64_t limit; /* 413 beyond it */
    size_t counted; /* of the line that is being read */
    int state;
};

/* Begins the body that `head` announces, at most `limit` bytes of it. */
void cappy_http_body_begin(struct cappy_http_body *body, const struct cappy_http_head *head,
                           uint64_t limit);

/* Reads data[0..size) as far as the body goes; *used receives how far that was. What belongs to
 * the body is appended to `out`, or dropped where that is NULL. True when the body is complete.
 * A problem ends it too. */
bool cappy_http_body_read(struct cappy_http_body *body, const char *data, size_t size, size_t *used,
                          struct cappy_buffer *out, struct cappy_http_problem *problem);

/* The usual name of a status. */
const char *cappy_http_reason(int status);

/* Whether two texts are equal but for the case of ASCII letters. */
bool cappy_http_equal(cappy_text text, const char *name);

#endif
