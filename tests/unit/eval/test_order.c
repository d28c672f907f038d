/* SPDX-License-Identifier: Apache-2.0 */
/* Best of k against all subsets, and the mix. */
#include "cases.h"

/* The mean over all subsets of k of the quality of their first. */
static double count_subsets(const double *sorted, unsigned n, unsigned k)
{
    double sum = 0;
    unsigned count = 0;
    for (unsigned set = 1; set < 1u << n; set++) {
        if ((unsigned)__builtin_popcount(set) == k) {
            sum += sorted[__builtin_ctz(set)];
            count++;
        }
    }
    return sum / count;
}

static void test_best_of(void **state)
{
    (void)state;
    const double sorted[] = {0.5, 1, 0, 0.25, 0.75, 0.125, 0.6};
    double sum = 0;
    for (unsigned k = 1; k <= 7; k++) {
        assert_near(cappy_order_best_of(sorted, 7, k), count_subsets(sorted, 7, k));
        sum += k > 1 ? count_subsets(sorted, 7, k) : 0;
    }
    assert_near(cappy_order_worth(sorted, 7), sum / 6);
    assert_near(cappy_order_worth(sorted, 1), 0.5);
}

static void test_sort(void **state)
{
    (void)state;
    struct cappy_suite suite = {0};
    add_row(&suite,
            "{\"instruction\": \"a\", \"candidates\": [{\"text\": \"x\", \"quality\": 0.1}, "
            "{\"text\": \"y\", \"quality\": 0.2}, {\"text\": \"z\", \"quality\": 0.3}, "
            "{\"text\": \"w\", \"quality\": 0.4}]}");
    const double keys[] = {1, 2, 2, 0};
    double sorted[4];
    assert_int_equal(cappy_order_sort(&suite.cases[0], keys, sorted, NULL), CAPPY_OK);
    assert_near(sorted[0], 0.2); /* of equal keys the first */
    assert_near(sorted[1], 0.3);
    assert_near(sorted[2], 0.1);
    assert_near(sorted[3], 0.4);
    cappy_suite_free(&suite);
}

/* Thirty questions whose best answer `scores` knows, or else consensus. */
static void fill(struct cappy_suite *suite, bool scorer_knows)
{
    float scores[90];
    for (size_t i = 0; i < 30; i++) {
        add_row(suite, scorer_knows
                           ? "{\"instruction\": \"a\", \"references\": [\"one\"], \"candidates\": "
                             "[\"one\", \"two three\", \"two three\"]}"
                           : "{\"instruction\": \"a\", \"references\": [\"two three\"], "
                             "\"candidates\": [\"one\", \"two three\", \"two three\"]}");
        scores[3 * i] = 0.9F;
        scores[3 * i + 1] = 0.2F;
        scores[3 * i + 2] = 0.1F;
    }
    complete(suite, 0);
    assert_int_equal(cappy_suite_count(suite), 90);
    assert_int_equal(cappy_suite_set(suite, CAPPY_VIEW_SCORER, scores, NULL), CAPPY_OK);
}

static void test_mix(void **state)
{
    (void)state;
    double temperatures[2];
    for (int scorer_knows = 0; scorer_knows < 2; scorer_knows++) {
        struct cappy_suite suite = {0};
        double temperature;
        fill(&suite, scorer_knows != 0);
        assert_int_equal(cappy_mix_fit(&suite, &temperature, NULL), CAPPY_OK);
        assert_int_equal(cappy_mix_set(&suite, temperature, NULL), CAPPY_OK);
        temperatures[scorer_knows] = temperature;
        assert_near(cappy_pick_worth(&suite.cases[3], CAPPY_PICK_MIX), 1);
        cappy_suite_free(&suite);
    }
    assert_true(temperatures[1] < temperatures[0]);
}

static void test_few_are_not_fitted(void **state)
{
    (void)state;
    struct cappy_suite suite = {0};
    double temperature;
    add_row(&suite,
            "{\"instruction\": \"a\", \"references\": [\"b\"], \"candidates\": [\"b\", \"c\"]}");
    complete(&suite, 0);
    assert_int_equal(cappy_mix_fit(&suite, &temperature, NULL), CAPPY_OK);
    assert_near(temperature, 1);
    cappy_suite_free(&suite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best_of),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_mix),
        cmocka_unit_test(test_few_are_not_fitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
