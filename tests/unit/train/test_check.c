/* SPDX-License-Identifier: Apache-2.0 */
/* Checks by the way: the scores of the rows, whatever the passes, and which weights are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../refusal.h"
#include "../temp.h"
#include "golden_step.h"
#include "train/check.h"

enum { ROWS = 600 }; /* more than are read back at a time */

struct bench {
    struct temp temp;
    struct golden_step step;
    char rows[GOLDEN_PATH];
    const char *files[1];
    struct cappy_train_job job;
    float scores[ROWS]; /* that the check was asked about */
    const double *values;
    size_t n_asked;
};

static cappy_status ask(void *context, size_t step, const float *scores, size_t n, double *value,
                        cappy_error *error)
{
    struct bench *bench = context;
    assert_int_equal(n, ROWS);
    assert_int_equal(step, 10 * (bench->n_asked + 1));
    memcpy(bench->scores, scores, sizeof bench->scores);
    *value = bench->values[bench->n_asked++];
    return *value < 0 ? cappy_error_set(error, CAPPY_FORMAT, "not to be told") : CAPPY_OK;
}

static int open_bench(void **state)
{
    static struct bench bench;
    bench = (struct bench){.values = NULL};
    temp_make(&bench.temp);
    golden_step_open("bert", &bench.step);
    snprintf(bench.rows, sizeof bench.rows, "%s", temp_path(&bench.temp, "rows.jsonl"));
    FILE *file = fopen(bench.rows, "w");
    assert_non_null(file);
    for (int i = 0; i < ROWS; i++) {
        fprintf(file,
                "{\"instruction\": \"What is %d?%s\", \"response\": \"Rome\", \"score\": 1}\n", i,
                i % 7 == 0 ? " The capital of France is good and the sky is blue." : "");
    }
    assert_int_equal(fclose(file), 0);
    bench.files[0] = bench.rows;
    bench.job = (struct cappy_train_job){.directory = bench.temp.directory,
                                         .check_files = bench.files,
                                         .n_check_files = 1,
                                         .check = ask,
                                         .context = &bench};
    *state = &bench;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    golden_step_close(&bench->step);
    temp_remove(&bench->temp);
    return 0;
}

static void open_check(struct bench *bench, struct cappy_check *check)
{
    cappy_error error = {.message = ""};
    if (cappy_check_open(&bench->job, bench->step.model, bench->step.model->max_length, check,
                         &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
    assert_true(cappy_check_is_wanted(check));
    assert_int_equal(check->dataset.n, ROWS);
}

static void test_scores(void **state)
{
    struct bench *bench = *state;
    const double values[] = {0.5, 0.5, 0.5};
    const size_t pass_tokens[] = {1, 100, 4096}; /* a row by itself, some, as many as are read */
    struct cappy_check check;
    float alone[ROWS];
    bench->values = values;
    open_check(bench, &check);
    for (size_t i = 0; i < 3; i++) {
        double value;
        assert_int_equal(cappy_check_now(&check, &bench->job, &bench->step.net, pass_tokens[i],
                                         10 * (i + 1), &value, NULL),
                         CAPPY_OK);
        if (i == 0) {
            memcpy(alone, bench->scores, sizeof alone);
        }
        assert_memory_equal(alone, bench->scores, sizeof alone);
    }
    cappy_check_close(&check);

    /* They are those of scoring. */
    char path[GOLDEN_PATH];
    cappy_model *model;
    cappy_scorer *scorer;
    golden_path(path, "bert", NULL);
    assert_int_equal(cappy_model_open(path, NULL, &model, NULL), CAPPY_OK);
    assert_int_equal(cappy_scorer_create(model, NULL, &scorer, NULL), CAPPY_OK);
    for (size_t i = 1; i < ROWS; i += 105) { /* none of the long ones */
        char text[64];
        float score;
        const int n = snprintf(text, sizeof text, "What is %zu?", i);
        const cappy_pair pair = {{text, (size_t)n}, CAPPY_TEXT("Rome")};
        assert_true(i % 7 != 0);
        assert_int_equal(cappy_score(scorer, &pair, 1, &score, NULL), CAPPY_OK);
        assert_true(fabsf(score - alone[i]) < 1e-5F);
    }
    cappy_scorer_free(scorer);
    cappy_model_close(model);
}

static void test_best(void **state)
{
    struct bench *bench = *state;
    const double values[] = {0.3, 0.5, 0.5, 0.4, 0.6, 0.1};
    const size_t best[] = {1, 2, 3, 3, 5, 5}; /* of equal ones the later */
    const size_t since[] = {0, 0, 0, 1, 0, 1};
    struct cappy_check check;
    bench->values = values;
    open_check(bench, &check);
    assert_null(check.best);
    for (size_t i = 0; i < 6; i++) {
        double value;
        bench->step.net.weights[7] = (float)(i + 1); /* by which weights are known again */
        cappy_net_changed(&bench->step.net);
        assert_int_equal(cappy_check_now(&check, &bench->job, &bench->step.net, 4096, 10 * (i + 1),
                                         &value, NULL),
                         CAPPY_OK);
        assert_true(fabs(value - values[i]) < 1e-12);
        assert_int_equal(check.step, 10 * best[i]);
        assert_int_equal(check.since, since[i]);
        assert_int_equal((size_t)check.best[7], best[i]);
        assert_true(fabs(check.value - values[best[i] - 1]) < 1e-12);
    }
    assert_memory_equal(check.best + 8, bench->step.net.weights + 8,
                        (bench->step.params.size - 8) * sizeof(float));
    cappy_check_close(&check);
}

static void test_failure(void **state)
{
    struct bench *bench = *state;
    const double values[] = {-1};
    struct cappy_check check;
    cappy_error error;
    double value;
    bench->values = values;
    open_check(bench, &check);
    assert_refused(cappy_check_now(&check, &bench->job, &bench->step.net, 4096, 10, &value, &error),
                   &error, CAPPY_FORMAT, "not to be told");
    assert_null(check.best);
    cappy_check_close(&check);
}

static void test_none(void **state)
{
    struct bench *bench = *state;
    struct cappy_train_job job = bench->job;
    struct cappy_check check;
    cappy_error error;
    job.n_check_files = 0;
    assert_int_equal(cappy_check_open(&job, bench->step.model, 64, &check, NULL), CAPPY_OK);
    assert_false(cappy_check_is_wanted(&check));
    cappy_check_close(&check);
    /* Rows are read as those to train on. */
    temp_write_text(&bench->temp, "rows.jsonl", "{\"instruction\": \"a\", \"response\": \"b\"}\n");
    assert_refused(cappy_check_open(&bench->job, bench->step.model, 64, &check, &error), &error,
                   CAPPY_FORMAT, "no \"score\"");
    cappy_check_close(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scores, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_best, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_failure, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_none, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
