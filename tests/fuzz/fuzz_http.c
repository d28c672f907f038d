/* SPDX-License-Identifier: Apache-2.0 */
/* A head and its body: in one piece, and in pieces whose size the first byte says, they must be
 * read or refused alike. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "serve/http.h"

enum { BODY_LIMIT = 4096 };

/* assert, in every build. */
static void check(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* What was made of an input. */
struct reading {
    struct cappy_http_problem problem;
    struct cappy_buffer body;
    size_t used; /* bytes of the input */
    bool is_whole;
};

static size_t read_head(const char *data, size_t size, size_t piece, struct cappy_http_head *head,
                        struct reading *reading)
{
    size_t seen = 0;
    for (size_t n = piece < size ? piece : size;; n = n + piece < size ? n + piece : size) {
        const size_t found = cappy_http_find_head(data, n, &seen, &reading->problem);
        if (found > 0) {
            return cappy_http_parse_head(data, found, head, &reading->problem) ? found : 0;
        }
        if (n == size || reading->problem.status != 0) {
            return 0;
        }
    }
}

static void read_all(const char *data, size_t size, size_t piece, struct reading *reading)
{
    struct cappy_http_head head;
    struct cappy_http_body body;
    cappy_buffer_init(&reading->body, BODY_LIMIT);
    reading->used = read_head(data, size, piece, &head, reading);
    if (reading->used == 0) {
        return;
    }
    const bool is_root = head.path.size == 1 && head.path.data[0] == '/'; /* of http://host */
    check(is_root || (head.path.size > 0 && head.path.data >= data &&
                      head.path.data + head.path.size <= data + reading->used));
    check(!(head.chunked && head.has_length));
    cappy_http_body_begin(&body, &head, BODY_LIMIT);
    do {
        const size_t left = size - reading->used;
        const size_t n = piece < left ? piece : left;
        size_t used;
        reading->is_whole = cappy_http_body_read(&body, data + reading->used, n, &used,
                                                 &reading->body, &reading->problem);
        check(used <= n);
        reading->used += used;
    } while (!reading->is_whole && reading->problem.status == 0 && reading->used < size);
    check(reading->body.size <= BODY_LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading whole = {.is_whole = false};
    struct reading pieces = {.is_whole = false};
    if (size < 2) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    read_all(text, size - 1, size, &whole);
    read_all(text, size - 1, (size_t)data[0] % 64 + 1, &pieces);
    check(whole.is_whole == pieces.is_whole && whole.used == pieces.used);
    check(whole.problem.status == pieces.problem.status);
    check(
        whole.body.size == pieces.body.size &&
        (whole.body.size == 0 || memcmp(whole.body.data, pieces.body.data, whole.body.size) == 0));
    cappy_buffer_free(&whole.body);
    cappy_buffer_free(&pieces.body);
    return 0;
}
