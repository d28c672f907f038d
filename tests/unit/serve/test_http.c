/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and bodies in pieces of every size; tests/server/test_http.py has the cases that are
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "serve/http.h"

static const char head_text[] = "POST /v1/score?x=1 HTTP/1.1\r\nHost: a:1\r\nX-API-Key: k \r\n"
                                "Transfer-Encoding: Chunked\r\nConnection: x, CLOSE\r\n\r\n";
static const char body_text[] = "3;a=b\r\nabc\r\n0A\r\n0123456789\r\n000\r\nT: x\r\n\r\nGET";

static void test_head(void **state)
{
    (void)state;
    const size_t size = sizeof head_text - 1;
    struct cappy_http_problem problem = {0};
    struct cappy_http_head head;
    size_t seen = 0;
    for (size_t n = 0; n < size; n++) { /* byte by byte there is no head but the whole one */
        assert_int_equal(cappy_http_find_head(head_text, n, &seen, &problem), 0);
        assert_int_equal(problem.status, 0);
    }
    assert_int_equal(cappy_http_find_head(head_text, size, &seen, &problem), size);
    assert_true(cappy_http_parse_head(head_text, size, &head, &problem));
    assert_true(cappy_http_equal(head.method, "post"));
    assert_true(cappy_http_equal(head.path, "/v1/score"));
    assert_true(cappy_http_equal(head.host, "a:1"));
    assert_true(cappy_http_equal(head.api_key, "k"));
    assert_true(head.chunked && !head.has_length && !head.keep_alive);
}

/* What follows a body is not touched, whatever the pieces. */
static void test_body(void **state)
{
    (void)state;
    const struct cappy_http_head head = {.chunked = true};
    const size_t size = sizeof body_text - 1;
    for (size_t piece = 1; piece <= size; piece++) {
        struct cappy_http_body body;
        struct cappy_http_problem problem = {0};
        struct cappy_buffer out;
        bool is_whole = false;
        size_t at = 0;
        cappy_buffer_init(&out, 100);
        cappy_http_body_begin(&body, &head, 13);
        while (!is_whole && at < size) {
            const size_t n = piece < size - at ? piece : size - at;
            size_t used;
            is_whole = cappy_http_body_read(&body, body_text + at, n, &used, &out, &problem);
            assert_int_equal(problem.status, 0);
            at += used;
        }
        assert_true(is_whole);
        assert_int_equal(at, size - 3);
        assert_string_equal(out.data, "abc0123456789");
        cappy_buffer_free(&out);
    }
}

/* A byte more than allowed is refused before it is kept, in chunks as by length. */
static void test_limit(void **state)
{
    (void)state;
    const struct cappy_http_head heads[] = {{.chunked = true}, {.has_length = true, .length = 13}};
    for (size_t i = 0; i < 2; i++) {
        struct cappy_http_body body;
        struct cappy_http_problem problem;
        size_t used;
        cappy_http_body_begin(&body, &heads[i], 12);
        assert_false(
            cappy_http_body_read(&body, body_text, sizeof body_text - 1, &used, NULL, &problem));
        assert_int_equal(problem.status, 413);
        assert_true(body.total <= 12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_head), cmocka_unit_test(test_body),
                                       cmocka_unit_test(test_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
