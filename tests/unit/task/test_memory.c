/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of a build fails once: CAPPY_NO_MEMORY, and nothing leaks. */
#include "built.h"

#include "../failing_alloc.h"

static cappy_status run(void *context, cappy_error *error)
{
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
    (void)context;
    const cappy_status status = run_build(&build, &options, rows, 4, error);
    end_build(&build);
    return status;
}

static void test_build(void **state)
{
    (void)state;
    assert_true(fail_each(run, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
