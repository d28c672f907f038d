/* SPDX-License-Identifier: Apache-2.0 */
/* What is tried again, and after how long. */
#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "llm/retry.h"

static void test_statuses(void **state)
{
    (void)state;
    static const long again[] = {408, 409, 425, 429, 500, 502, 503, 504, 520, 529};
    static const long prompt[] = {400, 413, 422, 501};
    static const long run[] = {100, 301, 307, 401, 402, 407};
    for (int worked = 0; worked < 2; worked++) {
        for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
            assert_int_equal(cappy_retry_status(again[i], "", worked), CAPPY_VERDICT_AGAIN);
        }
        for (size_t i = 0; i < sizeof prompt / sizeof *prompt; i++) {
            assert_int_equal(cappy_retry_status(prompt[i], "x", worked), CAPPY_VERDICT_PROMPT);
        }
        for (size_t i = 0; i < sizeof run / sizeof *run; i++) {
            assert_int_equal(cappy_retry_status(run[i], "", worked), CAPPY_VERDICT_RUN);
        }
    }
    assert_int_equal(cappy_retry_status(429, "insufficient_quota", true), CAPPY_VERDICT_RUN);
    assert_int_equal(cappy_retry_status(404, "", false), CAPPY_VERDICT_RUN);
    assert_int_equal(cappy_retry_status(404, "", true), CAPPY_VERDICT_PROMPT);
}

static void test_results(void **state)
{
    (void)state;
    assert_int_equal(cappy_retry_result(CURLE_OPERATION_TIMEDOUT), CAPPY_VERDICT_AGAIN);
    assert_int_equal(cappy_retry_result(CURLE_PARTIAL_FILE), CAPPY_VERDICT_AGAIN);
    assert_int_equal(cappy_retry_result(CURLE_COULDNT_CONNECT), CAPPY_VERDICT_AGAIN);
    assert_int_equal(cappy_retry_result(CURLE_WRITE_ERROR), CAPPY_VERDICT_PROMPT);
    assert_int_equal(cappy_retry_result(CURLE_PEER_FAILED_VERIFICATION), CAPPY_VERDICT_RUN);
    assert_true(cappy_retry_is_unreachable(CURLE_COULDNT_RESOLVE_HOST));
    assert_false(cappy_retry_is_unreachable(CURLE_OPERATION_TIMEDOUT));
}

/* Never less than half of the step, never more, and not always the same. */
static void test_delays(void **state)
{
    (void)state;
    struct cappy_random random = cappy_random_begin(1, 2);
    static const double steps[] = {0.5, 1, 2, 4, 8, 16, 32, 60, 60};
    for (size_t tries = 1; tries <= sizeof steps / sizeof *steps; tries++) {
        const double step = steps[tries - 1];
        double least = step;
        double most = 0;
        for (int i = 0; i < 200; i++) {
            const double delay = cappy_retry_delay(tries, 0, &random);
            assert_true(delay >= step / 2 && delay <= step);
            least = delay < least ? delay : least;
            most = delay > most ? delay : most;
        }
        assert_true(most - least > step / 4);
    }
    for (int i = 0; i < 200; i++) {
        const double delay = cappy_retry_delay(1, 7, &random);
        assert_true(delay >= 7 && delay <= 7.1);
    }
    assert_true(cappy_retry_delay(SIZE_MAX, 0, &random) <= 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_delays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
