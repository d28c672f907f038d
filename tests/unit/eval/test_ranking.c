/* SPDX-License-Identifier: Apache-2.0 */
/* How well scores order responses, against values worked out by hand. */
#include "cases.h"

static void test_rank(void **state)
{
    (void)state;
    const double qualities[] = {1, 2, 3, 4, 5};
    const double same[] = {2, 2};
    double value;
    assert_true(cappy_rank_correlate(qualities, (const float[]){1, 2, 3, 4, 9}, 5, &value));
    assert_near(value, 1);
    assert_true(cappy_rank_correlate(qualities, (const float[]){5, 4, 3, 2, 1}, 5, &value));
    assert_near(value, -1);
    /* 1 - 6 sum d^2 / (n (n^2 - 1)), with ranks 2, 1, 4, 3, 5. */
    assert_true(cappy_rank_correlate(qualities, (const float[]){2, 1, 4, 3, 5}, 5, &value));
    assert_near(value, 1 - 6.0 * 4 / (5 * 24));
    /* Ties share a rank: Pearson's of 1, 2, 3, 4, 5 and 1.5, 1.5, 3, 4.5, 4.5. */
    assert_true(cappy_rank_correlate(qualities, (const float[]){0, 0, 1, 2, 2}, 5, &value));
    assert_near(value, 9 / sqrt(10.0 * 9));
    assert_false(cappy_rank_correlate(same, (const float[]){1, 2}, 2, &value));
    assert_false(cappy_rank_correlate(qualities, (const float[]){1, 1}, 2, &value));
}

static void test_pairs(void **state)
{
    (void)state;
    const double qualities[] = {0, 0, 1, 2};
    double value;
    /* Of the five pairs that differ in quality, three are right and one is undecided. */
    assert_true(cappy_pairs_count(qualities, (const float[]){1, 3, 2, 3}, 4, &value));
    assert_near(value, 3.5 / 5);
    assert_false(cappy_pairs_count(qualities, (const float[]){1, 2}, 2, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rank), cmocka_unit_test(test_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
