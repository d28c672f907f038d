/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: what their text means, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../refusal.h"
#include "llm/llm.h"

static void assert_settings(const struct cappy_decoding *decoding, const char *wanted)
{
    json_t *json = json_loads(wanted, 0, NULL);
    assert_non_null(json);
    assert_true(json_equal(decoding->settings, json));
    json_decref(json);
}

static void test_reference(void **state)
{
    (void)state;
    struct cappy_sample_plan plan;
    assert_int_equal(cappy_sample_plan_read("reference", &plan, NULL), CAPPY_OK);
    assert_int_equal(plan.n, 5);
    assert_int_equal(plan.n_answers, 17);
    assert_string_equal(plan.decodings[0].name, "greedy");
    assert_int_equal(plan.decodings[0].count, 1);
    assert_settings(&plan.decodings[0], "{\"temperature\": 0}");
    assert_settings(&plan.decodings[1], "{\"temperature\": 1, \"top_p\": 1}");
    assert_int_equal(plan.decodings[4].count, 4);
    assert_settings(&plan.decodings[4], "{\"top_p\": 0.95}");
    cappy_sample_plan_free(&plan);
}

static void test_mixes(void **state)
{
    (void)state;
    struct cappy_sample_plan plan;
    assert_int_equal(
        cappy_sample_plan_read("temperature=1e-1+logprobs=true*3,default", &plan, NULL), CAPPY_OK);
    assert_int_equal(plan.n_answers, 4);
    assert_string_equal(plan.decodings[0].name, "temperature=1e-1+logprobs=true");
    assert_settings(&plan.decodings[0], "{\"temperature\": 0.1, \"logprobs\": true}");
    assert_settings(&plan.decodings[1], "{}");
    cappy_sample_plan_free(&plan);
    assert_int_equal(cappy_sample_plan_default(5, &plan, NULL), CAPPY_OK);
    assert_int_equal(plan.n_answers, 5);
    assert_int_equal(plan.decodings[0].count, 5);
    cappy_sample_plan_free(&plan);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *word;
    } cases[] = {
        {"", "no way of sampling"},
        {"plain,", "no way of sampling"},
        {"=1", "no way of sampling"},
        {"Plain", "no way of sampling"},
        {"temperature=1+", "no way of sampling"},
        {"temperature=null", "needs a number"},
        {"temperature=\"1\"", "needs a number"},
        {"messages=1", "set by cappy"},
        {"plain*", "asks for no answer"},
        {"plain*-1", "whole number"},
        {"plain*1*2", "no way of sampling"},
        {"*3", "no way of sampling"},
        {"plain*1024,greedy", "more than 1024"},
        {"greedy,temperature=0", "asked for twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cappy_sample_plan plan;
        cappy_error error;
        assert_refused(cappy_sample_plan_read(cases[i].text, &plan, &error), &error, CAPPY_ARGUMENT,
                       cases[i].word);
        assert_null(plan.decodings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_mixes),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
