/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients: PyTorch's, those of finite differences, with dropout and without, and the same bits
 * with any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wide_step.h"

static const char *const models[] = {"bert", "roberta"};

#if defined(CAPPY_TEST_EMULATED)
enum { IS_SLOW = 1 }; /* less is tested where it would take a quarter of an hour */
#else
enum { IS_SLOW = 0 };
#endif

/* Every gradient within 1e-4 of PyTorch's, relative to the largest of its tensor (to a millionth of
 * the largest of all where the true gradient is 0, as that of a key's bias is). */
static void check_gradients(const struct golden_step *step)
{
    double largest_of_all = 0;
    for (size_t i = 0; i < step->params.size; i++) {
        largest_of_all = fmax(largest_of_all, fabs((double)step->net.gradients[i]));
    }
    for (size_t p = 0; p < step->params.n; p++) {
        const struct cappy_param *param = &step->params.items[p];
        float *want = golden_step_result(step, "gradient", param);
        const float *got = step->net.gradients + param->offset;
        double largest = 1e-2 * largest_of_all;
        for (size_t i = 0; i < cappy_param_size(param); i++) {
            largest = fmax(largest, fabs((double)want[i]));
        }
        for (size_t i = 0; i < cappy_param_size(param); i++) {
            if (!(fabs((double)got[i] - (double)want[i]) <= 1e-4 * largest)) {
                fail_msg("module %d layer %zu bias %d [%zu]: %.9g, PyTorch has %.9g; largest %.3g",
                         (int)param->module, param->layer, param->is_bias, i, (double)got[i],
                         (double)want[i], largest);
            }
        }
        cappy_free(want);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; i < cappy_kernels_count(); i++) {
            const struct cappy_kernels *kernels = cappy_kernels_at(i);
            struct golden_step step;
            if (kernels == NULL) {
                continue;
            }
            golden_step_open(models[m], &step);
            step.net.kernels = kernels;
            const double loss = golden_step_run(&step, true, true);
            const json_t *losses = json_object_get(step.document, "losses");
            const double want = json_real_value(json_array_get(losses, 0));
            assert_true(fabs(loss - want) < 1e-5 * want);
            check_gradients(&step);
            golden_step_close(&step);
        }
    }
}

/* A batch of two slots for a wide net. */
static void open_wide(struct golden_step *step, struct cappy_model *model)
{
    uint32_t random = 5;
    wide_open(step, model, CAPPY_MASK_FULL);
    step->n = 24;
    for (size_t i = 0; i < step->n; i++) {
        const size_t n = 1 + i * 29 % MAX_TOKENS;
        wide_fill_row(step, i, n, 0, n / 2 + 1, &random);
    }
    wide_fill_weights(step, &random);
}

/* ---- The same bits ---- */

/* The gradients are the same with 1 to 4 threads. */
static void check_step(struct golden_step *step)
{
    float *first = cappy_alloc(step->params.size, sizeof *first);
    for (size_t threads = 1; threads <= 4; threads++) {
        cappy_net_free(&step->net);
        step->net.threads = threads;
        golden_step_run(step, true, true);
        assert_true(step->net.memory.n_slots > 1);
        if (threads == 1) {
            memcpy(first, step->net.gradients, step->params.size * sizeof *first);
        }
        assert_memory_equal(first, step->net.gradients, step->params.size * sizeof *first);
    }
    cappy_free(first);
}

static void check_threads(const char *model, cappy_precision precision, uint32_t rate)
{
    struct golden_step step;
    golden_step_open(model, &step);
    golden_step_repeat(&step);
    step.net.precision = precision;
    step.net.rates = (struct cappy_rates){rate, rate, rate};
    check_step(&step);
    golden_step_close(&step);
}

static void test_threads(void **state)
{
    (void)state;
    for (size_t m = IS_SLOW; m < 2; m++) {
        check_threads(models[m], CAPPY_PRECISION_FP32, 0);
        check_threads(models[m], CAPPY_PRECISION_FP32, 6554);
        check_threads(models[m], CAPPY_PRECISION_BF16, 0);
    }
    struct golden_step step;
    struct cappy_model model = {0};
    open_wide(&step, &model);
    step.net.rates = (struct cappy_rates){6554, 6554, 6554};
    check_step(&step);
    wide_close(&step);
}

/* What is computed again backwards is what was kept, bit for bit, in several slots and with several
 * threads. */
static void check_recomputing(struct golden_step *step)
{
    float *kept = cappy_alloc(step->params.size, sizeof *kept);
    cappy_net_free(&step->net);
    step->net.recompute = false;
    step->net.threads = 2;
    golden_step_run(step, true, true);
    assert_ptr_not_equal(step->net.memory.traces[0].qkv.data, step->net.memory.traces[1].qkv.data);
    memcpy(kept, step->net.gradients, step->params.size * sizeof *kept);
    cappy_net_free(&step->net);
    step->net.recompute = true;
    golden_step_run(step, true, true);
    assert_ptr_equal(step->net.memory.traces[0].qkv.data, step->net.memory.traces[1].qkv.data);
    assert_memory_equal(kept, step->net.gradients, step->params.size * sizeof *kept);
    cappy_free(kept);
}

static void test_recomputing(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8 * cappy_kernels_count(); i++) {
        struct golden_step step;
        if (cappy_kernels_at(i / 8) == NULL || (IS_SLOW && i != 8 * cappy_kernels_count() - 1)) {
            continue;
        }
        golden_step_open(models[i % 2], &step);
        golden_step_repeat(&step);
        const uint32_t rate = i / 2 % 2 == 0 ? 0 : 6554;
        step.net.kernels = cappy_kernels_at(i / 8);
        step.net.precision = i / 4 % 2 == 0 ? CAPPY_PRECISION_FP32 : CAPPY_PRECISION_BF16;
        step.net.rates = (struct cappy_rates){rate, rate, rate};
        check_recomputing(&step);
        golden_step_close(&step);
    }
    if (IS_SLOW) {
        return;
    }
    struct golden_step step;
    struct cappy_model model = {0};
    open_wide(&step, &model);
    step.net.rates = (struct cappy_rates){6554, 6554, 6554};
    check_recomputing(&step);
    wide_close(&step);
}

/* In two passes the gradients are those of one, but for rounding. */
static void test_accumulation(void **state)
{
    (void)state;
    struct golden_step step;
    golden_step_open("bert", &step);
    const size_t n = step.n;
    const size_t half = n / 2;
    float scores[MAX_ROWS];
    float d_scores[MAX_ROWS];
    golden_step_run(&step, true, false);
    memset(step.net.gradients, 0, step.params.size * sizeof(float));
    for (size_t begin = 0; begin < n; begin += half) {
        const size_t count = n - begin < half ? n - begin : half;
        cappy_net_forward(&step.net, step.examples + begin, count, true, scores);
        for (size_t i = 0; i < count; i++) {
            d_scores[i] = 2 * (scores[i] - step.targets[begin + i]) / (float)n;
        }
        cappy_net_backward(&step.net, step.examples + begin, count, d_scores);
    }
    check_gradients(&step);
    golden_step_close(&step);
}

/* The gradients of the batch in three passes: added up by the passes, or each pass from 0 and then
 * added to `sum`. */
static void run_passes(struct golden_step *step, float *sum, bool apart)
{
    const size_t labels = step->model->config.n_labels;
    const size_t cuts[] = {0, 3, 4, step->n};
    float scores[MAX_ROWS * 3];
    float d_scores[MAX_ROWS * 3];
    golden_step_run(step, true, false); /* makes room */
    memset(sum, 0, step->params.size * sizeof *sum);
    memset(step->net.gradients, 0, step->params.size * sizeof *sum);
    for (size_t pass = 0; pass < 3; pass++) {
        const size_t begin = cuts[pass];
        const size_t count = cuts[pass + 1] - begin;
        cappy_net_forward(&step->net, step->examples + begin, count, true, scores);
        for (size_t i = 0; i < count * labels; i++) {
            d_scores[i] = scores[i] - step->targets[begin * labels + i];
        }
        cappy_net_backward(&step->net, step->examples + begin, count, d_scores);
        for (size_t i = 0; (apart || pass == 2) && i < step->params.size; i++) {
            sum[i] += step->net.gradients[i];
            step->net.gradients[i] = 0;
        }
    }
}

/* A pass adds to each number once, so that passes may be computed apart, by several processes. */
static void check_apart(struct golden_step *step)
{
    const size_t size = step->params.size * sizeof(float);
    float *together = cappy_alloc(size, 1);
    float *apart = cappy_alloc(size, 1);
    step->net.rates = (struct cappy_rates){6554, 6554, 6554};
    step->net.threads = 2;
    run_passes(step, together, false);
    run_passes(step, apart, true);
    assert_memory_equal(together, apart, size);
    cappy_free(together);
    cappy_free(apart);
}

static void test_passes_apart(void **state)
{
    (void)state;
    struct golden_step step;
    for (size_t m = 0; m < 4; m++) {
        golden_step_open(models[m / 2], &step);
        step.net.precision = m % 2 == 0 ? CAPPY_PRECISION_FP32 : CAPPY_PRECISION_BF16;
        check_apart(&step);
        golden_step_close(&step);
    }
    struct cappy_model model = {0};
    open_wide(&step, &model);
    check_apart(&step);
    wide_close(&step);
}

/* ---- Narrow numbers ---- */

/* The gradients in bf16 are those in fp32 but for rounding, which is at most `most` of all of them
 * and, unless `most` is large, five times that of the gradient of each tensor, small ones left out.
 */
static void check_narrow(struct golden_step *step, double most)
{
    float *exact = cappy_alloc(step->params.size, sizeof *exact);
    cappy_net_free(&step->net);
    step->net.precision = CAPPY_PRECISION_FP32;
    golden_step_run(step, true, true);
    memcpy(exact, step->net.gradients, step->params.size * sizeof *exact);
    cappy_net_free(&step->net);
    step->net.precision = CAPPY_PRECISION_BF16;
    golden_step_run(step, true, true);
    double squares = 0;
    double errors = 0;
    for (size_t i = 0; i < step->params.size; i++) {
        squares += pow((double)exact[i], 2);
        errors += pow((double)step->net.gradients[i] - (double)exact[i], 2);
    }
    assert_true(sqrt(errors / squares) < most);
    for (size_t p = 0; most < 0.02 && p < step->params.n; p++) {
        const struct cappy_param *param = &step->params.items[p];
        double own = 0;
        double error = 0;
        for (size_t i = param->offset; i < param->offset + cappy_param_size(param); i++) {
            own += pow((double)exact[i], 2);
            error += pow((double)step->net.gradients[i] - (double)exact[i], 2);
        }
        if (sqrt(error) > 5 * most * sqrt(own) + 1e-3 * sqrt(squares)) {
            fail_msg("module %d layer %zu bias %d: off by %.3g of %.3g; of all %.3g",
                     (int)param->module, param->layer, param->is_bias, sqrt(error), sqrt(own),
                     sqrt(squares));
        }
    }
    cappy_free(exact);
}

static void test_bf16(void **state)
{
    (void)state;
    struct golden_step step;
    for (size_t m = 0; m < 2; m++) { /* tiny and sharp: what is rounded matters more than usual */
        golden_step_open(models[m], &step);
        check_narrow(&step, 0.06);
        golden_step_close(&step);
    }
    struct cappy_model model = {0};
    open_wide(&step, &model);
    for (size_t i = 0; i < cappy_kernels_count(); i++) {
        if (cappy_kernels_at(i) != NULL) {
            step.net.kernels = cappy_kernels_at(i);
            step.net.rates = (struct cappy_rates){0};
            check_narrow(&step, 0.015);
            step.net.rates = (struct cappy_rates){6554, 6554, 6554};
            check_narrow(&step, 0.015);
        }
    }
    wide_close(&step);
}

/* ---- Finite differences ---- */

static void test_finite_differences(void **state)
{
    (void)state;
    for (size_t m = IS_SLOW; m < 2; m++) {
        for (uint32_t rate = IS_SLOW * 13000; rate <= 13000; rate += 13000) {
            struct golden_step step;
            golden_step_open(models[m], &step);
            step.net.rates = (struct cappy_rates){rate, rate / 2, rate};
            golden_step_check_directions(&step, 2e-3);
            golden_step_close(&step);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),          cmocka_unit_test(test_threads),
        cmocka_unit_test(test_recomputing),        cmocka_unit_test(test_accumulation),
        cmocka_unit_test(test_passes_apart),       cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_finite_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
