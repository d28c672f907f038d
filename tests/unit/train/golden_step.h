/* SPDX-License-Identifier: Apache-2.0 */
/* The golden training steps of tests/golden/train: a batch, what PyTorch made of it, and a net of
 * the same model. Include after cmocka. */
#ifndef CAPPY_TESTS_GOLDEN_STEP_H
#define CAPPY_TESTS_GOLDEN_STEP_H

#include <math.h>
#include <string.h>

#include "../model/golden.h"
#include "train/net.h"

enum { MAX_ROWS = 64, MAX_TOKENS = 64 };

struct golden_step {
    struct cappy_model *model;
    struct cappy_params params;
    struct cappy_weights *results; /* of PyTorch */
    json_t *document;
    size_t n;
    size_t tokens;
    struct cappy_example examples[MAX_ROWS];
    int32_t ids[MAX_ROWS][MAX_TOKENS];
    int32_t segments[MAX_ROWS][MAX_TOKENS];
    float targets[MAX_ROWS * 3]; /* [n, L] */
    struct cappy_net net;
};

static inline void golden_read_rows(struct golden_step *step)
{
    const json_t *rows = json_object_get(step->document, "rows");
    const size_t labels = step->model->config.n_labels;
    step->n = json_array_size(rows);
    assert_in_range(step->n, 1, MAX_ROWS);
    for (size_t i = 0; i < step->n; i++) {
        const json_t *row = json_array_get(rows, i);
        const json_t *ids = json_object_get(row, "ids");
        const json_t *segments = json_object_get(row, "segments");
        const size_t n = json_array_size(ids);
        assert_in_range(n, 1, MAX_TOKENS);
        for (size_t j = 0; j < n; j++) {
            step->ids[i][j] = (int32_t)json_integer_value(json_array_get(ids, j));
            step->segments[i][j] = (int32_t)json_integer_value(json_array_get(segments, j));
        }
        for (size_t j = 0; j < labels; j++) {
            const json_t *target = json_array_get(json_object_get(row, "targets"), j);
            step->targets[i * labels + j] = (float)json_number_value(target);
        }
        step->examples[i] = (struct cappy_example){
            .ids = step->ids[i], .segments = step->segments[i], .n = n, .key = {(uint32_t)i, 7}};
        step->tokens += n;
    }
}

static inline void golden_step_open(const char *name, struct golden_step *step)
{
    char path[GOLDEN_PATH];
    char file[64];
    cappy_error error;
    *step = (struct golden_step){0};
    golden_path(path, name, NULL);
    assert_int_equal(cappy_model_open_unbound(path, &step->model, &error), CAPPY_OK);
    assert_int_equal(cappy_params_init(&step->model->config, &step->params, &error), CAPPY_OK);
    snprintf(file, sizeof file, "%s.json", name);
    golden_path(path, "train", file);
    assert_int_equal(cappy_json_read(path, 1 << 24, &step->document, &error), CAPPY_OK);
    snprintf(file, sizeof file, "%s.safetensors", name);
    golden_path(path, "train", file);
    assert_int_equal(cappy_weights_open_file(path, &step->results, &error), CAPPY_OK);
    golden_read_rows(step);
    step->net = (struct cappy_net){
        .config = &step->model->config,
        .kernels = step->model->kernels,
        .params = &step->params,
        .precision = CAPPY_PRECISION_FP32,
        .threads = 1,
        .weights = cappy_alloc(step->params.size, sizeof(float)),
        .gradients = cappy_alloc(step->params.size, sizeof(float)),
    };
    assert_int_equal(
        cappy_params_load(&step->params, step->model->weights, step->net.weights, &error),
        CAPPY_OK);
}

/* Makes the batch four times as long, so that a pass has several slots. */
static inline void golden_step_repeat(struct golden_step *step)
{
    const size_t labels = step->model->config.n_labels;
    const size_t n = step->n;
    assert_true(4 * n <= MAX_ROWS);
    for (size_t i = n; i < 4 * n; i++) {
        step->examples[i] = step->examples[i - n];
        step->examples[i].key[0] = (uint32_t)i;
        for (size_t j = 0; j < labels; j++) {
            step->targets[i * labels + j] = step->targets[(i - n) * labels + j];
        }
    }
    step->n *= 4;
    step->tokens *= 4;
}

static inline void golden_step_close(struct golden_step *step)
{
    cappy_net_free(&step->net);
    cappy_free(step->net.weights);
    cappy_free(step->net.gradients);
    cappy_params_free(&step->params);
    cappy_weights_close(step->results);
    cappy_model_close(step->model);
    json_decref(step->document);
}

/* The mean squared error of the batch and, with `backward`, its gradient. */
static inline double golden_step_run(struct golden_step *step, bool train, bool backward)
{
    float scores[MAX_ROWS * 3];
    float d_scores[MAX_ROWS * 3];
    const size_t n = step->n * step->model->config.n_labels;
    double loss = 0;
    assert_int_equal(cappy_net_reserve(&step->net, step->tokens, step->n, NULL), CAPPY_OK);
    cappy_net_forward(&step->net, step->examples, step->n, train, scores);
    for (size_t i = 0; i < n; i++) {
        const double d = (double)scores[i] - (double)step->targets[i];
        loss += d * d / (double)n;
        d_scores[i] = (float)(2 * d / (double)n);
    }
    if (backward) {
        memset(step->net.gradients, 0, step->params.size * sizeof(float));
        cappy_net_backward(&step->net, step->examples, step->n, d_scores);
    }
    return loss;
}

/* What PyTorch has for `param`: "gradient" or "weight". New memory. */
static inline float *golden_step_result(const struct golden_step *step, const char *kind,
                                        const struct cappy_param *param)
{
    char module[CAPPY_MODULE_NAME];
    char name[2 * CAPPY_MODULE_NAME];
    cappy_module_name(&step->model->config, param->module, param->layer, module);
    snprintf(name, sizeof name, "%s.%s.%s", kind, module, param->is_bias ? "bias" : "weight");
    const struct cappy_tensor *tensor = cappy_weights_find(step->results, name);
    assert_non_null(tensor);
    float *values = cappy_alloc(cappy_param_size(param), sizeof *values);
    cappy_tensor_to_f32(tensor, 0, cappy_param_size(param), values);
    return values;
}

/* Along a random direction in each tensor, by h both ways, the loss changes as the gradient says.
 */
static inline void golden_step_check_directions(struct golden_step *step, double h)
{
    uint32_t random = 1;
    golden_step_run(step, true, true);
    for (size_t p = 0; p < step->params.n; p++) {
        const struct cappy_param *param = &step->params.items[p];
        const size_t n = cappy_param_size(param);
        float *weights = step->net.weights + param->offset;
        float *kept = cappy_alloc(n, sizeof *kept);
        float *direction = cappy_alloc(n, sizeof *direction);
        double length = 0;
        double want = 0;
        memcpy(kept, weights, n * sizeof *kept);
        for (size_t i = 0; i < n; i++) {
            /* Mostly along the gradient, so that the change is well above the rounding. */
            random = random * 1664525u + 1013904223u;
            direction[i] = step->net.gradients[param->offset + i] *
                           (0.5f + (float)(random >> 8) / (float)(1 << 24));
            length += (double)direction[i] * (double)direction[i];
        }
        length = sqrt(length) + 1e-30;
        double losses[2];
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < n; i++) {
                const double move = (double)direction[i] / length * (side == 0 ? -h : h);
                weights[i] = (float)((double)kept[i] + move);
            }
            losses[side] = golden_step_run(step, true, false);
        }
        for (size_t i = 0; i < n; i++) {
            want += (double)direction[i] / length * (double)step->net.gradients[param->offset + i];
        }
        memcpy(weights, kept, n * sizeof *kept);
        const double slope = (losses[1] - losses[0]) / (2 * h);
        if (!(fabs(slope - want) < 1e-2 * fabs(want) + 2e-3)) {
            fail_msg("module %d layer %zu bias %d: slope %.6g, gradient %.6g", (int)param->module,
                     param->layer, param->is_bias, slope, want);
        }
        cappy_free(kept);
        cappy_free(direction);
    }
}

#endif
