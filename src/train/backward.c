/* SPDX-License-Identifier: Apache-2.0 */
/* The backward pass: the steps of forward.c in reverse. d_x is the gradient of the loss by x. */
#include <string.h>

#include "train/passes.h"

static const struct cappy_array none = {NULL, 0};

/* d_hidden [S, H] from d_scores, through classifier, tanh and pooler. */
static void undo_head(const struct cappy_pass *pass, const float *d_scores)
{
    struct cappy_net *net = pass->net;
    const struct cappy_net_memory *memory = &net->memory;
    const size_t h = net->config->hidden_size;
    const size_t labels = net->config->n_labels;
    const struct cappy_linear pooler = cappy_linear_at(net, CAPPY_MODULE_POOLER, 0, 1);
    const struct cappy_linear classifier = cappy_linear_at(net, CAPPY_MODULE_CLASSIFIER, 0, 1);
#pragma omp for schedule(static)
    for (size_t s = 0; s < pass->n; s++) {
        memcpy(cappy_array_row(memory->scores, s), d_scores + s * labels,
               labels * sizeof *d_scores);
    }
    cappy_linear_gradient(pass, &classifier, CAPPY_PRECISION_FP32, pass->n, memory->dropped,
                          memory->scores, memory->d_sum, none);
    cappy_array_drop(pass, CAPPY_PLACE_POOLED, 0, net->rates.head, true, memory->d_sum);
#pragma omp for schedule(static)
    for (size_t s = 0; s < pass->n; s++) {
        const float *y = cappy_array_row(memory->pooled, s);
        float *d = cappy_array_row(memory->d_sum, s);
        for (size_t j = 0; j < h; j++) {
            d[j] *= 1.0f - y[j] * y[j];
        }
    }
    cappy_linear_gradient(pass, &pooler, CAPPY_PRECISION_FP32, pass->n, memory->features,
                          memory->d_sum, memory->d_hidden, none);
    if (net->config->architecture == CAPPY_ARCHITECTURE_ROBERTA) {
        cappy_array_drop(pass, CAPPY_PLACE_FEATURES, 0, net->rates.head, true, memory->d_hidden);
    }
}

/* Of y = dropout(x W^T + b) + residual: dx from dy; the residual's gradient is dy itself. */
static void undo_projection(const struct cappy_pass *pass, enum cappy_module module,
                            enum cappy_place place, size_t layer, bool first_only, size_t m,
                            struct cappy_array x, struct cappy_array dy, struct cappy_array dx)
{
    const struct cappy_net *net = pass->net;
    const struct cappy_linear linear = cappy_linear_at(net, module, layer, 1);
    if (net->rates.hidden != 0) {
        cappy_array_copy(pass, m, dy, net->memory.d_dropped);
        cappy_array_drop(pass, place, layer, net->rates.hidden, first_only, net->memory.d_dropped);
        dy = net->memory.d_dropped;
    }
    cappy_linear_gradient(pass, &linear, net->precision, m, x, dy, dx, none);
}

/* d_hidden [T, H] by the layer's input, from d_qkv, and d_sum, the gradient by the residual. */
static void undo_qkv(const struct cappy_pass *pass, size_t layer)
{
    const struct cappy_net *net = pass->net;
    const struct cappy_net_memory *memory = &net->memory;
    const struct cappy_linear all = cappy_linear_at(net, CAPPY_MODULE_QUERY, layer, 3);
    cappy_linear_gradient(pass, &all, net->precision, pass->tokens, memory->traces[layer].input,
                          memory->d_qkv, memory->d_hidden, memory->d_sum);
}

/* The same for the last layer, whose queries and residual are those of the first tokens alone. */
static void undo_last_qkv(const struct cappy_pass *pass, size_t layer, struct cappy_array d_queries)
{
    const struct cappy_net *net = pass->net;
    const struct cappy_net_memory *memory = &net->memory;
    const size_t h = net->config->hidden_size;
    const struct cappy_linear query = cappy_linear_at(net, CAPPY_MODULE_QUERY, layer, 1);
    const struct cappy_linear rest = cappy_linear_at(net, CAPPY_MODULE_KEY, layer, 2);
    const struct cappy_array d_kv = {memory->d_qkv.data + h, memory->d_qkv.stride};
    cappy_linear_gradient(pass, &rest, net->precision, pass->tokens, memory->traces[layer].input,
                          d_kv, memory->d_hidden, none);
    cappy_linear_gradient(pass, &query, net->precision, pass->n, memory->firsts, d_queries,
                          memory->d_context, memory->d_sum);
    size_t first;
    size_t last;
    cappy_pass_share(pass, pass->n, &first, &last);
    for (size_t s = first; s < last; s++) {
        const float *from = cappy_array_row(memory->d_context, s);
        float *to = cappy_array_row(memory->d_hidden, memory->begins[s]);
        for (size_t j = 0; j < h; j++) {
            to[j] += from[j];
        }
    }
    cappy_pass_wait(pass);
}

/* d_hidden [m, H] by the layer's output becomes that by its input. */
static void undo_layer(const struct cappy_pass *pass, size_t layer)
{
    const struct cappy_net *net = pass->net;
    const struct cappy_net_memory *memory = &net->memory;
    const struct cappy_trace *trace = &memory->traces[layer];
    const bool is_last = layer + 1 == net->config->n_layers;
    const size_t m = is_last ? pass->n : pass->tokens;
    const struct cappy_linear up = cappy_linear_at(net, CAPPY_MODULE_UP, layer, 1);
    cappy_norm_backward(pass, CAPPY_MODULE_OUTPUT_NORM, layer, m, trace->output_sum,
                        memory->d_hidden, memory->d_sum);
    cappy_pass_activate(pass, m, trace->before, none, memory->active); /* cheaper than to keep it */
    undo_projection(pass, CAPPY_MODULE_DOWN, CAPPY_PLACE_DOWN, layer, is_last, m, memory->active,
                    memory->d_sum, memory->d_active);
    cappy_pass_activate(pass, m, trace->before, memory->d_active, memory->d_active);
    cappy_linear_gradient(pass, &up, net->precision, m, trace->middle, memory->d_active,
                          memory->d_hidden, memory->d_sum);
    cappy_norm_backward(pass, CAPPY_MODULE_ATTENTION_NORM, layer, m, trace->attention_sum,
                        memory->d_hidden, memory->d_sum);
    undo_projection(pass, CAPPY_MODULE_OUTPUT, CAPPY_PLACE_OUTPUT, layer, is_last, m,
                    trace->context, memory->d_sum, memory->d_context);
    cappy_attention_backward(pass, layer, is_last, memory->d_dropped);
    if (is_last) {
        undo_last_qkv(pass, layer, memory->d_dropped);
    } else {
        undo_qkv(pass, layer);
    }
}

/* Adds to the rows of the tables, columns [first, last). The padding token's row is never trained,
 * nor is its position: so PyTorch's embeddings have it. */
static void undo_lookup(const struct cappy_pass *pass, size_t first, size_t last)
{
    struct cappy_net *net = pass->net;
    const struct cappy_config *config = net->config;
    const size_t h = config->hidden_size;
    float *words = net->gradients + cappy_params_at(net->params, CAPPY_MODULE_WORDS, 0, false);
    float *positions =
        net->gradients + cappy_params_at(net->params, CAPPY_MODULE_POSITIONS, 0, false);
    float *segments =
        net->gradients + cappy_params_at(net->params, CAPPY_MODULE_SEGMENTS, 0, false);
    for (size_t s = 0; s < pass->n; s++) {
        const struct cappy_example *example = &pass->examples[s];
        size_t next = cappy_position_first(config);
        for (size_t i = 0; i < example->n; i++) {
            const size_t id = (size_t)example->ids[i];
            const size_t place = cappy_position_next(config, example->ids[i], &next);
            const bool is_padding = (int64_t)id == config->pad_token_id;
            const float *d = cappy_array_row(net->memory.d_hidden, net->memory.begins[s] + i);
            float *segment = segments + (size_t)example->segments[i] * h;
            float *word = words + id * h;
            float *position = positions + place * h;
            for (size_t j = first; j < last; j++) {
                segment[j] += d[j];
                word[j] += is_padding ? 0.0f : d[j];
                position[j] += is_padding ? 0.0f : d[j];
            }
        }
    }
}

static void undo_embedding(const struct cappy_pass *pass)
{
    const struct cappy_net_memory *memory = &pass->net->memory;
    cappy_array_drop(pass, CAPPY_PLACE_EMBEDDING, 0, pass->net->rates.hidden, false,
                     memory->d_hidden);
    cappy_norm_backward(pass, CAPPY_MODULE_EMBEDDING_NORM, 0, pass->tokens, memory->embedded,
                        memory->d_hidden, memory->d_hidden);
    size_t first;
    size_t last;
    cappy_pass_share(pass, pass->net->config->hidden_size, &first, &last);
    undo_lookup(pass, first, last);
    cappy_pass_wait(pass);
}

void cappy_net_backward(struct cappy_net *net, const struct cappy_example *examples, size_t n,
                        const float *d_scores)
{
#pragma omp parallel num_threads((int)net->threads)
    {
        const struct cappy_pass pass = cappy_pass_of(net, examples, n, true);
        undo_head(&pass, d_scores);
        for (size_t layer = net->config->n_layers; layer-- > 0;) {
            undo_layer(&pass, layer);
        }
        undo_embedding(&pass);
    }
}
