/* SPDX-License-Identifier: Apache-2.0 */
/* Suites from rows written out. */
#ifndef CAPPY_TESTS_EVAL_CASES_H
#define CAPPY_TESTS_EVAL_CASES_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "eval/eval.h"

static inline void add_row(struct cappy_suite *suite, const char *text)
{
    struct cappy_row row;
    struct cappy_question question;
    cappy_error error = {.message = ""};
    if (cappy_row_parse("rows", 1, text, strlen(text), &row, &error) != CAPPY_OK ||
        cappy_question_read(&row, CAPPY_GRADING_ANY, true, &question, &error) != CAPPY_OK ||
        cappy_suite_add(suite, &question, &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
}

static inline void complete(struct cappy_suite *suite, size_t dropped)
{
    size_t n;
    assert_int_equal(cappy_suite_complete(suite, 1, &n, NULL), CAPPY_OK);
    assert_int_equal(n, dropped);
}

static inline void assert_near(double a, double b)
{
    if (!(fabs(a - b) < 1e-6)) {
        fail_msg("%.9g is not %.9g", a, b);
    }
}

#endif
