/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers and hashes are the same on every machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

/* The first numbers of SplitMix64 from a state of 0, as its authors publish them. */
static void test_next(void **state)
{
    (void)state;
    struct cappy_random random = {0};
    assert_true(cappy_random_next(&random) == 0xe220a8397b1dcdafu);
    assert_true(cappy_random_next(&random) == 0x6e789e6aa1b965f4u);
    assert_true(cappy_random_next(&random) == 0x06c45d188009454fu);
}

static void test_streams(void **state)
{
    (void)state;
    struct cappy_random a = cappy_random_begin(1, 7);
    struct cappy_random b = cappy_random_begin(1, 7);
    struct cappy_random c = cappy_random_begin(1, 8);
    struct cappy_random d = cappy_random_begin(2, 7);
    const uint64_t first = cappy_random_next(&a);
    assert_true(first == cappy_random_next(&b));
    assert_true(first != cappy_random_next(&c));
    assert_true(first != cappy_random_next(&d));
}

static void test_below(void **state)
{
    (void)state;
    enum { N = 7, DRAWS = 70000 };
    size_t counts[N] = {0};
    struct cappy_random random = cappy_random_begin(3, 0);
    for (size_t i = 0; i < DRAWS; i++) {
        counts[cappy_random_below(&random, N)]++;
    }
    for (size_t i = 0; i < N; i++) {
        assert_in_range(counts[i], DRAWS / N - 500, DRAWS / N + 500); /* 5 standard deviations */
    }
    assert_int_equal(cappy_random_below(&random, 1), 0);
}

static void test_hash(void **state)
{
    (void)state;
    assert_true(cappy_hash(0, "ab", 2) == cappy_hash(0, "ab", 2));
    assert_true(cappy_hash(0, "ab", 2) != cappy_hash(0, "ba", 2));
    assert_true(cappy_hash(0, "", 0) != cappy_hash(0, "\0", 1));
    assert_true(cappy_hash(cappy_hash(0, "a", 1), "bc", 2) !=
                cappy_hash(cappy_hash(0, "ab", 2), "c", 1));
    assert_true(cappy_hash(0, "cappy", 5) == 0x254efcdc64b7f462u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
