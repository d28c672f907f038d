/* SPDX-License-Identifier: Apache-2.0 */
/* Twenty steps of AdamW with warm-up, decay and clipping against PyTorch's; schedules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden_step.h"
#include "train/average.h"
#include "train/optimiser.h"

enum { STEPS = 20 }; /* and the settings of tests/golden/make_train.py */

static struct cappy_settings settings_of_golden(void)
{
    struct cappy_settings settings = cappy_settings_default();
    settings.steps = STEPS;
    settings.rate = 1e-3;
    settings.warmup = 0.2;
    settings.decay = 0.01;
    settings.clip = 1;
    return settings;
}

static double number_in(const struct golden_step *step, const char *key, size_t index)
{
    return json_real_value(json_array_get(json_object_get(step->document, key), index));
}

/* The gradient of a key's bias is 0 but for rounding, which AdamW makes as large as any: what is
 * left of it is noise, here as there. */
static bool is_noise(const struct cappy_param *param)
{
    return param->module == CAPPY_MODULE_KEY && param->is_bias;
}

/* How far the weights have gone, and how far from where PyTorch's have. */
static void check_weights(const struct golden_step *step, const float *start)
{
    for (size_t p = 0; p < step->params.n; p++) {
        const struct cappy_param *param = &step->params.items[p];
        float *want = golden_step_result(step, "weight", param);
        double way = 0;
        double apart = 0;
        for (size_t i = 0; i < cappy_param_size(param); i++) {
            const double at = (double)step->net.weights[param->offset + i];
            way += pow((double)want[i] - (double)start[param->offset + i], 2);
            apart += pow((double)want[i] - at, 2);
        }
        if (!is_noise(param) && !(sqrt(apart) <= 2e-3 * sqrt(way))) {
            fail_msg("module %d layer %zu bias %d: %.3g apart after %.3g", (int)param->module,
                     param->layer, param->is_bias, sqrt(apart), sqrt(way));
        }
        cappy_free(want);
    }
}

static void check_trajectory(const char *model, size_t threads)
{
    struct golden_step step;
    struct cappy_optimiser optimiser;
    const struct cappy_settings settings = settings_of_golden();
    golden_step_open(model, &step);
    step.net.threads = threads;
    float *start = cappy_alloc(step.params.size, sizeof *start);
    memcpy(start, step.net.weights, step.params.size * sizeof *start);
    assert_int_equal(
        cappy_optimiser_init(&step.params, step.net.kernels, threads, &optimiser, NULL), CAPPY_OK);
    for (size_t i = 0; i < STEPS; i++) {
        const double loss = golden_step_run(&step, true, true);
        const double norm = cappy_optimiser_norm(&optimiser, step.net.gradients);
        const double want = number_in(&step, "losses", i);
        if (!(fabs(loss - want) < 1e-4 * want) ||
            !(fabs(norm / number_in(&step, "norms", i) - 1) < 1e-3)) {
            fail_msg("%s step %zu: loss %.9g, PyTorch's %.9g; norm %.9g, PyTorch's %.9g", model, i,
                     loss, want, norm, number_in(&step, "norms", i));
        }
        cappy_optimiser_step(&optimiser, &settings, i, norm, step.net.gradients, step.net.weights);
        cappy_net_changed(&step.net);
    }
    check_weights(&step, start);
    cappy_free(start);
    cappy_optimiser_free(&optimiser);
    golden_step_close(&step);
}

static void test_trajectory(void **state)
{
    (void)state;
#if !defined(CAPPY_TEST_EMULATED) /* where it takes minutes */
    check_trajectory("bert", 1);
    check_trajectory("roberta", 2);
#endif
    check_trajectory("bert", 3);
}

static void assert_near(double got, double want)
{
    assert_true(fabs(got - want) <= 1e-12);
}

static void test_schedules(void **state)
{
    (void)state;
    struct cappy_settings settings = settings_of_golden();
    settings.rate = 2e-5;
    settings.steps = 800;
    settings.warmup = 0.1;
    assert_near(cappy_settings_rate(&settings, 0), 0);
    assert_near(cappy_settings_rate(&settings, 40), 1e-5);
    assert_near(cappy_settings_rate(&settings, 80), 2e-5);
    assert_near(cappy_settings_rate(&settings, 440), 1e-5);
    assert_near(cappy_settings_rate(&settings, 800), 0);
    settings.schedule = CAPPY_SCHEDULE_CONSTANT;
    assert_near(cappy_settings_rate(&settings, 40), 1e-5);
    assert_near(cappy_settings_rate(&settings, 799), 2e-5);
    /* The published run: 800 updates, all of them on the way up, to 1.25e-5. */
    settings.schedule = CAPPY_SCHEDULE_REFERENCE;
    assert_near(cappy_settings_rate(&settings, 400), 6.25e-6);
    assert_near(cappy_settings_rate(&settings, 800), 1.25e-5);
    settings.warmup = 0;
    settings.schedule = CAPPY_SCHEDULE_LINEAR;
    assert_near(cappy_settings_rate(&settings, 0), 2e-5);
}

/* Against the same sums in double, with as many threads as may be. */
static void test_average(void **state)
{
    (void)state;
    enum { N = 1000, LAST = 300 };
    const double decay = 0.95;
    float average[N];
    float weights[N];
    double want[N];
    for (size_t i = 0; i < N; i++) {
        average[i] = (float)i;
        want[i] = (double)i;
    }
    for (size_t step = 1; step <= LAST; step++) {
        const double t = (double)step;
        const double keep = step < 170 ? (1 + t) / (10 + t) : decay;
        for (size_t i = 0; i < N; i++) {
            weights[i] = (float)sin((double)(i * step));
            want[i] = keep * want[i] + (1 - keep) * (double)weights[i];
        }
        cappy_average_step(average, weights, N, decay, step, 1 + step % 4);
        for (size_t i = 0; i < N; i++) {
            assert_true(fabs((double)average[i] - want[i]) <= 1e-4 * (1 + fabs(want[i])));
        }
    }
    for (size_t i = 0; i < N; i++) { /* where it began is forgotten */
        assert_true(fabsf(average[i]) < 1.01F);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trajectory),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_average),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
