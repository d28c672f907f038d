/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers behind the charts of a report, against plain counts. */
#include "cases.h"

#include "eval/curves.h"

enum { N = 6 }; /* answers to a question */

/* A question with N answers of these qualities. */
static void add_question(struct cappy_suite *suite, const double *qualities)
{
    static const char *const answers[N] = {"one two three", "one two", "one",
                                           "four five",     "four",    "six"};
    char text[800];
    int used = snprintf(text, sizeof text, "{\"instruction\": \"a\", \"candidates\": [");
    for (size_t i = 0; i < N; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "%s{\"text\": \"%s\", \"quality\": %.17g}", i == 0 ? "" : ", ", answers[i],
                         qualities[i]);
    }
    snprintf(text + used, sizeof text - (size_t)used, "]}");
    add_row(suite, text);
}

/* All its cases. */
static const struct cappy_scope *open_scope(const struct cappy_suite *suite,
                                            struct cappy_scope *scope)
{
    cappy_scope_free(scope);
    assert_int_equal(cappy_scope_open(suite, true, true, scope, NULL), CAPPY_OK);
    return scope;
}

static void test_histogram(void **state)
{
    const double qualities[] = {0, 0.33, 0.34, 0.66, 0.67, 1};
    const float scores[] = {-0.25F, 0, 0.5F, 0.5F, 0.5F, 1.2F};
    struct cappy_suite suite = {0};
    struct cappy_scope scope = {0};
    struct cappy_histogram histogram;
    double total = 0;
    (void)state;
    add_question(&suite, qualities);
    complete(&suite, 0);
    assert_int_equal(cappy_suite_set(&suite, CAPPY_VIEW_SCORER, scores, NULL), CAPPY_OK);
    cappy_histogram_make(open_scope(&suite, &scope), CAPPY_VIEW_SCORER, &histogram);
    assert_near(histogram.low, -0.3); /* tenths that hold all scores, and 0 to 1 */
    assert_near(histogram.high, 1.3);
    for (size_t class = 0; class < CAPPY_SCORE_CLASSES; class ++) {
        for (size_t bar = 0; bar < CAPPY_HISTOGRAM_BARS; bar++) {
            total += histogram.counts[class][bar];
        }
    }
    assert_near(total, N);
    const size_t middle = CAPPY_HISTOGRAM_BARS / 2; /* 0.5 is in the middle of -0.3 to 1.3 */
    assert_near(histogram.counts[1][middle], 2);    /* of qualities 0.34 and 0.66 */
    assert_near(histogram.counts[2][middle], 1);
    assert_near(histogram.counts[0][0], 1);
    assert_near(histogram.counts[2][22], 1); /* 1.2, 22.5 bars of 1.6 / 24 from -0.3 */
    assert_near(histogram.most, 3);
    cappy_scope_free(&scope);
    cappy_suite_free(&suite);
}

/* Scores from 0 to 1, the highest among them, are in bars. */
static void test_histogram_of_shares(void **state)
{
    const double qualities[] = {0, 0, 0, 0, 0, 1};
    const float scores[] = {0, 0, 0, 0, 0, 1};
    struct cappy_suite suite = {0};
    struct cappy_scope scope = {0};
    struct cappy_histogram histogram;
    (void)state;
    add_question(&suite, qualities);
    complete(&suite, 0);
    assert_int_equal(cappy_suite_set(&suite, CAPPY_VIEW_BASE, scores, NULL), CAPPY_OK);
    cappy_histogram_make(open_scope(&suite, &scope), CAPPY_VIEW_BASE, &histogram);
    assert_near(histogram.low, 0);
    assert_near(histogram.high, 1);
    assert_near(histogram.counts[0][0], 5);
    assert_near(histogram.counts[2][CAPPY_HISTOGRAM_BARS - 1], 1);
    cappy_scope_free(&scope);
    cappy_suite_free(&suite);
}

static void test_calibration(void **state)
{
    /* 24 answers: parts of 2 and 3. Quality is 1 where the score is above a half. */
    struct cappy_suite suite = {0};
    struct cappy_scope scope = {0};
    struct cappy_calibration calibration;
    float scores[4 * N];
    double sum = 0;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        double qualities[N];
        for (size_t j = 0; j < N; j++) {
            const size_t rank = (i * N + j) * 7 % 24; /* in any order */
            scores[i * N + j] = (float)rank / 23;
            qualities[j] = rank >= 12 ? 1 : 0;
        }
        add_question(&suite, qualities);
    }
    complete(&suite, 0);
    assert_int_equal(cappy_suite_set(&suite, CAPPY_VIEW_SCORER, scores, NULL), CAPPY_OK);
    assert_int_equal(
        cappy_calibration_make(open_scope(&suite, &scope), CAPPY_VIEW_SCORER, &calibration, NULL),
        CAPPY_OK);
    assert_int_equal(calibration.n, CAPPY_CALIBRATION_POINTS);
    for (size_t i = 0; i < calibration.n; i++) {
        const size_t first = 24 * i / 10;
        const size_t end = 24 * (i + 1) / 10;
        assert_near(calibration.scores[i], (double)(first + end - 1) / 2 / 23);
        assert_near(calibration.qualities[i], first >= 12 ? 1 : 0);
        sum += calibration.scores[i] * (double)(end - first);
    }
    assert_near(sum, 12);
    cappy_scope_free(&scope);
    cappy_suite_free(&suite);
    /* Fewer answers than parts: one each. */
    const double qualities[] = {1, 0, 0, 0, 0, 0.5};
    add_question(&suite, qualities);
    complete(&suite, 0);
    assert_int_equal(cappy_suite_set(&suite, CAPPY_VIEW_SCORER, scores, NULL), CAPPY_OK);
    assert_int_equal(
        cappy_calibration_make(open_scope(&suite, &scope), CAPPY_VIEW_SCORER, &calibration, NULL),
        CAPPY_OK);
    assert_int_equal(calibration.n, N);
    assert_near(calibration.qualities[0], 1); /* the first has the lowest score, 0 */
    cappy_scope_free(&scope);
    cappy_suite_free(&suite);
}

/* ---- Best of N ---- */

/* The mean over all k of the N answers of the quality of the one with the highest key. */
static double count_subsets(const double *keys, const double *qualities, unsigned k)
{
    double sum = 0;
    unsigned count = 0;
    for (unsigned set = 1; set < 1u << N; set++) {
        if ((unsigned)__builtin_popcount(set) != k) {
            continue;
        }
        size_t best = N;
        for (size_t i = 0; i < N; i++) {
            best = (set >> i & 1) != 0 && (best == N || keys[i] > keys[best]) ? i : best;
        }
        sum += qualities[best];
        count++;
    }
    return sum / count;
}

static void test_best_of(void **state)
{
    const double qualities[] = {0.9, 0.3, 0.5, 0.7, 0.1, 0.2};
    const float scores[] = {0.2F, 0.4F, 0.9F, 0.3F, 0.8F, 0.1F};
    double keys[N];
    struct cappy_suite suite = {0};
    struct cappy_scope scope = {0};
    struct cappy_best_of best_of;
    (void)state;
    add_question(&suite, qualities);
    /* A choice is not in the curves. */
    add_row(&suite, "{\"instruction\": \"c\", \"choices\": [\"d\", \"e\"], \"answer\": 0}");
    complete(&suite, 0);
    const float all[] = {scores[0], scores[1], scores[2], scores[3], scores[4], scores[5], 0, 1};
    assert_int_equal(cappy_suite_set(&suite, CAPPY_VIEW_SCORER, all, NULL), CAPPY_OK);
    assert_int_equal(cappy_mix_set(&suite, 0.5, NULL), CAPPY_OK);
    assert_int_equal(cappy_best_of_make(open_scope(&suite, &scope), 0.5, 1, &best_of, NULL),
                     CAPPY_OK);
    assert_int_equal(best_of.most, N);
    for (size_t i = 0; i < N; i++) {
        keys[i] = (double)scores[i];
    }
    for (unsigned k = 1; k <= N; k++) {
        const double mean = 2.7 / 6;
        assert_near(best_of.n[k - 1], k);
        assert_near(best_of.worth[CAPPY_PICK_RANDOM][k - 1], mean);
        assert_near(best_of.worth[CAPPY_PICK_SCORER][k - 1],
                    k == 1 ? mean : count_subsets(keys, qualities, k));
        assert_near(best_of.worth[CAPPY_PICK_ORACLE][k - 1],
                    k == 1 ? mean : count_subsets(qualities, qualities, k));
        assert_near(best_of.worth[CAPPY_PICK_BASE][k - 1], k == 1 ? mean : 0); /* was not asked */
    }
    /* With all of them there is nothing to draw. */
    const enum cappy_pick drawn[] = {CAPPY_PICK_CONSENSUS, CAPPY_PICK_MIX};
    for (size_t i = 0; i < 2; i++) {
        assert_near(best_of.worth[drawn[i]][N - 1], cappy_pick_worth(&suite.cases[0], drawn[i]));
        assert_near(best_of.worth[drawn[i]][0], 2.7 / 6);
    }
    cappy_scope_free(&scope);
    cappy_suite_free(&suite);
}

/* A question with fewer answers counts with all it has. */
static void test_best_of_few(void **state)
{
    const double qualities[] = {0, 0, 0, 0, 0, 1};
    const float scores[] = {1, 2, 3, 4, 5, 6, 9, 8};
    struct cappy_suite suite = {0};
    struct cappy_scope scope = {0};
    struct cappy_best_of best_of;
    (void)state;
    add_question(&suite, qualities);
    add_row(&suite, "{\"instruction\": \"b\", \"references\": [\"x\"], \"candidates\": "
                    "[\"x\", \"y\"]}");
    complete(&suite, 0);
    assert_int_equal(cappy_suite_set(&suite, CAPPY_VIEW_SCORER, scores, NULL), CAPPY_OK);
    assert_int_equal(cappy_best_of_make(open_scope(&suite, &scope), 1, 1, &best_of, NULL),
                     CAPPY_OK);
    assert_int_equal(best_of.most, N);
    for (size_t k = 2; k <= N; k++) {
        /* Among k of six the sixth is with chance k / 6; of the two the first is best. */
        assert_near(best_of.worth[CAPPY_PICK_SCORER][k - 1], ((double)k / N + 1) / 2);
    }
    cappy_scope_free(&scope);
    cappy_suite_free(&suite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histogram),   cmocka_unit_test(test_histogram_of_shares),
        cmocka_unit_test(test_calibration), cmocka_unit_test(test_best_of),
        cmocka_unit_test(test_best_of_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
