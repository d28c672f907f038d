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
static void embed_sequence(const struct cappy_work *work, size_t s)
{
    const struct cappy_net *net = work->net;
    const struct cappy_example *example = &work->examples[s];
    const size_t h = net->config->hidden_size;
    const float *words = net->weights + cappy_params_at(net->params, CAPPY_MODULE_WORDS, 0, false);
    const float *positions =
        net->weights + cappy_params_at(net->params, CAPPY_MODULE_POSITIONS, 0, false);
    const float *segments =
        net->weights + cappy_params_at(net->params, CAPPY_MODULE_SEGMENTS, 0, false);
    size_t next = cappy_position_first(net->config);
    const size_t own = cappy_first_own(work, s);
    for (size_t i = 0; i < example->n; i++) {
        const size_t place = cappy_position_next(net->config, example->ids[i], &next);
        if (i < own) {
            continue;
        }
        assert((size_t)example->ids[i] < net->config->vocab_size &&
               place < net->config->n_positions);
        const float *word = words + (size_t)example->ids[i] * h;
        const float *position = positions + place * h;
        const float *segment = segments + (size_t)example->segments[i] * h;
        float *to = cappy_array_row(net->memory.embedded, net->memory.begins[s] + i - own);
        for (size_t j = 0; j < h; j++) {
            to[j] = word[j] + segment[j] + position[j];
        }
    }
}

/* Rows of fp32 as the operand `to`, unless it is these rows themselves. */
static void narrow(const struct cappy_net *net, size_t m, struct cappy_array from,
                   struct cappy_rows to)
{
    if (to.precision == CAPPY_PRECISION_BF16) {
        net->kernels->convert(
            &(struct cappy_conversion){m, net->config->hidden_size, cappy_rows_of(from), to});
    }
}

/* The input of a layer, in fp32 in the array returned: the norm of what the layer before it, or the
 * embedding, has added up. */
static struct cappy_array make_input(const struct cappy_work *work, size_t layer)
{
    const struct cappy_net *net = work->net;
    const struct cappy_slot *slot = work->slot;
    const struct cappy_rows input = cappy_rows_from(net->memory.traces[layer].input, slot->row);
    const struct cappy_array hidden = cappy_wide_of(input, work->desk.hidden);
    const enum cappy_module module =
        layer == 0 ? CAPPY_MODULE_EMBEDDING_NORM : CAPPY_MODULE_OUTPUT_NORM;
    const size_t before = layer == 0 ? 0 : layer - 1;
    const struct cappy_array sum = cappy_array_from(
        layer == 0 ? net->memory.embedded : net->memory.traces[before].output_sum, slot->row);
    net->kernels->norm(&(struct cappy_norm){
        .m = slot->tokens,
        .width = net->config->hidden_size,
        .x = sum.data,
        .x_stride = sum.stride,
        .y = hidden.data,
        .y_stride = hidden.stride,
        .weight = net->weights + cappy_params_at(net->params, module, before, false),
        .bias = net->weights + cappy_params_at(net->params, module, before, true),
        .epsilon = net->config->norm_epsilon,
    });
    if (layer == 0) {
        cappy_drop(work, CAPPY_PLACE_EMBEDDING, 0, net->rates.hidden, CAPPY_EACH_TOKEN, hidden);
    }
    narrow(net, slot->tokens, hidden, input);
    return hidden;
}

static struct cappy_array embed(const struct cappy_work *work)
{
    for (size_t s = work->slot->first; s < work->slot->first + work->slot->n; s++) {
        embed_sequence(work, s);
    }
    return make_input(work, 0);
}

static struct cappy_linear linear_at(const struct cappy_net *net, size_t layer,
                                     enum cappy_linear_name name)
{
    struct cappy_linear linear;
    const bool is_there = cappy_linear_at(net, layer, name, &linear);
    assert(is_there);
    (void)is_there;
    return linear;
}

/* y = x W^T + b. */
static void apply(const struct cappy_work *work, size_t layer, enum cappy_linear_name name,
                  size_t m, struct cappy_rows x, struct cappy_rows y)
{
    const struct cappy_linear linear = linear_at(work->net, layer, name);
    cappy_linear_apply(work->net, &linear, work->desk.scratch, m, x, y, 0,
                       cappy_linear_panels(work->net, linear.n));
}

/* Row i of x as row j of y. */
static void copy_row(struct cappy_rows x, size_t i, struct cappy_rows y, size_t j, size_t width)
{
    const size_t block = x.step != 0 ? CAPPY_BLOCK : width;
    for (size_t column = 0; column < width; column += block) {
        memcpy(cappy_rows_right(cappy_rows_from(y, j), column).data,
               cappy_rows_right(cappy_rows_from(x, i), column).data,
               cappy_row_size(x.precision, block));
    }
}

/* Queries, keys and values; in the last layer the queries of the tokens that the head reads alone.
 */
static void make_qkv(const struct cappy_work *work, size_t layer, struct cappy_array hidden)
{
    const struct cappy_net *net = work->net;
    const struct cappy_net_memory *memory = &net->memory;
    const struct cappy_slot *slot = work->slot;
    const size_t h = net->config->hidden_size;
    const struct cappy_rows input = cappy_rows_from(memory->traces[layer].input, slot->row);
    const struct cappy_rows qkv = cappy_rows_from(memory->traces[layer].qkv, slot->row);
    if (cappy_extent_of(net, layer) == CAPPY_EACH_TOKEN) {
        apply(work, layer, CAPPY_LINEAR_QKV, slot->tokens, input, qkv);
        return;
    }
    apply(work, layer, CAPPY_LINEAR_QKV, slot->tokens, input, cappy_rows_right(qkv, h));
    const struct cappy_rows firsts = cappy_rows_from(memory->firsts, slot->first);
    for (size_t i = 0; i < slot->n; i++) {
        const size_t row = cappy_row_read(work, slot->first + i) - slot->row;
        copy_row(input, row, firsts, i, h);
        memcpy(cappy_array_row(work->desk.firsts, i), cappy_array_row(hidden, row),
               h * sizeof(float));
    }
    apply(work, layer, CAPPY_LINEAR_QUERY, slot->n, firsts,
          cappy_rows_from(memory->queries, slot->first));
}

/* active and slope from middle, some columns at a time: what lies between stays in the cache. */
static void feed_forward(const struct cappy_work *work, size_t layer, enum cappy_extent extent)
{
    enum { COLUMNS = 512 };
    const struct cappy_net *net = work->net;
    const struct cappy_trace *trace = &net->memory.traces[layer];
    const size_t m = cappy_extent_rows(work, extent);
    const size_t first = cappy_extent_at(work, extent);
    const size_t f = net->config->ffn_size;
    const struct cappy_linear up = linear_at(net, layer, CAPPY_LINEAR_UP);
    for (size_t column = 0; column < f; column += COLUMNS) {
        const size_t end = f - column < COLUMNS ? f : column + COLUMNS;
        cappy_linear_apply(net, &up, work->desk.scratch, m, cappy_rows_from(trace->middle, first),
                           work->desk.before, column / net->kernels->panel,
                           cappy_linear_panels(net, end));
        net->kernels->activation(&(struct cappy_activation){
            .function = cappy_activation_of(net),
            .m = m,
            .width = end - column,
            .x = cappy_rows_right(work->desk.before, column),
            .y = cappy_rows_right(cappy_rows_from(trace->active, first), column),
            .slope = cappy_rows_right(cappy_rows_from(trace->slope, first), column),
        });
    }
}

/* From `hidden`, the layer's input in fp32, to the activation. Returns what is behind attention, in
 * fp32. */
static struct cappy_array run_to_activation(const struct cappy_work *work, size_t layer,
                                            struct cappy_array hidden)
{
    const struct cappy_net *net = work->net;
    const struct cappy_trace *trace = &net->memory.traces[layer];
    const enum cappy_extent extent = cappy_extent_of(net, layer);
    const size_t first = cappy_extent_at(work, extent);
    const struct cappy_rows middle = cappy_rows_from(trace->middle, first);
    const struct cappy_array wide = cappy_wide_of(middle, work->desk.middle);
    make_qkv(work, layer, hidden);
    cappy_attention_forward(work, layer, extent);
    apply(work, layer, CAPPY_LINEAR_OUTPUT, cappy_extent_rows(work, extent),
          cappy_rows_from(trace->context, first), work->desk.projected);
    cappy_join(work, CAPPY_MODULE_ATTENTION_NORM, CAPPY_PLACE_OUTPUT, layer, extent,
               work->desk.projected, extent == CAPPY_EACH_FIRST ? work->desk.firsts : hidden,
               cappy_array_from(trace->attention_sum, first), wide, middle);
    feed_forward(work, layer, extent);
    return wide;
}

void cappy_layer_recompute(const struct cappy_work *work, size_t layer)
{
    run_to_activation(work, layer, make_input(work, layer));
}

/* From *hidden, the layer's input in fp32, to its output, which *hidden becomes. */
static void run_layer(const struct cappy_work *work, size_t layer, struct cappy_array *hidden)
{
    const struct cappy_net *net = work->net;
    const struct cappy_net_memory *memory = &net->memory;
    const struct cappy_trace *trace = &memory->traces[layer];
    const struct cappy_rows nothing = {.precision = net->precision};
    const enum cappy_extent extent = cappy_extent_of(net, layer);
    const bool is_last = extent == CAPPY_EACH_FIRST;
    const size_t m = cappy_extent_rows(work, extent);
    const size_t first = cappy_extent_at(work, extent);
    const struct cappy_array wide = run_to_activation(work, layer, *hidden);
    const struct cappy_rows output =
        is_last ? nothing : cappy_rows_from(memory->traces[layer + 1].input, first);
    *hidden = is_last ? cappy_array_from(memory->features, first)
                      : cappy_wide_of(output, work->desk.hidden);
    apply(work, layer, CAPPY_LINEAR_DOWN, m, cappy_rows_from(trace->active, first),
          work->desk.projected);
    cappy_join(work, CAPPY_MODULE_OUTPUT_NORM, CAPPY_PLACE_DOWN, layer, extent,
               work->desk.projected, wide, cappy_array_from(trace->output_sum, first), *hidden,
               output);
}

/* scores = classifier(dropout(tanh(pooler(features)))), in fp32 as in scoring. RoBERTa drops from
 * the features too. */
static void run_head(const struct cappy_work *work)
{
    const struct cappy_net *net = work->net;
    const struct cappy_net_memory *memory = &net->memory;
    const size_t n = work->slot->n;
    const size_t h = net->config->hidden_size;
    const struct cappy_array features = cappy_array_from(memory->features, work->slot->first);
    const struct cappy_array pooled = cappy_array_from(memory->pooled, work->slot->first);
    const struct cappy_array dropped = cappy_array_from(memory->dropped, work->slot->first);
    const struct cappy_array scores = cappy_array_from(memory->scores, work->slot->first);
    if (net->config->architecture == CAPPY_ARCHITECTURE_ROBERTA) {
        cappy_drop(work, CAPPY_PLACE_FEATURES, 0, net->rates.head, CAPPY_EACH_FIRST, features);
    }
    apply(work, 0, CAPPY_LINEAR_POOLER, n, cappy_rows_of(features), cappy_rows_of(pooled));
    for (size_t s = 0; s < n; s++) {
        float *row = cappy_array_row(pooled, s);
        for (size_t j = 0; j < h; j++) {
            row[j] = tanhf(row[j]);
        }
        memcpy(cappy_array_row(dropped, s), row, h * sizeof *row);
    }
    cappy_drop(work, CAPPY_PLACE_POOLED, 0, net->rates.head, CAPPY_EACH_FIRST, dropped);
    apply(work, 0, CAPPY_LINEAR_CLASSIFIER, n, cappy_rows_of(dropped), cappy_rows_of(scores));
}

struct cappy_work cappy_work_of(struct cappy_net *net, const struct cappy_example *examples,
                                bool train)
{
    size_t index = 0;
#ifdef _OPENMP
    index = (size_t)omp_get_thread_num();
#endif
    return (struct cappy_work){
        .net = net, .examples = examples, .train = train, .desk = cappy_desk_of(net, index)};
}

void cappy_work_share(size_t n, size_t *first, size_t *last)
{
    size_t index = 0;
    size_t count = 1;
#ifdef _OPENMP
    index = (size_t)omp_get_thread_num();
    count = (size_t)omp_get_num_threads();
#endif
    *first = n * index / count;
    *last = n * (index + 1) / count;
}

void cappy_net_forward(struct cappy_net *net, const struct cappy_example *examples, size_t n,
                       bool train, float *scores)
{
    struct cappy_net_memory *memory = &net->memory;
    cappy_net_plan(net, examples, n);
    cappy_packed_fill(net);
#pragma omp parallel num_threads((int)net->threads)
    {
        struct cappy_work work = cappy_work_of(net, examples, train);
#pragma omp for schedule(dynamic, 1)
        for (size_t slot = 0; slot < memory->n_slots; slot++) {
            work.slot = &memory->slots[slot];
            struct cappy_array hidden = embed(&work);
            for (size_t layer = 0; layer < net->config->n_layers; layer++) {
                run_layer(&work, layer, &hidden);
            }
            run_head(&work);
        }
    }
    const size_t labels = net->config->n_labels;
    for (size_t i = 0; i < n; i++) {
        memcpy(scores + i * labels, cappy_array_row(memory->scores, i), labels * sizeof *scores);
    }
}
