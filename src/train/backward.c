/* SPDX-License-Identifier: Apache-2.0 */
/* The backward pass: the steps of forward.c in reverse. d_x is the gradient of the loss by x. */
#include <stdlib.h>
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

/* ---- The tables ---- */

static const enum cappy_module tables[] = {CAPPY_MODULE_WORDS, CAPPY_MODULE_POSITIONS,
                                           CAPPY_MODULE_SEGMENTS};
enum { TABLES = sizeof tables / sizeof *tables };

static int compare_lookups(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Lists who looked up what in tables[table]: the row above, the token below, sorted. The padding
 * token's row is never trained, nor is its position: so PyTorch's embeddings have it. Returns how
 * many there are. */
static size_t list_lookups(const struct cappy_pass *pass, size_t table)
{
    const struct cappy_config *config = pass->net->config;
    const struct cappy_net_memory *memory = &pass->net->memory;
    uint64_t *lookups = memory->lookups[table];
    size_t n = 0;
    for (size_t s = 0; s < pass->n; s++) {
        const struct cappy_example *example = &pass->examples[s];
        size_t next = cappy_position_first(config);
        for (size_t i = 0; i < example->n; i++) {
            const size_t place = cappy_position_next(config, example->ids[i], &next);
            const size_t rows[TABLES] = {(size_t)example->ids[i], place,
                                         (size_t)example->segments[i]};
            if (tables[table] == CAPPY_MODULE_SEGMENTS ||
                (int64_t)example->ids[i] != config->pad_token_id) {
                lookups[n++] = (uint64_t)rows[table] << 32 | (memory->begins[s] + i);
            }
        }
    }
    qsort(lookups, n, sizeof *lookups, compare_lookups);
    return n;
}

/* Adds to the rows of tables[table], columns [first, last). */
static void undo_lookups(const struct cappy_pass *pass, size_t table, size_t n, size_t first,
                         size_t last)
{
    struct cappy_net *net = pass->net;
    const struct cappy_net_memory *memory = &net->memory;
    const uint64_t *lookups = memory->lookups[table];
    float *gradient = net->gradients + cappy_params_at(net->params, tables[table], 0, false);
    float *sum = (float *)(memory->threads + pass->index * memory->thread_size);
    for (size_t i = 0; i < n;) {
        const uint64_t row = lookups[i] >> 32;
        memset(sum, 0, (last - first) * sizeof *sum);
        for (; i < n && lookups[i] >> 32 == row; i++) {
            const float *d = cappy_array_row(memory->d_hidden, (uint32_t)lookups[i]);
            for (size_t j = first; j < last; j++) {
                sum[j - first] += d[j];
            }
        }
        for (size_t j = first; j < last; j++) {
            gradient[row * net->config->hidden_size + j] += sum[j - first];
        }
    }
}

static void undo_embedding(const struct cappy_pass *pass)
{
    struct cappy_net_memory *memory = &pass->net->memory;
#pragma omp for schedule(static)
    for (size_t table = 0; table < TABLES; table++) {
        memory->n_lookups[table] = list_lookups(pass, table);
    }
    cappy_array_drop(pass, CAPPY_PLACE_EMBEDDING, 0, pass->net->rates.hidden, false,
                     memory->d_hidden);
    cappy_norm_backward(pass, CAPPY_MODULE_EMBEDDING_NORM, 0, pass->tokens, memory->embedded,
                        memory->d_hidden, memory->d_hidden);
    size_t first;
    size_t last;
    cappy_pass_share(pass, pass->net->config->hidden_size, &first, &last);
    for (size_t table = 0; table < TABLES; table++) {
        undo_lookups(pass, table, memory->n_lookups[table], first, last);
    }
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
