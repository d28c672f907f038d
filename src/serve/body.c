/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a request, by length or in chunks, in whatever pieces it arrives. */
#include <string.h>

#include "serve/http.h"

enum state {
    LENGTH,     /* bytes of a body with a length */
    CHUNK_SIZE, /* hexadecimal digits */
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF, /* behind the CR of that line */
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER_START, /* of a line behind the last chunk */
    TRAILER,
    TRAILER_LF,
    END_LF, /* behind the CR of the empty line */
    DONE,
};

void cappy_http_body_begin(struct cappy_http_body *body, const struct cappy_http_head *head,
                           uint64_t limit)
{
    *body = (struct cappy_http_body){.limit = limit};
    body->state = head->chunked ? CHUNK_SIZE : head->length > 0 ? LENGTH : DONE;
    body->left = head->chunked ? 0 : head->length;
}

static int read_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The next state when the line of a chunk's size is through. */
static int end_size(struct cappy_http_body *body)
{
    body->counted = 0;
    return body->left > 0 ? CHUNK_DATA : TRAILER_START;
}

static int step_size(struct cappy_http_body *body, char c)
{
    const int digit = read_digit(c);
    if (digit >= 0 && body->counted < 15) {
        body->left = body->left * 16 + (uint64_t)digit;
        body->counted++;
        return CHUNK_SIZE;
    }
    const bool has_digits = digit < 0 && body->counted > 0;
    body->counted = 0;
    return has_digits && c == '\r' ? CHUNK_SIZE_LF : has_digits && c == ';' ? CHUNK_EXTENSION : -1;
}

static int step_extension(struct cappy_http_body *body, char c)
{
    if (c == '\r') {
        return CHUNK_SIZE_LF;
    }
    const bool is_allowed = ((unsigned char)c >= 0x20 && c != 0x7f) || c == '\t';
    return is_allowed && ++body->counted <= CAPPY_HTTP_CHUNK_EXTENSION_LIMIT ? CHUNK_EXTENSION : -1;
}

static int step_trailer(struct cappy_http_body *body, char c)
{
    const bool is_allowed = (unsigned char)c >= 0x20 || c == '\t';
    return c == '\r'                                                                ? TRAILER_LF
           : is_allowed && c != 0x7f && ++body->counted <= CAPPY_HTTP_TRAILER_LIMIT ? TRAILER
                                                                                    : -1;
}

/* The state behind the byte `c`, which is not one of the body's own; -1 when it must not be. */
static int step(struct cappy_http_body *body, char c)
{
    switch (body->state) {
    case CHUNK_SIZE:
        return step_size(body, c);
    case CHUNK_EXTENSION:
        return step_extension(body, c);
    case CHUNK_SIZE_LF:
        return c == '\n' ? end_size(body) : -1;
    case CHUNK_DATA_CR:
        return c == '\r' ? CHUNK_DATA_LF : -1;
    case CHUNK_DATA_LF:
        return c == '\n' ? CHUNK_SIZE : -1;
    case TRAILER_START:
        return c == '\r' ? END_LF : c == ' ' || c == '\t' ? -1 : step_trailer(body, c);
    case TRAILER:
        return step_trailer(body, c);
    case TRAILER_LF:
        return c == '\n' ? TRAILER_START : -1;
    default: /* END_LF */
        return c == '\n' ? DONE : -1;
    }
}

/* Takes what data[0..size) has of the body's own bytes; returns how many those are. */
static size_t take_bytes(struct cappy_http_body *body, const char *data, size_t size,
                         struct cappy_buffer *out, struct cappy_http_problem *problem)
{
    const size_t n = body->left < size ? (size_t)body->left : size;
    if (body->total + body->left > body->limit) {
        *problem = (struct cappy_http_problem){413, "the body is larger than this server takes"};
        return 0;
    }
    if (out != NULL && cappy_buffer_append(out, data, n, NULL) != CAPPY_OK) {
        *problem = (struct cappy_http_problem){503, "there is no memory for the body"};
        return 0;
    }
    body->left -= n;
    body->total += n;
    if (body->left == 0) {
        body->state = body->state == LENGTH ? DONE : CHUNK_DATA_CR;
    }
    return n;
}

bool cappy_http_body_read(struct cappy_http_body *body, const char *data, size_t size, size_t *used,
                          struct cappy_buffer *out, struct cappy_http_problem *problem)
{
    *problem = (struct cappy_http_problem){0};
    *used = 0;
    while (*used < size && body->state != DONE && problem->status == 0) {
        if (body->state == LENGTH || body->state == CHUNK_DATA) {
            *used += take_bytes(body, data + *used, size - *used, out, problem);
            continue;
        }
        const int next = step(body, data[*used]);
        if (next < 0) {
            *problem = (struct cappy_http_problem){400, "the chunks of the body are malformed"};
        } else {
            body->state = next;
            (*used)++;
        }
    }
    return body->state == DONE;
}
