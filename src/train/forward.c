/* SPDX-License-Identifier: Apache-2.0 */
/* The forward pass, keeping what the backward pass needs. The arithmetic is that of scoring
 * (model/encoder.c), in the same order. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "train/passes.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static const struct cappy_array none = {NULL, 0};

size_t cappy_position_next(const struct cappy_config *config, int32_t id, size_t *next)
{
    const bool is_padding =
        config->architecture == CAPPY_ARCHITECTURE_ROBERTA && (int64_t)id == config->pad_token_id;
    return is_padding ? (size_t)config->pad_token_id : (*next)++;
}

size_t cappy_position_first(const struct cappy_config *config)
{
    return config->architecture == CAPPY_ARCHITECTURE_ROBERTA ? (size_t)config->pad_token_id + 1
                                                              : 0;
}

/* embedded [T, H] = word + segment + position. */
static void embed_sequence(const struct cappy_pass *pass, size_t s)
{
    const struct cappy_net *net = pass->net;
    const struct cappy_example *example = &pass->examples[s];
    const size_t h = net->config->hidden_size;
    const float *words = net->weights + cappy_params_at(net->params, CAPPY_MODULE_WORDS, 0, false);
    const float *positions =
        net->weights + cappy_params_at(net->params, CAPPY_MODULE_POSITIONS, 0, false);
    const float *segments =
        net->weights + cappy_params_at(net->params, CAPPY_MODULE_SEGMENTS, 0, false);
    size_t next = cappy_position_first(net->config);
    for (size_t i = 0; i < example->n; i++) {
        const size_t place = cappy_position_next(net->config, example->ids[i], &next);
        assert((size_t)example->ids[i] < net->config->vocab_size &&
               place < net->config->n_positions);
        const float *word = words + (size_t)example->ids[i] * h;
        const float *position = positions + place * h;
        const float *segment = segments + (size_t)example->segments[i] * h;
        float *to = cappy_array_row(net->memory.embedded, net->memory.begins[s] + i);
        for (size_t j = 0; j < h; j++) {
            to[j] = word[j] + segment[j] + position[j];
        }
    }
}

static void embed(const struct cappy_pass *pass)
{
    const struct cappy_net_memory *memory = &pass->net->memory;
#pragma omp for schedule(static)
    for (size_t s = 0; s < pass->n; s++) {
        embed_sequence(pass, s);
    }
    cappy_norm_forward(pass, CAPPY_MODULE_EMBEDDING_NORM, 0, pass->tokens, memory->embedded,
                       memory->traces[0].input);
    cappy_array_drop(pass, CAPPY_PLACE_EMBEDDING, 0, pass->net->rates.hidden, false,
                     memory->traces[0].input);
}

void cappy_array_gather(const struct cappy_pass *pass, struct cappy_array from,
                        struct cappy_array to)
{
    const size_t size = pass->net->config->hidden_size * sizeof(float);
    size_t first;
    size_t last;
    cappy_pass_share(pass, pass->n, &first, &last);
    for (size_t s = first; s < last; s++) {
        memcpy(cappy_array_row(to, s), cappy_array_row(from, pass->net->memory.begins[s]), size);
    }
    cappy_pass_wait(pass);
}

/* y [m, H] = dropout(x W^T + b) + residual. */
static void project(const struct cappy_pass *pass, enum cappy_module module, enum cappy_place place,
                    size_t layer, bool first_only, size_t m, struct cappy_array x,
                    struct cappy_array y, struct cappy_array residual)
{
    const struct cappy_net *net = pass->net;
    const struct cappy_linear linear = cappy_linear_at(net, module, layer, 1);
    const bool drops = pass->train && net->rates.hidden != 0;
    cappy_linear_apply(pass, &linear, net->precision, m, x, y, drops ? none : residual);
    if (drops) {
        cappy_array_drop(pass, place, layer, net->rates.hidden, first_only, y);
        cappy_array_add(pass, m, residual, y);
    }
}

/* Queries, keys and values: of the first tokens, the queries alone. */
static void make_qkv(const struct cappy_pass *pass, size_t layer, bool is_last)
{
    const struct cappy_net *net = pass->net;
    const struct cappy_net_memory *memory = &net->memory;
    const struct cappy_trace *trace = &memory->traces[layer];
    const struct cappy_linear all = cappy_linear_at(net, CAPPY_MODULE_QUERY, layer, 3);
    if (!is_last) {
        cappy_linear_apply(pass, &all, net->precision, pass->tokens, trace->input, trace->qkv,
                           none);
        return;
    }
    const struct cappy_linear query = cappy_linear_at(net, CAPPY_MODULE_QUERY, layer, 1);
    const struct cappy_linear rest = cappy_linear_at(net, CAPPY_MODULE_KEY, layer, 2);
    const struct cappy_array kv = {trace->qkv.data + net->config->hidden_size, trace->qkv.stride};
    cappy_linear_apply(pass, &rest, net->precision, pass->tokens, trace->input, kv, none);
    cappy_array_gather(pass, trace->input, memory->firsts);
    cappy_linear_apply(pass, &query, net->precision, pass->n, memory->firsts, memory->queries,
                       none);
}

static void run_layer(const struct cappy_pass *pass, size_t layer)
{
    const struct cappy_net *net = pass->net;
    const struct cappy_net_memory *memory = &net->memory;
    const struct cappy_trace *trace = &memory->traces[layer];
    const bool is_last = layer + 1 == net->config->n_layers;
    const size_t m = is_last ? pass->n : pass->tokens;
    const struct cappy_linear up = cappy_linear_at(net, CAPPY_MODULE_UP, layer, 1);
    make_qkv(pass, layer, is_last);
    cappy_attention_forward(pass, layer, is_last);
    project(pass, CAPPY_MODULE_OUTPUT, CAPPY_PLACE_OUTPUT, layer, is_last, m, trace->context,
            trace->attention_sum, is_last ? memory->firsts : trace->input);
    cappy_norm_forward(pass, CAPPY_MODULE_ATTENTION_NORM, layer, m, trace->attention_sum,
                       trace->middle);
    cappy_linear_apply(pass, &up, net->precision, m, trace->middle, trace->before, none);
    cappy_pass_activate(pass, m, trace->before, none, memory->active);
    project(pass, CAPPY_MODULE_DOWN, CAPPY_PLACE_DOWN, layer, is_last, m, memory->active,
            trace->output_sum, trace->middle);
    cappy_norm_forward(pass, CAPPY_MODULE_OUTPUT_NORM, layer, m, trace->output_sum, trace->output);
}

/* scores = classifier(dropout(tanh(pooler(features)))), in fp32 as in scoring. RoBERTa drops from
 * the features too. */
static void run_head(const struct cappy_pass *pass)
{
    const struct cappy_net *net = pass->net;
    const struct cappy_net_memory *memory = &net->memory;
    const size_t h = net->config->hidden_size;
    const struct cappy_linear pooler = cappy_linear_at(net, CAPPY_MODULE_POOLER, 0, 1);
    const struct cappy_linear classifier = cappy_linear_at(net, CAPPY_MODULE_CLASSIFIER, 0, 1);
    cappy_array_copy(pass, pass->n, memory->traces[net->config->n_layers - 1].output,
                     memory->features);
    if (net->config->architecture == CAPPY_ARCHITECTURE_ROBERTA) {
        cappy_array_drop(pass, CAPPY_PLACE_FEATURES, 0, net->rates.head, true, memory->features);
    }
    cappy_linear_apply(pass, &pooler, CAPPY_PRECISION_FP32, pass->n, memory->features,
                       memory->pooled, none);
#pragma omp for schedule(static)
    for (size_t s = 0; s < pass->n; s++) {
        float *row = cappy_array_row(memory->pooled, s);
        for (size_t j = 0; j < h; j++) {
            row[j] = tanhf(row[j]);
        }
    }
    cappy_array_copy(pass, pass->n, memory->pooled, memory->dropped);
    cappy_array_drop(pass, CAPPY_PLACE_POOLED, 0, net->rates.head, true, memory->dropped);
    cappy_linear_apply(pass, &classifier, CAPPY_PRECISION_FP32, pass->n, memory->dropped,
                       memory->scores, none);
}

struct cappy_pass cappy_pass_of(struct cappy_net *net, const struct cappy_example *examples,
                                size_t n, bool train)
{
    struct cappy_pass pass = {.net = net, .examples = examples, .n = n, .train = train, .count = 1};
    for (size_t i = 0; i < n; i++) {
        pass.tokens += examples[i].n;
    }
#ifdef _OPENMP
    pass.index = (size_t)omp_get_thread_num();
    pass.count = (size_t)omp_get_num_threads();
#endif
    return pass;
}

void cappy_net_forward(struct cappy_net *net, const struct cappy_example *examples, size_t n,
                       bool train, float *scores)
{
    struct cappy_net_memory *memory = &net->memory;
    assert(n <= memory->sequences);
    memory->begins[0] = 0;
    for (size_t i = 0; i < n; i++) {
        memory->begins[i + 1] = memory->begins[i] + examples[i].n;
    }
    assert(memory->begins[n] <= memory->tokens);
#pragma omp parallel num_threads((int)net->threads)
    {
        const struct cappy_pass pass = cappy_pass_of(net, examples, n, train);
        embed(&pass);
        for (size_t layer = 0; layer < net->config->n_layers; layer++) {
            run_layer(&pass, layer);
        }
        run_head(&pass);
    }
    const size_t labels = net->config->n_labels;
    for (size_t i = 0; i < n; i++) {
        memcpy(scores + i * labels, cappy_array_row(memory->scores, i), labels * sizeof *scores);
    }
}
