/* SPDX-License-Identifier: Apache-2.0 */
/* A net of random weights whose rows and heads are whole blocks, as those of real models are, for
 * batches that a test fills. */
#ifndef CAPPY_TESTS_WIDE_STEP_H
#define CAPPY_TESTS_WIDE_STEP_H

#include "golden_step.h"

static inline uint32_t wide_random(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

/* Row i of the batch: n tokens drawn at random, the first `same` of them those of the row before;
 * segment 1 from token `second` on. */
static inline void wide_fill_row(struct golden_step *step, size_t i, size_t n, size_t same,
                                 size_t second, uint32_t *random)
{
    for (size_t j = 0; j < n; j++) {
        const int32_t id = (int32_t)wide_random(random) % 100;
        step->ids[i][j] = j < same ? step->ids[i - 1][j] : id;
        step->segments[i][j] = j >= second;
    }
    step->examples[i] = (struct cappy_example){
        .ids = step->ids[i], .segments = step->segments[i], .n = n, .key = {(uint32_t)i, 7}};
    step->targets[i] = (float)(i % 2);
    step->tokens += n;
}

static inline void wide_fill_weights(struct golden_step *step, uint32_t *random)
{
    for (size_t p = 0; p < step->params.n; p++) {
        const struct cappy_param *param = &step->params.items[p];
        const bool is_scale = param->columns == 0 && !param->is_bias;
        for (size_t i = 0; i < cappy_param_size(param); i++) {
            const float x = (float)wide_random(random) / (float)(1 << 24) - 0.5f;
            step->net.weights[param->offset + i] = is_scale ? 1.0f + x / 2 : 0.3f * x;
        }
    }
}

/* The net, in bf16, without a batch yet. */
static inline void wide_open(struct golden_step *step, struct cappy_model *model,
                             enum cappy_mask mask)
{
    cappy_error error;
    *step = (struct golden_step){.model = model};
    model->config = (struct cappy_config){.architecture = CAPPY_ARCHITECTURE_BERT,
                                          .n_layers = 3,
                                          .hidden_size = 128,
                                          .ffn_size = 192,
                                          .n_heads = 2,
                                          .vocab_size = 100,
                                          .n_positions = MAX_TOKENS,
                                          .n_segments = 2,
                                          .pad_token_id = -1,
                                          .norm_epsilon = 1e-12f,
                                          .mask = mask,
                                          .n_labels = 1};
    assert_int_equal(cappy_params_init(&model->config, &step->params, &error), CAPPY_OK);
    assert_int_equal(cappy_kernels_choose(&model->kernels, NULL, &error), CAPPY_OK);
    step->net = (struct cappy_net){
        .config = &model->config,
        .kernels = model->kernels,
        .params = &step->params,
        .precision = CAPPY_PRECISION_BF16,
        .threads = 1,
        .weights = cappy_alloc(step->params.size, sizeof(float)),
        .gradients = cappy_alloc(step->params.size, sizeof(float)),
    };
}

static inline void wide_close(struct golden_step *step)
{
    cappy_net_free(&step->net);
    cappy_free(step->net.weights);
    cappy_free(step->net.gradients);
    cappy_params_free(&step->params);
}

#endif
