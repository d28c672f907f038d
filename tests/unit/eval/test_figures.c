/* SPDX-License-Identifier: Apache-2.0 */
/* Picks, their means and intervals, on rows whose values are known. */
#include "cases.h"

static void set(struct cappy_suite *suite, enum cappy_view view, const float *scores)
{
    assert_int_equal(cappy_suite_set(suite, view, scores, NULL), CAPPY_OK);
}

static double mean(const struct cappy_figures *figures, enum cappy_pick pick)
{
    assert_true(figures->picks[pick].is_given);
    return figures->picks[pick].mean;
}

static void test_pool(void **state)
{
    (void)state;
    struct cappy_suite suite = {0};
    struct cappy_figures figures;
    /* Qualities 0.2, 1, 0.4 and consensus for the second; then ROUGE-L 0, 0, 1. */
    add_row(&suite, "{\"task\": \"s\", \"instruction\": \"a\", \"references\": [\"no\"], "
                    "\"candidates\": [{\"text\": \"p q\", \"quality\": 0.2}, {\"text\": \"p q r\", "
                    "\"quality\": 1}, {\"text\": \"q r\", \"quality\": 0.4}]}");
    add_row(&suite, "{\"task\": \"t\", \"instruction\": \"b\", \"references\": [\"yes\"], "
                    "\"candidates\": [\"no\", \"no\", \"yes\"]}");
    complete(&suite, 0);
    set(&suite, CAPPY_VIEW_BASE, (const float[]){3, 1, 2, 0, 0, 0});
    set(&suite, CAPPY_VIEW_SCORER, (const float[]){1, 2, 3, 0, 1, 2});
    assert_int_equal(cappy_mix_set(&suite, 40, NULL), CAPPY_OK);
    assert_int_equal(cappy_figures_make(&suite, false, 1, &figures, NULL), CAPPY_OK);
    assert_int_equal(figures.n, 2);
    assert_int_equal(figures.n_responses, 6);
    assert_int_equal(figures.n_tasks, 2);
    assert_near(mean(&figures, CAPPY_PICK_RANDOM), (1.6 / 3 + 1.0 / 3) / 2);
    assert_near(mean(&figures, CAPPY_PICK_FIRST), 0.1);
    assert_near(mean(&figures, CAPPY_PICK_CONSENSUS), 0.5);
    assert_near(mean(&figures, CAPPY_PICK_BASE), 0.1);
    assert_near(mean(&figures, CAPPY_PICK_SCORER), 0.7);
    assert_near(mean(&figures, CAPPY_PICK_MIX), 0.5);
    assert_near(mean(&figures, CAPPY_PICK_ORACLE), 1);
    assert_false(figures.picks[CAPPY_PICK_MAJORITY].is_given);
    assert_near(figures.contrasts[0].mean, 0.7 - (1.6 / 3 + 1.0 / 3) / 2);
    /* Two cases of 0.4 and 1: a resampling has one of them twice in half of the draws. */
    assert_near(figures.picks[CAPPY_PICK_SCORER].low, 0.4);
    assert_near(figures.picks[CAPPY_PICK_SCORER].high, 1);
    cappy_figures_free(&figures);
    cappy_suite_free(&suite);
}

static void test_choices(void **state)
{
    (void)state;
    struct cappy_suite suite = {0};
    struct cappy_majority majority = {0};
    struct cappy_figures figures;
    const cappy_text task = CAPPY_TEXT("t");
    const cappy_text yes = CAPPY_TEXT("yes");
    const cappy_text no = CAPPY_TEXT("no");
    for (size_t i = 0; i < 1000; i++) {
        char other[8] = {'a', (char)('0' + i / 100), (char)('0' + i / 10 % 10),
                         (char)('0' + i % 10)};
        assert_int_equal(cappy_majority_add(&majority, task, (cappy_text){other, 4}, NULL),
                         CAPPY_OK);
    }
    assert_int_equal(cappy_majority_add(&majority, task, yes, NULL), CAPPY_OK);
    assert_int_equal(cappy_majority_add(&majority, task, no, NULL), CAPPY_OK);
    assert_int_equal(cappy_majority_add(&majority, task, no, NULL), CAPPY_OK);
    assert_int_equal(cappy_majority_count(&majority, task, no), 2);
    assert_int_equal(cappy_majority_count(&majority, no, task), 0);
    for (int i = 0; i < 4; i++) {
        add_row(&suite, i < 3 ? "{\"task\": \"t\", \"instruction\": \"a\", \"choices\": [\"yes\", "
                                "\"no\"], \"answer\": 1}"
                              : "{\"task\": \"t\", \"instruction\": \"a\", \"choices\": [\"yes\", "
                                "\"no\"], \"answer\": 0}");
    }
    complete(&suite, 0);
    set(&suite, CAPPY_VIEW_SCORER, (const float[]){0, 1, 1, 0, 0, 0, 1, 0});
    cappy_suite_set_usual(&suite, &majority);
    assert_int_equal(cappy_figures_make(&suite, true, 1, &figures, NULL), CAPPY_OK);
    assert_near(mean(&figures, CAPPY_PICK_RANDOM), 0.5);
    assert_near(mean(&figures, CAPPY_PICK_MAJORITY), 0.75);
    assert_near(mean(&figures, CAPPY_PICK_SCORER), 0.5);
    assert_false(figures.picks[CAPPY_PICK_BASE].is_given);
    assert_false(figures.picks[CAPPY_PICK_CONSENSUS].is_given);
    cappy_figures_free(&figures);
    cappy_majority_free(&majority);
    cappy_suite_free(&suite);
}

/* The interval of a mean of n values of deviation s is about 2 * 1.96 s / sqrt(n) wide. */
static void test_width(void **state)
{
    (void)state;
    enum { CASES = 400 };
    static float scores[2 * CASES];
    struct cappy_suite suite = {0};
    struct cappy_figures figures;
    for (size_t i = 0; i < CASES; i++) {
        add_row(&suite, "{\"instruction\": \"a\", \"choices\": [\"yes\", \"no\"], \"answer\": 1}");
        scores[2 * i + 1] = i % 4 == 0 ? -1.0F : 1.0F;
    }
    complete(&suite, 0);
    set(&suite, CAPPY_VIEW_SCORER, scores);
    assert_int_equal(cappy_figures_make(&suite, true, 1, &figures, NULL), CAPPY_OK);
    const struct cappy_figure *figure = &figures.picks[CAPPY_PICK_SCORER];
    const double width = 2 * 1.96 * sqrt(0.75 * 0.25 / CASES);
    assert_near(figure->mean, 0.75);
    assert_true(fabs(figure->high - figure->low - width) < 0.1 * width);
    cappy_figures_free(&figures);
    cappy_suite_free(&suite);
}

static void test_print(void **state)
{
    (void)state;
    struct cappy_suite suite = {0};
    struct cappy_figures figures;
    struct cappy_buffer text;
    cappy_buffer_init(&text, 1 << 20);
    assert_int_equal(cappy_figures_make(&suite, true, 1, &figures, NULL), CAPPY_OK);
    assert_int_equal(cappy_figures_print(&figures, "", &text, NULL), CAPPY_OK);
    assert_int_equal(text.size, 0); /* about nothing there is nothing to say */
    json_t *json = cappy_figures_json(&figures);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "rows")), 0);
    json_decref(json);
    cappy_figures_free(&figures);
    cappy_buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
