/* SPDX-License-Identifier: Apache-2.0 */
/* Rows with references alone become choices; scores are checked. */
#include "cases.h"

static void test_complete(void **state)
{
    (void)state;
    struct cappy_suite suite = {0};
    char text[200];
    for (int i = 0; i < 12; i++) {
        snprintf(text, sizeof text,
                 "{\"task\": \"t\", \"instruction\": \"say %d\", \"references\": [\"it is %d\"]}",
                 i, i % 6);
        add_row(&suite, text);
    }
    add_row(&suite, "{\"task\": \"alone\", \"instruction\": \"a\", \"references\": [\"b\"]}");
    add_row(&suite, "{\"task\": \"t\", \"instruction\": \"c\", \"choices\": [\"d\", \"e\"], "
                    "\"answer\": 0}");
    complete(&suite, 1);
    assert_int_equal(suite.n_used, 13);
    size_t at_first = 0;
    for (size_t i = 0; i < suite.n_used; i++) {
        const struct cappy_question *question = &suite.cases[i].question;
        double sum = 0;
        assert_true(question->is_closed);
        /* Six different references, of which five are another's. */
        assert_int_equal(question->n, question->reference.data != NULL ? 6 : 2);
        for (size_t j = 0; j < question->n; j++) {
            sum += question->qualities[j];
            for (size_t k = 0; k < j; k++) {
                assert_false(question->responses[j].size == question->responses[k].size &&
                             memcmp(question->responses[j].data, question->responses[k].data,
                                    question->responses[j].size) == 0);
            }
        }
        assert_near(sum, 1);
        at_first += question->qualities[0] > 0;
    }
    assert_true(at_first < 8); /* the right one stands anywhere */
    cappy_suite_free(&suite);
}

static void test_scores(void **state)
{
    (void)state;
    struct cappy_suite suite = {0};
    cappy_error error;
    double worth;
    add_row(&suite, "{\"instruction\": \"c\", \"choices\": [\"d\", \"e\"], \"answer\": 0}");
    complete(&suite, 0);
    assert_int_equal(cappy_suite_set(&suite, CAPPY_VIEW_SCORER, (const float[]){0, NAN}, &error),
                     CAPPY_FORMAT);
    assert_non_null(strstr(error.message, "rows:1: "));
    assert_int_equal(cappy_suite_set(&suite, CAPPY_VIEW_SCORER, (const float[]){1, 0}, NULL),
                     CAPPY_OK);
    assert_int_equal(cappy_suite_worth(&suite, CAPPY_VIEW_SCORER, &worth, NULL), CAPPY_OK);
    assert_near(worth, 1);
    assert_int_equal(cappy_suite_set(&suite, CAPPY_VIEW_SCORER, (const float[]){0, 1}, NULL),
                     CAPPY_OK);
    assert_int_equal(cappy_suite_worth(&suite, CAPPY_VIEW_SCORER, &worth, NULL), CAPPY_OK);
    assert_near(worth, 0);
    cappy_suite_free(&suite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
