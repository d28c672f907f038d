/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of 100 steps without dropout beside PyTorch's: the learning rates, the loss curve, and how
 * far each weight has gone; step by step, and by cappy_train from rows to a model directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../temp.h"
#include "golden_step.h"
#include "train/folders.h"
#include "train/optimiser.h"

enum { STEPS = 100 }; /* and the settings of tests/golden/make_run.py */

#if defined(CAPPY_TEST_EMULATED)
enum { N_SCHEDULES = 1 }; /* a run takes minutes */
#else
enum { N_SCHEDULES = 2 };
#endif

static const struct {
    const char *name;
    enum cappy_schedule schedule;
} schedules[] = {{"linear", CAPPY_SCHEDULE_LINEAR}, {"reference", CAPPY_SCHEDULE_REFERENCE}};

static struct cappy_settings settings_of_golden(enum cappy_schedule schedule)
{
    struct cappy_settings settings = cappy_settings_default();
    settings.steps = STEPS;
    settings.schedule = schedule;
    settings.rate = 3e-4;
    settings.warmup = 0.1;
    settings.decay = 0.01;
    settings.clip = 1;
    settings.dropout = 0;
    return settings;
}

/* ---- What PyTorch has ---- */

struct curves {
    json_t *document;
    const json_t *curves;       /* of the schedule */
    struct cappy_weights *ways; /* of all schedules */
    const char *schedule;
};

static void open_curves(const char *model, const char *schedule, struct curves *curves)
{
    char path[GOLDEN_PATH];
    char file[64];
    snprintf(file, sizeof file, "run_%s.json", model);
    golden_path(path, "train", file);
    assert_int_equal(cappy_json_read(path, 1 << 24, &curves->document, NULL), CAPPY_OK);
    curves->curves = json_object_get(curves->document, schedule);
    snprintf(file, sizeof file, "run_%s.safetensors", model);
    golden_path(path, "train", file);
    assert_int_equal(cappy_weights_open_file(path, &curves->ways, NULL), CAPPY_OK);
    curves->schedule = schedule;
}

static void close_curves(struct curves *curves)
{
    cappy_weights_close(curves->ways);
    json_decref(curves->document);
}

static double number_at(const struct curves *curves, const char *key, size_t step)
{
    const json_t *list = json_object_get(curves->curves, key);
    assert_int_equal(json_array_size(list), STEPS);
    return json_real_value(json_array_get(list, step));
}

/* Within 2e-4 of PyTorch's, or a millionth of the first. */
static void check_curve(const struct curves *curves, const char *key, size_t step, double got)
{
    const double want = number_at(curves, key, step);
    if (!(fabs(got - want) <= 2e-4 * want + 1e-6 * number_at(curves, key, 0))) {
        fail_msg("%s, step %zu: %s are %.9g, PyTorch's %.9g", curves->schedule, step, key, got,
                 want);
    }
}

/* The gradient of a key's bias is 0 but for rounding, which AdamW makes as large as any. */
static bool is_noise(const struct cappy_param *param)
{
    return param->module == CAPPY_MODULE_KEY && param->is_bias;
}

/* The weights have gone as far as PyTorch's, and to within 0.3 % of the way to the same
 * place. */
static void check_ways(const struct curves *curves, const struct cappy_params *params,
                       const float *start, const float *end)
{
    for (size_t p = 0; p < params->n; p++) {
        const struct cappy_param *param = &params->items[p];
        const size_t n = cappy_param_size(param);
        char module[CAPPY_MODULE_NAME];
        char name[2 * CAPPY_MODULE_NAME];
        cappy_module_name(params->config, param->module, param->layer, module);
        snprintf(name, sizeof name, "%s.%s.%s", curves->schedule, module,
                 param->is_bias ? "bias" : "weight");
        const struct cappy_tensor *tensor = cappy_weights_find(curves->ways, name);
        float *want = cappy_alloc(n, sizeof *want);
        assert_non_null(tensor);
        cappy_tensor_to_f32(tensor, 0, n, want);
        double way = 0;
        double apart = 0;
        for (size_t i = 0; i < n; i++) {
            const size_t at = param->offset + i;
            way += pow((double)want[i], 2);
            apart += pow((double)want[i] - ((double)end[at] - (double)start[at]), 2);
        }
        if (!is_noise(param) && !(way > 0 && sqrt(apart) <= 3e-3 * sqrt(way))) {
            fail_msg("%s: %.3g apart after %.3g", name, sqrt(apart), sqrt(way));
        }
        cappy_free(want);
    }
}

/* ---- Step by step ---- */

static void replay(const char *model, size_t schedule)
{
    struct golden_step step;
    struct curves curves;
    struct cappy_optimiser optimiser;
    const struct cappy_settings settings = settings_of_golden(schedules[schedule].schedule);
    golden_step_open(model, &step);
    open_curves(model, schedules[schedule].name, &curves);
    float *start = cappy_alloc(step.params.size, sizeof *start);
    memcpy(start, step.net.weights, step.params.size * sizeof *start);
    assert_int_equal(cappy_optimiser_init(&step.params, step.net.kernels, 1, &optimiser, NULL),
                     CAPPY_OK);
    for (size_t i = 0; i < STEPS; i++) {
        check_curve(&curves, "losses", i, golden_step_run(&step, true, true));
        const double norm = cappy_optimiser_norm(&optimiser, step.net.gradients);
        assert_true(fabs(cappy_settings_rate(&settings, i) - number_at(&curves, "rates", i)) <
                    1e-12);
        cappy_optimiser_step(&optimiser, &settings, i, norm, step.net.gradients, step.net.weights);
        cappy_net_changed(&step.net);
    }
    check_ways(&curves, &step.params, start, step.net.weights);
    cappy_free(start);
    cappy_optimiser_free(&optimiser);
    close_curves(&curves);
    golden_step_close(&step);
}

static void test_replay(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SCHEDULES; i++) {
        replay("bert", i);
        replay("roberta", i);
    }
}

/* ---- From rows to a model directory ---- */

static void see_step(void *context, const struct cappy_train_state *state)
{
    const struct curves *curves = context;
    check_curve(curves, "losses", state->step - 1, state->loss);
    assert_true(fabs(state->rate - number_at(curves, "rates", state->step - 1)) < 1e-12);
}

/* The pair of golden.json that has these ids. */
static const json_t *find_pair(const json_t *pairs, const json_t *ids)
{
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        if (json_equal(json_object_get(json_array_get(pairs, i), "ids"), ids)) {
            return json_array_get(pairs, i);
        }
    }
    fail_msg("golden.json has no such pair");
    return NULL;
}

/* The rows of the batch as training rows, in temp/rows.jsonl. */
static void write_rows(struct temp *temp, const struct golden_step *step)
{
    json_t *document;
    const json_t *pairs = golden_pairs("bert", &document);
    const json_t *rows = json_object_get(step->document, "rows");
    FILE *file = fopen(temp_path(temp, "rows.jsonl"), "w");
    assert_non_null(file);
    for (size_t i = 0; i < step->n; i++) {
        const json_t *ids = json_object_get(json_array_get(rows, i), "ids");
        const json_t *pair = find_pair(pairs, ids);
        json_t *row =
            json_pack("{sOsOsf}", "instruction", json_object_get(pair, "instruction"), "response",
                      json_object_get(pair, "response"), "score", (double)step->targets[i]);
        assert_int_equal(json_dumpf(row, file, JSON_COMPACT), 0);
        fputc('\n', file);
        json_decref(row);
    }
    assert_int_equal(fclose(file), 0);
    json_decref(document);
}

static void check_run(struct temp *temp, const struct golden_step *step, size_t schedule)
{
    char model[GOLDEN_PATH];
    char rows[GOLDEN_PATH];
    char directory[GOLDEN_PATH];
    struct curves curves;
    struct cappy_train_outcome outcome;
    struct cappy_weights *weights;
    golden_path(model, "bert", NULL);
    snprintf(rows, sizeof rows, "%s", temp_path(temp, "rows.jsonl"));
    snprintf(directory, sizeof directory, "%s", temp_path(temp, "out"));
    open_curves("bert", schedules[schedule].name, &curves);
    const char *const files[] = {rows};
    struct cappy_train_job job = {
        .settings = settings_of_golden(schedules[schedule].schedule),
        .model = model,
        .files = files,
        .n_files = 1,
        .directory = directory,
        .threads = 1,
        .context = &curves,
        .report = see_step,
    };
    job.settings.batch_size = step->n;
    assert_int_equal(cappy_train(&job, &outcome, NULL), CAPPY_OK);
    assert_int_equal(outcome.state.examples, STEPS * step->n);
    assert_int_equal(outcome.state.tokens, STEPS * step->tokens);
    float *end = cappy_alloc(step->params.size, sizeof *end);
    assert_int_equal(cappy_weights_open(directory, &weights, NULL), CAPPY_OK);
    assert_int_equal(cappy_params_load(&step->params, weights, end, NULL), CAPPY_OK);
    check_ways(&curves, &step->params, step->net.weights, end);
    cappy_weights_close(weights);
    cappy_free(end);
    cappy_folder_remove(directory);
    close_curves(&curves);
}

static void test_train(void **state)
{
    (void)state;
    struct temp temp;
    struct golden_step step;
    temp_make(&temp);
    golden_step_open("bert", &step);
    write_rows(&temp, &step);
    for (size_t i = 0; i < N_SCHEDULES; i++) {
        check_run(&temp, &step, i);
    }
    golden_step_close(&step);
    temp_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_train),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
