/* SPDX-License-Identifier: Apache-2.0 */
/* The backward pass: the steps of forward.c in reverse. d_x is the gradient of the loss by x. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "train/passes.h"

static const struct cappy_array none = {NULL, 0};

/* Of y = x W^T + b: keeps what the gradient of W needs; dx = dy W + residual. */
static void undo(const struct cappy_work *work, size_t layer, enum cappy_linear_name name, size_t m,
                 struct cappy_rows x, struct cappy_rows dy, struct cappy_rows dx,
                 struct cappy_array residual)
{
    struct cappy_linear linear;
    const bool is_there = cappy_linear_at(work->net, layer, name, &linear);
    assert(is_there);
    (void)is_there;
    cappy_linear_keep(work->net, work->slot, &linear, m, x, dy);
    cappy_linear_undo(work->net, &linear, work->desk.scratch, m, dy, dx, residual);
}

/* d_hidden [S, H] from d_scores, through classifier, tanh and pooler. */
static void undo_head(const struct cappy_work *work, const float *d_scores)
{
    const struct cappy_net *net = work->net;
    const struct cappy_net_memory *memory = &net->memory;
    const struct cappy_slot *slot = work->slot;
    const size_t h = net->config->hidden_size;
    const size_t labels = net->config->n_labels;
    const struct cappy_array features = cappy_array_from(memory->features, slot->first);
    const struct cappy_array pooled = cappy_array_from(memory->pooled, slot->first);
    const struct cappy_array dropped = cappy_array_from(memory->dropped, slot->first);
    const struct cappy_array scores = cappy_array_from(memory->scores, slot->first);
    const struct cappy_array d_hidden = cappy_array_from(memory->d_hidden, slot->row);
    const struct cappy_array d_sum = work->desk.d_sum;
    for (size_t s = 0; s < slot->n; s++) {
        memcpy(cappy_array_row(scores, s), d_scores + (slot->first + s) * labels,
               labels * sizeof *d_scores);
    }
    undo(work, 0, CAPPY_LINEAR_CLASSIFIER, slot->n, cappy_rows_of(dropped), cappy_rows_of(scores),
         cappy_rows_of(d_sum), none);
    cappy_drop(work, CAPPY_PLACE_POOLED, 0, net->rates.head, CAPPY_EACH_FIRST, d_sum);
    for (size_t s = 0; s < slot->n; s++) {
        const float *y = cappy_array_row(pooled, s);
        float *d = cappy_array_row(d_sum, s);
        for (size_t j = 0; j < h; j++) {
            d[j] *= 1.0f - y[j] * y[j];
        }
    }
    undo(work, 0, CAPPY_LINEAR_POOLER, slot->n, cappy_rows_of(features), cappy_rows_of(d_sum),
         cappy_rows_of(d_hidden), none);
    if (net->config->architecture == CAPPY_ARCHITECTURE_ROBERTA) {
        cappy_drop(work, CAPPY_PLACE_FEATURES, 0, net->rates.head, CAPPY_EACH_FIRST, d_hidden);
    }
}

/* d_hidden [T, H] by the layer's input, from desk.d_qkv and, of the residual, desk.d_sum. */
static void undo_qkv(const struct cappy_work *work, size_t layer)
{
    const struct cappy_net *net = work->net;
    const struct cappy_net_memory *memory = &net->memory;
    const struct cappy_slot *slot = work->slot;
    const struct cappy_desk *desk = &work->desk;
    const size_t h = net->config->hidden_size;
    const struct cappy_rows input = cappy_rows_from(memory->traces[layer].input, slot->row);
    const struct cappy_array d_hidden = cappy_array_from(memory->d_hidden, slot->row);
    if (cappy_extent_of(net, layer) == CAPPY_EACH_TOKEN) {
        undo(work, layer, CAPPY_LINEAR_QKV, slot->tokens, input, desk->d_qkv,
             cappy_rows_of(d_hidden), desk->d_sum);
        return;
    }
    /* The queries and the residual of the last layer are those of the tokens that the head reads.
     */
    undo(work, layer, CAPPY_LINEAR_QKV, slot->tokens, input, cappy_rows_right(desk->d_qkv, h),
         cappy_rows_of(d_hidden), none);
    undo(work, layer, CAPPY_LINEAR_QUERY, slot->n, cappy_rows_from(memory->firsts, slot->first),
         desk->projected, cappy_rows_of(desk->middle), desk->d_sum);
    for (size_t s = 0; s < slot->n; s++) {
        const float *from = cappy_array_row(desk->middle, s);
        float *to = cappy_array_row(d_hidden, cappy_row_read(work, slot->first + s) - slot->row);
        for (size_t j = 0; j < h; j++) {
            to[j] += from[j];
        }
    }
}

/* d_hidden [m, H] by the layer's output becomes that by its input. */
static void undo_layer(const struct cappy_work *work, size_t layer)
{
    const struct cappy_net *net = work->net;
    const struct cappy_desk *desk = &work->desk;
    const struct cappy_trace *trace = &net->memory.traces[layer];
    const enum cappy_extent extent = cappy_extent_of(net, layer);
    const size_t m = cappy_extent_rows(work, extent);
    const size_t first = cappy_extent_at(work, extent);
    cappy_part(work, CAPPY_MODULE_OUTPUT_NORM, CAPPY_NORM_OUTPUT, CAPPY_PLACE_DOWN, layer, extent,
               cappy_array_from(trace->output_sum, first),
               cappy_array_from(net->memory.d_hidden, work->slot->row), desk->d_sum,
               desk->d_dropped);
    undo(work, layer, CAPPY_LINEAR_DOWN, m, cappy_rows_from(trace->active, first), desk->d_dropped,
         desk->before, none);
    net->kernels->scaling(&(struct cappy_scaling){m, net->config->ffn_size, desk->before,
                                                  cappy_rows_from(trace->slope, first),
                                                  desk->before});
    undo(work, layer, CAPPY_LINEAR_UP, m, cappy_rows_from(trace->middle, first), desk->before,
         cappy_rows_of(desk->middle), desk->d_sum);
    cappy_part(work, CAPPY_MODULE_ATTENTION_NORM, CAPPY_NORM_ATTENTION, CAPPY_PLACE_OUTPUT, layer,
               extent, cappy_array_from(trace->attention_sum, first), desk->middle, desk->d_sum,
               desk->d_dropped);
    undo(work, layer, CAPPY_LINEAR_OUTPUT, m, cappy_rows_from(trace->context, first),
         desk->d_dropped, desk->d_context, none);
    cappy_attention_backward(work, layer, extent);
    undo_qkv(work, layer);
}

static void undo_embedding(const struct cappy_work *work)
{
    const struct cappy_net *net = work->net;
    const struct cappy_array d_hidden = cappy_array_from(net->memory.d_hidden, work->slot->row);
    cappy_drop(work, CAPPY_PLACE_EMBEDDING, 0, net->rates.hidden, CAPPY_EACH_TOKEN, d_hidden);
    cappy_part(work, CAPPY_MODULE_EMBEDDING_NORM, CAPPY_NORM_EMBEDDING, CAPPY_PLACE_EMBEDDING, 0,
               CAPPY_EACH_TOKEN, cappy_array_from(net->memory.embedded, work->slot->row), d_hidden,
               d_hidden, (struct cappy_rows){0});
}

/* ---- The tables ---- */

static const enum cappy_module tables[CAPPY_TABLES] = {CAPPY_MODULE_WORDS, CAPPY_MODULE_POSITIONS,
                                                       CAPPY_MODULE_SEGMENTS};
enum { TABLES = CAPPY_TABLES };

static int compare_lookups(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Lists who looked up what in tables[table]: the row above, the token below, sorted. The padding
 * token's row is never trained, nor is its position: so PyTorch's embeddings have it. Returns how
 * many there are. */
static size_t list_lookups(const struct cappy_work *work, size_t n_examples, size_t table)
{
    const struct cappy_config *config = work->net->config;
    const struct cappy_net_memory *memory = &work->net->memory;
    uint64_t *lookups = memory->lookups[table];
    size_t n = 0;
    for (size_t s = 0; s < n_examples; s++) {
        const struct cappy_example *example = &work->examples[s];
        const size_t own = cappy_first_own(work, s);
        size_t next = cappy_position_first(config);
        for (size_t i = 0; i < example->n; i++) {
            const size_t place = cappy_position_next(config, example->ids[i], &next);
            const size_t rows[TABLES] = {(size_t)example->ids[i], place,
                                         (size_t)example->segments[i]};
            if (i >= own && (tables[table] == CAPPY_MODULE_SEGMENTS ||
                             (int64_t)example->ids[i] != config->pad_token_id)) {
                lookups[n++] = (uint64_t)rows[table] << 32 | (memory->begins[s] + i - own);
            }
        }
    }
    qsort(lookups, n, sizeof *lookups, compare_lookups);
    return n;
}

/* Adds to the rows of tables[table], columns [first, last). */
static void undo_lookups(struct cappy_net *net, size_t table, size_t first, size_t last, float *sum)
{
    const size_t n = net->memory.n_lookups[table];
    const struct cappy_net_memory *memory = &net->memory;
    const uint64_t *lookups = memory->lookups[table];
    float *gradient = net->gradients + cappy_params_at(net->params, tables[table], 0, false);
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

/* ---- The pass ---- */

/* By a team: all slots through a layer, then what they add up to. */
static void undo_layer_of_all(struct cappy_work *work, size_t layer)
{
    struct cappy_net *net = work->net;
#pragma omp for schedule(dynamic, 1)
    for (size_t slot = 0; slot < net->memory.n_slots; slot++) {
        work->slot = &net->memory.slots[slot];
        if (net->recompute && layer + 1 < net->config->n_layers) { /* the last one's is there */
            cappy_layer_recompute(work, layer);
        }
        undo_layer(work, layer);
    }
#pragma omp for schedule(static) nowait
    for (int norm = 0; norm < CAPPY_NORM_EMBEDDING; norm++) {
        cappy_norm_collect(
            net, norm == CAPPY_NORM_OUTPUT ? CAPPY_MODULE_OUTPUT_NORM : CAPPY_MODULE_ATTENTION_NORM,
            (enum cappy_norm_place)norm, layer);
    }
    cappy_linear_collect(net, layer, CAPPY_LINEAR_QKV, CAPPY_LINEARS_IN_LAYER, work->desk.scratch);
}

/* By a team: the norm of the embeddings and the tables, a share of whose columns is a thread's. */
static void undo_embedding_of_all(struct cappy_work *work, size_t n)
{
    struct cappy_net *net = work->net;
    struct cappy_net_memory *memory = &net->memory;
#pragma omp for schedule(dynamic, 1) nowait
    for (size_t table = 0; table < TABLES; table++) {
        memory->n_lookups[table] = list_lookups(work, n, table);
    }
#pragma omp for schedule(dynamic, 1)
    for (size_t slot = 0; slot < memory->n_slots; slot++) {
        work->slot = &memory->slots[slot];
        undo_embedding(work);
    }
#pragma omp single nowait
    cappy_norm_collect(net, CAPPY_MODULE_EMBEDDING_NORM, CAPPY_NORM_EMBEDDING, 0);
    size_t first;
    size_t last;
    cappy_work_share(net->config->hidden_size, &first, &last);
    for (size_t table = 0; table < TABLES; table++) {
        undo_lookups(net, table, first, last, work->desk.scratch);
    }
}

void cappy_net_backward(struct cappy_net *net, const struct cappy_example *examples, size_t n,
                        const float *d_scores)
{
#pragma omp parallel num_threads((int)net->threads)
    {
        struct cappy_work work = cappy_work_of(net, examples, true);
#pragma omp for schedule(dynamic, 1)
        for (size_t slot = 0; slot < net->memory.n_slots; slot++) {
            work.slot = &net->memory.slots[slot];
            undo_head(&work, d_scores);
        }
        cappy_linear_collect(net, 0, CAPPY_LINEAR_POOLER, CAPPY_LINEARS, work.desk.scratch);
        for (size_t layer = net->config->n_layers; layer-- > 0;) {
            undo_layer_of_all(&work, layer);
        }
        undo_embedding_of_all(&work, n);
    }
}
