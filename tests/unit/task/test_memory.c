/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of a build fails once: CAPPY_NO_MEMORY, and nothing leaks. */
#include "built.h"

#include "../failing_alloc.h"

static void test_build(void **state)
{
    (void)state;
    static struct build build;
    static const char *const rows[] = {
        "{\"instruction\":\"a b c\",\"references\":[\"one two three\",\"two\"],"
        "\"candidates\":[\"one\",\"three two\"]}",
        "{\"task\":\"t\",\"instruction\":\"b\",\"choices\":[\"x\",\"y\",\"z\"],\"answer\":0}",
        "{\"instruction\":\"c\",\"references\":[\"two three four\"]}",
        "{\"instruction\":\"d\",\"references\":[\"five\"]}",
    };
    const struct cappy_build_options options = {.mismatches = 1,
                                                .near = 2,
                                                .corruptions = 4,
                                                .cap = 9,
                                                .balance = 1,
                                                .print_choices = true,
                                                .chunk_rows = 2};
    size_t n_failures = 0;
    cappy_status status;
    do {
        n_calls = 0;
        fail_at = n_failures + 1;
        cappy_error error;
        status = run_build(&build, &options, rows, 4, &error);
        end_build(&build);
        assert_int_equal(n_live, 0);
        if (status != CAPPY_OK) {
            assert_int_equal(status, CAPPY_NO_MEMORY);
            n_failures++;
        }
    } while (status != CAPPY_OK);
    assert_true(n_failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
