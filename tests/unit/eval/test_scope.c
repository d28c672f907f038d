/* SPDX-License-Identifier: Apache-2.0 */
/* Examples, templates and sources, told apart by what rows say. */
#include "cases.h"

#include "eval/scope.h"

static void open_scope(const struct cappy_suite *suite, struct cappy_scope *scope)
{
    assert_int_equal(cappy_scope_open(suite, true, true, scope, NULL), CAPPY_OK);
}

static void add_choice(struct cappy_suite *suite, const char *names, int answer)
{
    char text[300];
    snprintf(text, sizeof text,
             "{%s, \"instruction\": \"i\", \"choices\": [\"a\", \"b\"], \"answer\": %d}", names,
             answer);
    add_row(suite, text);
}

static void assert_text(cappy_text text, const char *want)
{
    assert_int_equal(text.size, strlen(want));
    assert_memory_equal(text.data, want, text.size);
}

static void test_names(void **state)
{
    (void)state;
    struct cappy_suite suite = {0};
    add_choice(&suite, "\"id\": \"d/a/b c/7\"", 0);
    add_choice(&suite, "\"id\": \"d/7\"", 0);
    add_choice(&suite, "\"id\": 7", 0);
    add_choice(&suite, "\"id\": \"//\"", 0);
    add_choice(&suite, "\"id\": \"d/a/7\", \"template\": \"t\", \"example\": 12", 0);
    assert_text(suite.cases[0].prompt, "a/b c");
    assert_text(suite.cases[0].example, "7");
    for (size_t i = 1; i < 4; i++) {
        assert_text(suite.cases[i].prompt, "");
        assert_text(suite.cases[i].example, "");
    }
    assert_text(suite.cases[4].prompt, "t");
    assert_text(suite.cases[4].example, "12");
    cappy_suite_free(&suite);
}

static void test_clusters(void **state)
{
    (void)state;
    struct cappy_suite suite = {0};
    struct cappy_scope scope;
    size_t clusters[6];
    size_t n;
    add_choice(&suite, "\"task\": \"s\", \"id\": \"d/a/1\"", 0);
    add_choice(&suite, "\"task\": \"s\", \"id\": \"none\"", 0);
    add_choice(&suite, "\"task\": \"s\", \"id\": \"d/a/2\"", 0);
    add_choice(&suite, "\"task\": \"s\", \"id\": \"d/b/1\"", 0);
    add_choice(&suite, "\"task\": \"t\", \"id\": \"d/a/1\"", 0); /* of another task */
    add_choice(&suite, "\"task\": \"s\", \"id\": \"none\"", 0);
    complete(&suite, 0);
    open_scope(&suite, &scope);
    assert_int_equal(cappy_scope_cluster(&scope, clusters, &n, NULL), CAPPY_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(clusters, ((const size_t[]){0, 1, 2, 0, 3, 4}), sizeof clusters);
    struct cappy_scope narrow;
    assert_int_equal(cappy_scope_narrow(&scope, (cappy_text)CAPPY_TEXT("t"), &narrow, NULL),
                     CAPPY_OK);
    assert_int_equal(narrow.n, 1);
    assert_ptr_equal(narrow.cases[0], &suite.cases[4]);
    cappy_scope_free(&narrow);
    cappy_scope_free(&scope);
    cappy_suite_free(&suite);
}

static void test_average(void **state)
{
    (void)state;
    struct cappy_suite suite = {0};
    struct cappy_scope scope;
    const size_t clusters[] = {0, 0, 1, 1, 2};
    bool given[3];
    double hits[3];
    add_choice(&suite, "\"id\": \"d/a/1\"", 1);
    add_choice(&suite, "\"id\": \"d/b/1\"", 1);
    add_choice(&suite, "\"id\": \"d/a/2\"", 0);
    add_choice(&suite, "\"id\": \"d/b/2\"", 1); /* its choices stand in another order */
    add_choice(&suite, "\"id\": \"d/a/3\"", 0); /* by itself */
    complete(&suite, 0);
    assert_int_equal(cappy_suite_set(&suite, CAPPY_VIEW_SCORER,
                                     (const float[]){0.6F, 0.5F, 0, 0.2F, 1, 0, 0, 1, 1, 0}, NULL),
                     CAPPY_OK);
    open_scope(&suite, &scope);
    assert_int_equal(cappy_scope_average(&scope, clusters, 3, given, hits, NULL), CAPPY_OK);
    assert_true(given[0] && !given[1] && !given[2]);
    assert_near(hits[0], 1); /* 0.6 against 0.7 */
    cappy_scope_free(&scope);
    cappy_suite_free(&suite);
}

/* One source is best but rare, one is in 9 of 10 rows, where the missing one counts 0. */
static void test_source(void **state)
{
    (void)state;
    struct cappy_suite suite = {0};
    struct cappy_scope scope;
    cappy_text source;
    double worth[10];
    char text[400];
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text,
                 "{\"instruction\": \"i\", \"candidates\": [{\"text\": \"a\", \"quality\": 0.5, "
                 "\"source\": \"low\"}, {\"text\": \"b\", \"quality\": 2, \"source\": \"%s\"}, "
                 "{\"text\": \"c\", \"quality\": 9, \"source\": \"%s\"}]}",
                 i < 9 ? "wide" : "low", i < 8 ? "rare" : "low");
        add_row(&suite, text);
    }
    complete(&suite, 0);
    open_scope(&suite, &scope);
    assert_int_equal(cappy_scope_source(&scope, &source, worth, NULL), CAPPY_OK);
    assert_text(source, "wide");
    assert_near(worth[0], 2);
    assert_near(worth[9], 0);
    double low;
    double high;
    cappy_scope_measure(&scope, &low, &high);
    assert_near(low, 0);
    assert_near(high, 9);
    cappy_scope_free(&scope);
    cappy_suite_free(&suite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_clusters),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
