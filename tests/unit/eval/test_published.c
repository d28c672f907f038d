/* SPDX-License-Identifier: Apache-2.0 */
/* The published tables agree with the averages that were published of them. */
#include "cases.h"

static void test_averages(void **state)
{
    (void)state;
    for (int name = 0; name < CAPPY_BENCHMARKS; name++) {
        const struct cappy_benchmark *benchmark =
            cappy_benchmark_get((enum cappy_benchmark_name)name);
        for (size_t system = 0; system < benchmark->n_systems; system++) {
            double sum = 0;
            for (size_t i = 0; i < benchmark->n_tasks; i++) {
                sum += benchmark->tasks[i].values[system];
            }
            /* Of figures that were rounded to a tenth. */
            if (fabs(sum / (double)benchmark->n_tasks - benchmark->averages[system]) > 0.11) {
                fail_msg("%s: %g", benchmark->systems[system], sum / (double)benchmark->n_tasks);
            }
        }
    }
    assert_int_equal(cappy_benchmark_get(CAPPY_BENCHMARK_PROMPTSOURCE11)->n_tasks, 11);
    assert_int_equal(cappy_benchmark_get(CAPPY_BENCHMARK_BIGBENCH45)->n_tasks, 45);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        cappy_text name;
        const char *title; /* NULL: none of them */
    } rows[] = {
        {CAPPY_TEXT("ANLI R1"), "ANLI R1"},
        {CAPPY_TEXT("anli_r3"), "ANLI R3"},
        {CAPPY_TEXT("super_glue/wsc.fixed"), "WSC"},
        {CAPPY_TEXT("story_cloze_2016"), "StoryCloze"},
        {CAPPY_TEXT("StoryCloze"), "StoryCloze"},
        {CAPPY_TEXT("winogrande/winogrande_xl"), "Winogrande"},
        {CAPPY_TEXT("super_glue_axg"), "WinoGender"},
        {CAPPY_TEXT("crows-pairs"), "Crows-Pairs"},
        {CAPPY_TEXT("winogender_coref"), NULL},
        {CAPPY_TEXT("cbx"), NULL},
        {CAPPY_TEXT("_"), NULL},
        {CAPPY_TEXT(""), NULL},
    };
    const struct cappy_benchmark *benchmark = cappy_benchmark_get(CAPPY_BENCHMARK_PROMPTSOURCE11);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct cappy_published *found = cappy_benchmark_find(benchmark, rows[i].name);
        if ((found == NULL) != (rows[i].title == NULL) ||
            (found != NULL && strcmp(found->title, rows[i].title) != 0)) {
            fail_msg("%s is %s", rows[i].name.data, found != NULL ? found->title : "none");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_averages),
                                       cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
