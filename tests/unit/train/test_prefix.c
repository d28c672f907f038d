/* SPDX-License-Identifier: Apache-2.0 */
/* Training with the prefix mask: PyTorch's gradients and steps, those of finite differences, and
 * the same whether prefixes are shared, with any number of threads, kept or computed again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "train/loss.h"
#include "train/optimiser.h"
#include "train/passes.h"
#include "wide_step.h"

enum { STEPS = 5, LIST = 3 };

static const char *const models[] = {"bert", "roberta"};

#if defined(CAPPY_TEST_EMULATED)
enum { IS_SLOW = 1 }; /* less is tested where it would take a quarter of an hour */
#else
enum { IS_SLOW = 0 };
#endif

/* Finds out what examples share; of neighbours alike, every `each`th shares nothing. */
static void share(struct golden_step *step, size_t each)
{
    for (size_t i = 0; i < step->n; i++) {
        struct cappy_example *example = &step->examples[i];
        example->shared = i % each == 0 ? 0
                                        : cappy_prefix_shared(example[-1].ids, example[-1].head,
                                                              example->ids, example->head);
    }
}

/* The batch and the results of tests/golden/prefix. */
static void open_step(const char *name, struct golden_step *step)
{
    char path[GOLDEN_PATH];
    char file[64];
    cappy_error error;
    golden_step_open(name, step);
    json_decref(step->document);
    cappy_weights_close(step->results);
    snprintf(file, sizeof file, "%s.json", name);
    golden_path(path, "prefix", file);
    assert_int_equal(cappy_json_read(path, 1 << 24, &step->document, &error), CAPPY_OK);
    snprintf(file, sizeof file, "%s.safetensors", name);
    golden_path(path, "prefix", file);
    assert_int_equal(cappy_weights_open_file(path, &step->results, &error), CAPPY_OK);
    step->tokens = 0;
    golden_read_rows(step);
    const json_t *rows = json_object_get(step->document, "rows");
    for (size_t i = 0; i < step->n; i++) {
        const json_t *head = json_object_get(json_array_get(rows, i), "head");
        step->examples[i].head = (size_t)json_integer_value(head);
    }
    step->model->config.mask = CAPPY_MASK_PREFIX;
    share(step, SIZE_MAX);
    assert_true(step->examples[1].shared != 0 && step->examples[3].shared == 0);
}

/* The loss on the batch, a list each of neighbours on the first label, and its gradient. */
static double run_listwise(struct golden_step *step, bool backward)
{
    const size_t labels = step->model->config.n_labels;
    const size_t lists = step->n / LIST;
    float scores[MAX_ROWS * 3];
    float d_scores[MAX_ROWS * 3] = {0};
    double loss = 0;
    assert_int_equal(cappy_net_reserve(&step->net, step->tokens, step->n, NULL), CAPPY_OK);
    cappy_net_forward(&step->net, step->examples, step->n, true, scores);
    for (size_t list = 0; list < lists; list++) {
        float z[LIST];
        float y[LIST];
        float d[LIST];
        for (size_t i = 0; i < LIST; i++) {
            z[i] = scores[(list * LIST + i) * labels];
            y[i] = step->targets[(list * LIST + i) * labels];
        }
        loss += cappy_loss(CAPPY_LOSS_LISTWISE, 0.2, z, y, LIST, 1 / (double)lists, d);
        for (size_t i = 0; i < LIST; i++) {
            d_scores[(list * LIST + i) * labels] = d[i];
        }
    }
    if (backward) {
        memset(step->net.gradients, 0, step->params.size * sizeof(float));
        cappy_net_backward(&step->net, step->examples, step->n, d_scores);
    }
    return loss;
}

static double run(struct golden_step *step, bool is_list)
{
    return is_list ? run_listwise(step, true) : golden_step_run(step, true, true);
}

/* got[n] within `share` of want[n], relative to the largest of them or, where those are small, to a
 * hundredth of `scale`. */
static void check_values(const struct cappy_param *param, const float *got, const float *want,
                         double part, double scale)
{
    double largest = 1e-2 * scale;
    for (size_t i = 0; i < cappy_param_size(param); i++) {
        largest = fmax(largest, fabs((double)want[i]));
    }
    for (size_t i = 0; i < cappy_param_size(param); i++) {
        if (!(fabs((double)got[i] - (double)want[i]) <= part * largest)) {
            fail_msg("module %d layer %zu bias %d [%zu]: %.9g, wanted %.9g; largest %.3g",
                     (int)param->module, param->layer, param->is_bias, i, (double)got[i],
                     (double)want[i], largest);
        }
    }
}

static double find_largest(const float *values, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs((double)values[i]));
    }
    return largest;
}

/* ---- PyTorch ---- */

static double number_in(const struct golden_step *step, const char *loss, const char *kind,
                        size_t i)
{
    const json_t *numbers = json_object_get(json_object_get(step->document, loss), kind);
    return json_number_value(json_array_get(numbers, i));
}

static void check_against_pytorch(struct golden_step *step, const char *kind, const float *got,
                                  double part)
{
    const double scale = find_largest(got, step->params.size);
    for (size_t p = 0; p < step->params.n; p++) {
        const struct cappy_param *param = &step->params.items[p];
        float *want = golden_step_result(step, kind, param);
        check_values(param, got + param->offset, want, part, scale);
        cappy_free(want);
    }
}

/* A key's bias moves no score, and in a list that of the classifier moves all alike, so that their
 * gradients are rounding alone. */
static bool is_noise(const struct cappy_param *param, bool is_list)
{
    return param->is_bias && (param->module == CAPPY_MODULE_KEY ||
                              (is_list && param->module == CAPPY_MODULE_CLASSIFIER));
}

/* How far the weights have gone from `start`, beside PyTorch's, which are in fp16. */
static void check_ways(const struct golden_step *step, const char *kind, bool is_list,
                       const float *start)
{
    for (size_t p = 0; p < step->params.n; p++) {
        const struct cappy_param *param = &step->params.items[p];
        float *want = golden_step_result(step, kind, param);
        double way = 0;
        double apart = 0;
        for (size_t i = 0; i < cappy_param_size(param); i++) {
            const size_t at = param->offset + i;
            const double gone = (double)step->net.weights[at] - (double)start[at];
            way += pow((double)want[i], 2);
            apart += pow(gone - (double)want[i], 2);
        }
        if (!is_noise(param, is_list) && !(sqrt(apart) <= 5e-3 * sqrt(way))) {
            fail_msg("module %d layer %zu bias %d: %.3g apart after %.3g", (int)param->module,
                     param->layer, param->is_bias, sqrt(apart), sqrt(way));
        }
        cappy_free(want);
    }
}

/* The gradients of the first step within 1e-4, and where 5 steps of AdamW lead. */
static void check_steps(const char *model, bool is_list, const struct cappy_kernels *kernels)
{
    const char *const loss = is_list ? "listwise" : "mse";
    struct golden_step step;
    struct cappy_optimiser optimiser;
    struct cappy_settings settings = cappy_settings_default();
    char kind[32];
    settings.rate = 1e-3;
    settings.warmup = 0;
    settings.schedule = CAPPY_SCHEDULE_CONSTANT;
    settings.steps = STEPS;
    open_step(model, &step);
    step.net.kernels = kernels;
    float *start = cappy_alloc(step.params.size, sizeof *start);
    memcpy(start, step.net.weights, step.params.size * sizeof *start);
    assert_int_equal(cappy_optimiser_init(&step.params, kernels, 1, &optimiser, NULL), CAPPY_OK);
    for (size_t i = 0; i < STEPS; i++) {
        const double value = run(&step, is_list);
        const double norm = cappy_optimiser_norm(&optimiser, step.net.gradients);
        const double want = number_in(&step, loss, "losses", i);
        assert_true(fabs(value - want) < 1e-3 * want);
        assert_true(fabs(norm - number_in(&step, loss, "norms", i)) < 1e-2 * norm);
        if (i == 0) {
            snprintf(kind, sizeof kind, "%s.gradient", loss);
            check_against_pytorch(&step, kind, step.net.gradients, 1e-4);
        }
        cappy_optimiser_step(&optimiser, &settings, i, norm, step.net.gradients, step.net.weights);
        cappy_net_changed(&step.net);
    }
    snprintf(kind, sizeof kind, "%s.way", loss);
    check_ways(&step, kind, is_list, start);
    cappy_free(start);
    cappy_optimiser_free(&optimiser);
    golden_step_close(&step);
}

static void test_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4 * cappy_kernels_count(); i++) {
        const struct cappy_kernels *kernels = cappy_kernels_at(i / 4);
        if (kernels != NULL && !(IS_SLOW && i / 4 + 1 != cappy_kernels_count())) {
            check_steps(models[i % 2], i / 2 % 2 != 0, kernels);
        }
    }
}

/* ---- A larger batch ---- */

enum { WIDE = MAX_ROWS, WIDE_PREFIX = 30 };

/* A wide net, and groups of `each` that share a prefix. */
static void open_wide(struct golden_step *step, struct cappy_model *model, size_t each)
{
    uint32_t random = 5;
    wide_open(step, model, CAPPY_MASK_PREFIX);
    step->n = WIDE;
    for (size_t i = 0; i < WIDE; i++) {
        const size_t n = WIDE_PREFIX + 1 + i * 29 % (MAX_TOKENS - WIDE_PREFIX);
        wide_fill_row(step, i, n, i % each != 0 ? WIDE_PREFIX : 0, WIDE_PREFIX, &random);
        step->examples[i].head = WIDE_PREFIX;
    }
    share(step, SIZE_MAX);
    wide_fill_weights(step, &random);
}

/* Without dropout, the scores have the same bits and the gradients are the same but for rounding,
 * whatever shares a prefix. */
static void test_sharing(void **state)
{
    (void)state;
    for (size_t round = 0; round < 2; round++) {
        struct golden_step step;
        struct cappy_model model = {0};
        float scores[WIDE];
        float some[WIDE];
        open_wide(&step, &model, WIDE); /* one group, of more rows than a slot takes */
        step.net.precision = round == 0 ? CAPPY_PRECISION_FP32 : CAPPY_PRECISION_BF16;
        float *apart = cappy_alloc(step.params.size, sizeof *apart);
        share(&step, 1);
        golden_step_run(&step, true, true);
        memcpy(apart, step.net.gradients, step.params.size * sizeof *apart);
        cappy_net_forward(&step.net, step.examples, WIDE, false, scores);
        const size_t most = step.net.memory.begins[WIDE];
        const double scale = find_largest(apart, step.params.size);
        for (size_t each = 2; each <= WIDE; each *= 2) {
            share(&step, each);
            golden_step_run(&step, true, true);
            assert_true(step.net.memory.begins[WIDE] < most);
            assert_int_equal(step.net.memory.begins[WIDE], cappy_net_rows(step.examples, WIDE));
            cappy_net_forward(&step.net, step.examples, WIDE, false, some);
            assert_memory_equal(scores, some, sizeof scores);
            for (size_t p = 0; p < step.params.n; p++) {
                const struct cappy_param *param = &step.params.items[p];
                check_values(param, step.net.gradients + param->offset, apart + param->offset,
                             round == 0 ? 1e-4 : 5e-2, 10 * scale);
            }
        }
        cappy_free(apart);
        wide_close(&step);
    }
}

/* The same bits with 1 to 4 threads, and where layers are computed again. */
static void check_bits(struct golden_step *step)
{
    float *first = cappy_alloc(step->params.size, sizeof *first);
    for (size_t i = 0; i < 5; i++) {
        cappy_net_free(&step->net);
        step->net.threads = 1 + i % 4;
        step->net.recompute = i >= 3;
        golden_step_run(step, true, true);
        assert_true(step->net.memory.n_slots > 1);
        if (i == 0) {
            memcpy(first, step->net.gradients, step->params.size * sizeof *first);
        }
        assert_memory_equal(first, step->net.gradients, step->params.size * sizeof *first);
    }
    cappy_free(first);
}

static void test_bits(void **state)
{
    (void)state;
    static const size_t sizes[] = {WIDE, 5, 1}; /* of groups */
    for (size_t i = 0; i < 6; i++) {
        struct golden_step step;
        struct cappy_model model = {0};
        open_wide(&step, &model, sizes[i / 2]);
        step.net.precision = i % 2 == 0 ? CAPPY_PRECISION_FP32 : CAPPY_PRECISION_BF16;
        step.net.rates = (struct cappy_rates){6554, 6554, 6554};
        check_bits(&step);
        wide_close(&step);
    }
}

/* A pass adds to each number once, so that passes may be computed apart, by several processes:
 * those of groups, each from 0, added up in their order, have the bits of one after the other. */
static void test_passes_apart(void **state)
{
    (void)state;
    enum { EACH = 16 };
    struct golden_step step;
    struct cappy_model model = {0};
    float scores[WIDE];
    float d_scores[WIDE];
    open_wide(&step, &model, EACH);
    step.net.rates = (struct cappy_rates){6554, 6554, 6554};
    const size_t size = step.params.size * sizeof(float);
    float *apart = cappy_alloc(size, 1);
    float *together = cappy_alloc(size, 1);
    golden_step_run(&step, true, false); /* makes room */
    for (size_t round = 0; round < 2; round++) {
        memset(step.net.gradients, 0, size);
        for (size_t first = 0; first < WIDE; first += EACH) {
            cappy_net_forward(&step.net, step.examples + first, EACH, true, scores);
            for (size_t i = 0; i < EACH; i++) {
                d_scores[i] = scores[i] - step.targets[first + i];
            }
            cappy_net_backward(&step.net, step.examples + first, EACH, d_scores);
            for (size_t i = 0; round == 1 && i < step.params.size; i++) {
                apart[i] += step.net.gradients[i];
                step.net.gradients[i] = 0;
            }
        }
        if (round == 0) {
            memcpy(together, step.net.gradients, size);
            memset(apart, 0, size);
        }
    }
    assert_memory_equal(together, apart, size);
    cappy_free(together);
    cappy_free(apart);
    wide_close(&step);
}

/* In bf16 the gradients are those in fp32 but for rounding, with each set of kernels. */
static void test_bf16(void **state)
{
    (void)state;
    struct golden_step step;
    struct cappy_model model = {0};
    open_wide(&step, &model, 6);
    float *exact = cappy_alloc(step.params.size, sizeof *exact);
    for (size_t i = 0; i < 2 * cappy_kernels_count(); i++) {
        const uint32_t rate = i % 2 == 0 ? 0 : 6554;
        double squares = 0;
        double errors = 0;
        if (cappy_kernels_at(i / 2) == NULL) {
            continue;
        }
        step.net.kernels = cappy_kernels_at(i / 2);
        step.net.rates = (struct cappy_rates){rate, rate, rate};
        for (size_t narrow = 0; narrow < 2; narrow++) {
            cappy_net_free(&step.net);
            step.net.precision = narrow == 0 ? CAPPY_PRECISION_FP32 : CAPPY_PRECISION_BF16;
            golden_step_run(&step, true, true);
            for (size_t j = 0; j < step.params.size; j++) {
                exact[j] = narrow == 0 ? step.net.gradients[j] : exact[j];
                squares += narrow == 0 ? pow((double)exact[j], 2) : 0;
                errors += pow((double)step.net.gradients[j] - (double)exact[j], 2);
            }
        }
        assert_true(sqrt(errors / squares) < 0.015);
    }
    cappy_free(exact);
    wide_close(&step);
}

/* ---- Finite differences ---- */

static void test_finite_differences(void **state)
{
    (void)state;
    for (size_t m = IS_SLOW; m < 2; m++) {
        for (uint32_t rate = IS_SLOW * 13000; rate <= 13000; rate += 13000) {
            struct golden_step step;
            open_step(models[m], &step);
            step.net.rates = (struct cappy_rates){rate, rate / 2, rate};
            golden_step_check_directions(&step, 1e-3);
            golden_step_close(&step);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch), cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_bits),    cmocka_unit_test(test_passes_apart),
        cmocka_unit_test(test_bf16),    cmocka_unit_test(test_finite_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
