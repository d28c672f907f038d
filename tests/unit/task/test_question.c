/* SPDX-License-Identifier: Apache-2.0 */
/* Task rows as questions: what there is to choose from, what it is worth, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../refusal.h"
#include "task/task.h"

static cappy_status read(const char *text, struct cappy_question *question, cappy_error *error)
{
    struct cappy_row row;
    assert_int_equal(cappy_row_parse("dir/pool.jsonl", 3, text, strlen(text), &row, error),
                     CAPPY_OK);
    const cappy_status status =
        cappy_question_read(&row, CAPPY_GRADING_ANY, false, question, error);
    cappy_row_free(&row); /* empty where the question has it */
    return status;
}

static void open_question(const char *text, struct cappy_question *question)
{
    cappy_error error;
    if (read(text, question, &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
}

static void assert_text(cappy_text text, const char *want)
{
    assert_int_equal(text.size, strlen(want));
    assert_memory_equal(text.data, want, text.size);
}

static void assert_qualities(const struct cappy_question *question, const double *want, size_t n)
{
    assert_int_equal(question->n, n);
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(question->qualities[i] - want[i]) < 1e-12)) {
            fail_msg("response %zu: %.17g, not %.17g", i, question->qualities[i], want[i]);
        }
    }
}

static void test_graded(void **state)
{
    struct cappy_question question;
    (void)state;
    open_question("{\"task\":\"t\",\"instruction\":\"i\",\"references\":[\"red\",\"blue\"],"
                  "\"candidates\":[{\"text\":\"red\",\"quality\":0},{\"text\":\"x\","
                  "\"quality\":0.75},{\"text\":\"red\",\"quality\":1}]}",
                  &question);
    assert_qualities(&question, (const double[]){0, 0.75, 1}, 3); /* not those by the references */
    assert_false(question.is_closed);
    assert_text(question.task, "t");
    assert_text(question.instruction, "i");
    assert_text(question.responses[1], "x");
    assert_text(question.reference, "red");
    cappy_question_free(&question);
    assert_null(question.responses);
    assert_null(question.row.json);
}

/* The best over the references: 2/3 of "red wine" is "red", 4/5 of the third is "dark blue sea". */
static void test_graded_by_references(void **state)
{
    struct cappy_question question;
    (void)state;
    open_question("{\"instruction\":\"i\",\"references\":[\"red\",\"dark blue sea\"],"
                  "\"candidates\":[\"red wine\",{\"text\":\"green\",\"quality\":1},"
                  "\"blue sea\",\"\"]}",
                  &question);
    assert_qualities(&question, (const double[]){2.0 / 3, 0, 0.8, 0}, 4);
    assert_text(question.task, "pool"); /* called after the file */
    cappy_question_free(&question);
}

/* What is graded by, and on what scale, is for the caller to say. */
static void test_gradings(void **state)
{
    static const char row[] = "{\"instruction\":\"i\",\"references\":[\"red\"],\"candidates\":["
                              "{\"text\":\"red\",\"quality\":-2},{\"text\":\"x\",\"quality\":5}]}";
    static const struct {
        enum cappy_grading grading;
        bool any_scale;
        double want[2];
    } cases[] = {{CAPPY_GRADING_ANY, true, {-2, 5}},
                 {CAPPY_GRADING_QUALITY, true, {-2, 5}},
                 {CAPPY_GRADING_REFERENCES, true, {1, 0}}};
    cappy_error error;
    struct cappy_row parsed;
    struct cappy_question question;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(cappy_row_parse("r", 1, row, sizeof row - 1, &parsed, NULL), CAPPY_OK);
        assert_int_equal(
            cappy_question_read(&parsed, cases[i].grading, cases[i].any_scale, &question, NULL),
            CAPPY_OK);
        assert_qualities(&question, cases[i].want, 2);
        cappy_question_free(&question);
    }
    assert_int_equal(cappy_row_parse("r", 1, row, sizeof row - 1, &parsed, NULL), CAPPY_OK);
    assert_int_equal(cappy_question_read(&parsed, CAPPY_GRADING_ANY, false, &question, &error),
                     CAPPY_FORMAT);
    assert_non_null(strstr(error.message, "must be from 0 to 1"));
    cappy_row_free(&parsed);
}

static void test_likeness(void **state)
{
    static const char row[] = "{\"instruction\":\"i\",\"candidates\":["
                              "{\"text\":\"one two three\",\"quality\":0},"
                              "{\"text\":\"one two\",\"quality\":0},"
                              "{\"text\":\"four\",\"quality\":0},"
                              "{\"text\":\"?\",\"quality\":0}]}";
    struct cappy_question question;
    (void)state;
    open_question(row, &question);
    const float want[4][4] = {
        {1, 0.8F, 0, 0}, {0.8F, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 0}}; /* no words are like none */
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            assert_true(fabsf(question.likeness[4 * i + j] - want[i][j]) < 1e-6F);
        }
    }
    assert_null(question.reference.data);
    cappy_question_free(&question);
}

/* A choice with the text of the right one is right, too. */
static void test_choices(void **state)
{
    struct cappy_question question;
    (void)state;
    open_question("{\"instruction\":\"i\",\"choices\":[\"yes\",\"no\",\"yes\",\"yes \"],"
                  "\"answer\":2,\"candidates\":[{\"text\":\"a\",\"quality\":1}]}",
                  &question); /* a single candidate is no choice */
    assert_qualities(&question, (const double[]){1, 0, 1, 0}, 4);
    assert_true(question.is_closed);
    assert_null(question.likeness);
    cappy_question_free(&question);
    open_question("{\"instruction\":\"i\",\"choices\":[\"yes\",\"no\"],\"answer\":0,"
                  "\"candidates\":[{\"text\":\"a\",\"quality\":1},{\"text\":\"b\","
                  "\"quality\":0.5}]}",
                  &question); /* two are */
    assert_qualities(&question, (const double[]){1, 0.5}, 2);
    assert_false(question.is_closed);
    cappy_question_free(&question);
}

static void test_mismatch(void **state)
{
    const cappy_text others[] = {CAPPY_TEXT("blue"), CAPPY_TEXT("green"), CAPPY_TEXT("black")};
    struct cappy_random random = cappy_random_begin(1, 0);
    size_t places[4] = {0};
    (void)state;
    for (size_t round = 0; round < 200; round++) {
        struct cappy_question question;
        size_t right = 4;
        open_question("{\"instruction\":\"i\",\"references\":[\"red\",\"crimson\"]}", &question);
        assert_int_equal(question.n, 0);
        assert_false(question.is_closed);
        assert_int_equal(cappy_question_mismatch(&question, others, 3, &random, NULL), CAPPY_OK);
        assert_true(question.is_closed);
        assert_int_equal(question.n, 4);
        for (size_t i = 0, other = 0; i < 4; i++) {
            const bool is_right = question.qualities[i] > 0;
            right = is_right ? i : right;
            assert_int_equal(question.qualities[i] < 1, !is_right);
            if (is_right) {
                assert_text(question.responses[i], "red");
            } else {
                assert_ptr_equal(question.responses[i].data, others[other++].data);
            }
        }
        assert_in_range(right, 0, 3);
        places[right]++;
        cappy_question_free(&question);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_in_range(places[i], 25, 80); /* anywhere, about as often */
    }
}

static void test_key(void **state)
{
    static const char *const rows[] = {
        "{\"instruction\":\"i\",\"references\":[\"Red cars!\"]}",
        "{\"instruction\":\"j\",\"references\":[\"red car\"]}", /* the same to ROUGE-L */
        "{\"instruction\":\"k\",\"references\":[\"red\"]}",
        "{\"instruction\":\"l\",\"references\":[\"\u7ea2\"]}", /* without words: the text itself */
        "{\"instruction\":\"m\",\"references\":[\"\u84dd\"]}",
    };
    uint64_t keys[5];
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct cappy_question question;
        open_question(rows[i], &question);
        keys[i] = question.key;
        cappy_question_free(&question);
    }
    assert_true(keys[0] == keys[1]);
    for (size_t i = 1; i < 5; i++) {
        for (size_t j = 1; j < i; j++) {
            assert_true(keys[i] != keys[j]);
        }
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *row;
        const char *word;
    } cases[] = {
        {"{\"references\":[\"a\"]}", "no \"instruction\""},
        {"{\"instruction\":\"i\"}", "no target"},
        {"{\"instruction\":\"i\",\"references\":[]}", "no target"},
        {"{\"instruction\":\"i\",\"choices\":[\"a\",\"b\"]}", "no \"answer\""},
        {"{\"instruction\":\"i\",\"choices\":[\"a\",\"b\"],\"answer\":2}", "\"answer\" must be"},
        {"{\"instruction\":\"i\",\"choices\":[\"a\",\"b\"],\"answer\":0.5}", "\"answer\" must be"},
        {"{\"instruction\":\"i\",\"candidates\":[\"a\",\"b\"]}", "no \"quality\""},
        {"{\"instruction\":\"i\",\"references\":[\"r\"],\"candidates\":["
         "{\"text\":\"a\",\"quality\":1.5},{\"text\":\"b\",\"quality\":0}]}",
         "from 0 to 1"},
        {"{\"instruction\":\"i\",\"candidates\":[{\"text\":\"a\",\"quality\":-1},"
         "{\"text\":\"b\",\"quality\":0}]}",
         "is -1: it must be from 0 to 1"},
        {"{\"instruction\":\"i\",\"references\":[1]}", "references"},
        {"{\"instruction\":\"i\",\"response\":\"a\",\"score\":1}", "training row already"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cappy_question question;
        cappy_error error;
        assert_refused(read(cases[i].row, &question, &error), &error, CAPPY_FORMAT, cases[i].word);
        assert_non_null(strstr(error.message, "dir/pool.jsonl:3"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graded),   cmocka_unit_test(test_graded_by_references),
        cmocka_unit_test(test_gradings), cmocka_unit_test(test_likeness),
        cmocka_unit_test(test_choices),  cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_key),      cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
