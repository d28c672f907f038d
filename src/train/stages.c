/* SPDX-License-Identifier: Apache-2.0 */
#include "train/stages.h"

#include <math.h>
#include <string.h>

void cappy_rows_fill(struct cappy_rows rows, size_t m, size_t width)
{
    const size_t used = width * cappy_number_size(rows.precision);
    for (size_t i = 0; cappy_row_size(rows.precision, width) != used && i < m; i++) {
        memset((char *)rows.data + i * rows.stride + used, 0, rows.stride - used);
    }
}

/* ---- Dropout ---- */

/* What to drop at `place` of a sequence. */
static struct cappy_dropout dropout_at(const struct cappy_example *example, enum cappy_place place,
                                       size_t layer, size_t head, uint32_t rate)
{
    return (struct cappy_dropout){
        .key = {example->key[0], example->key[1]},
        .place = (uint32_t)place << 28 | (uint32_t)layer << 14 | (uint32_t)head,
        .threshold = rate,
    };
}

/* Rows of a slot that are dropped from alike: those of one sequence, or all where nothing is. */
struct run {
    size_t first; /* row in the slot */
    size_t m;
    struct cappy_dropout dropout; /* threshold 0: none */
};

static size_t count_runs(const struct cappy_work *work, uint32_t rate)
{
    return rate != 0 && work->train ? work->slot->n : 1;
}

static struct run run_at(const struct cappy_work *work, size_t index, enum cappy_place place,
                         size_t layer, uint32_t rate, enum cappy_extent extent)
{
    if (rate == 0 || !work->train) {
        return (struct run){.m = cappy_extent_rows(work, extent)};
    }
    const size_t s = work->slot->first + index;
    const struct cappy_example *example = &work->examples[s];
    const size_t row = work->net->memory.begins[s] - work->slot->row;
    return (struct run){
        .first = extent == CAPPY_EACH_TOKEN ? row : index,
        .m = extent == CAPPY_EACH_TOKEN ? example->n : 1,
        .dropout = dropout_at(example, place, layer, 0, rate),
    };
}

void cappy_drop(const struct cappy_work *work, enum cappy_place place, size_t layer, uint32_t rate,
                enum cappy_extent extent, struct cappy_array x)
{
    if (rate == 0 || !work->train) {
        return;
    }
    for (size_t i = 0; i < count_runs(work, rate); i++) {
        const struct run run = run_at(work, i, place, layer, rate, extent);
        work->net->kernels->drop(&(struct cappy_dropping){
            .dropout = run.dropout,
            .m = run.m,
            .width = work->net->config->hidden_size,
            .x = cappy_array_row(x, run.first),
            .stride = x.stride,
        });
    }
}

/* ---- Normalisation ---- */

void cappy_join(const struct cappy_work *work, enum cappy_module module, enum cappy_place place,
                size_t layer, enum cappy_extent extent, struct cappy_rows x,
                struct cappy_array residual, struct cappy_array sum, struct cappy_array wide,
                struct cappy_rows narrow)
{
    const struct cappy_net *net = work->net;
    const uint32_t rate = net->rates.hidden;
    const bool narrows = narrow.data != NULL && narrow.precision == CAPPY_PRECISION_BF16;
    for (size_t i = 0; i < count_runs(work, rate); i++) {
        const struct run run = run_at(work, i, place, layer, rate, extent);
        net->kernels->joint(&(struct cappy_joint){
            .norm = {.m = run.m,
                     .width = net->config->hidden_size,
                     .x_stride = sum.stride,
                     .y = cappy_array_row(wide, run.first),
                     .y_stride = wide.stride,
                     .weight = net->weights + cappy_params_at(net->params, module, layer, false),
                     .bias = net->weights + cappy_params_at(net->params, module, layer, true),
                     .epsilon = net->config->norm_epsilon,
                     .rows = narrows ? cappy_rows_from(narrow, run.first) : (struct cappy_rows){0}},
            .x = cappy_rows_from(x, run.first),
            .residual = cappy_array_row(residual, run.first),
            .residual_stride = residual.stride,
            .sum = cappy_array_row(sum, run.first),
            .dropout = run.dropout.threshold != 0 ? &run.dropout : NULL,
        });
    }
}

void cappy_part(const struct cappy_work *work, enum cappy_module module, enum cappy_norm_place norm,
                enum cappy_place place, size_t layer, enum cappy_extent extent,
                struct cappy_array sum, struct cappy_array dy, struct cappy_array dx,
                struct cappy_rows rows)
{
    const struct cappy_net *net = work->net;
    const size_t h = net->config->hidden_size;
    const size_t slot = (size_t)(work->slot - net->memory.slots);
    const uint32_t rate = rows.data != NULL ? net->rates.hidden : 0;
    float *partial = net->memory.partials + (slot * CAPPY_NORMS + norm) * 2 * h;
    memset(partial, 0, 2 * h * sizeof *partial);
    for (size_t i = 0; i < count_runs(work, rate); i++) {
        const struct run run = run_at(work, i, place, layer, rate, extent);
        net->kernels->norm_gradient(&(struct cappy_norm_gradient){
            .m = run.m,
            .width = h,
            .x = cappy_array_row(sum, run.first),
            .x_stride = sum.stride,
            .dy = cappy_array_row(dy, run.first),
            .dy_stride = dy.stride,
            .dx = cappy_array_row(dx, run.first),
            .dx_stride = dx.stride,
            .weight = net->weights + cappy_params_at(net->params, module, layer, false),
            .epsilon = net->config->norm_epsilon,
            .dweight = partial,
            .dbias = partial + h,
            .rows = rows.data != NULL ? cappy_rows_from(rows, run.first) : rows,
            .dropout = run.dropout.threshold != 0 ? &run.dropout : NULL,
        });
    }
}

void cappy_norm_collect(struct cappy_net *net, enum cappy_module module, enum cappy_norm_place norm,
                        size_t layer)
{
    const size_t h = net->config->hidden_size;
    for (size_t is_bias = 0; is_bias < 2; is_bias++) {
        float *gradient =
            net->gradients + cappy_params_at(net->params, module, layer, is_bias != 0);
        const float *partials = net->memory.partials + norm * 2 * h + is_bias * h;
        for (size_t j = 0; j < h; j++) {
            float sum = 0;
            for (size_t slot = 0; slot < net->memory.n_slots; slot++) {
                sum += partials[slot * CAPPY_NORMS * 2 * h + j];
            }
            gradient[j] += sum;
        }
    }
}

enum cappy_epilogue cappy_activation_of(const struct cappy_net *net)
{
    static const enum cappy_epilogue functions[] = {
        [CAPPY_ACT_GELU_ERF] = CAPPY_EPILOGUE_GELU_ERF,
        [CAPPY_ACT_GELU_TANH] = CAPPY_EPILOGUE_GELU_TANH,
        [CAPPY_ACT_RELU] = CAPPY_EPILOGUE_RELU,
    };
    return functions[net->config->hidden_act];
}

/* ---- Attention ---- */

static const void *at(struct cappy_rows rows, size_t row, size_t column)
{
    return cappy_rows_right(cappy_rows_from(rows, row), column).data;
}

/* Head `head` of sequence `s`. */
static struct cappy_attention_head head_at(const struct cappy_work *work, size_t layer,
                                           enum cappy_extent extent, size_t s, size_t head,
                                           const struct cappy_dropout *dropout)
{
    const struct cappy_net *net = work->net;
    const struct cappy_net_memory *memory = &net->memory;
    const struct cappy_trace *trace = &memory->traces[layer];
    const size_t h = net->config->hidden_size;
    const size_t width = h / net->config->n_heads;
    const size_t n = work->examples[s].n;
    const size_t begin = memory->begins[s];
    const bool first_only = extent == CAPPY_EACH_FIRST;
    const size_t row = first_only ? s : begin;
    const struct cappy_rows queries = first_only ? memory->queries : trace->qkv;
    return (struct cappy_attention_head){
        .precision = net->precision,
        .n = n,
        .n_queries = first_only ? 1 : n,
        .width = width,
        .q = at(queries, row, head * width),
        .k = at(trace->qkv, begin, h + head * width),
        .v = at(trace->qkv, begin, 2 * h + head * width),
        .y = cappy_rows_right(cappy_rows_from(trace->context, row), head * width).data,
        .q_stride = queries.stride,
        .kv_stride = trace->qkv.stride,
        .y_stride = trace->context.stride,
        .q_step = queries.step,
        .kv_step = trace->qkv.step,
        .y_step = trace->context.step,
        .scale = 1.0f / sqrtf((float)width),
        .kept = trace->kept != NULL
                    ? trace->kept + memory->kept[s] + head * cappy_head_kept(first_only ? 1 : n, n)
                    : NULL,
        .scratch = work->desk.scratch,
        .dropout = work->train && dropout->threshold != 0 ? dropout : NULL,
    };
}

void cappy_attention_forward(const struct cappy_work *work, size_t layer, enum cappy_extent extent)
{
    const struct cappy_net *net = work->net;
    const struct cappy_slot *slot = work->slot;
    for (size_t s = slot->first; s < slot->first + slot->n; s++) {
        for (size_t head = 0; head < net->config->n_heads; head++) {
            const struct cappy_dropout dropout = dropout_at(
                &work->examples[s], CAPPY_PLACE_ATTENTION, layer, head, net->rates.attention);
            const struct cappy_attention_head one = head_at(work, layer, extent, s, head, &dropout);
            net->kernels->head(&one);
        }
    }
    cappy_rows_fill(
        cappy_rows_from(net->memory.traces[layer].context, cappy_extent_at(work, extent)),
        cappy_extent_rows(work, extent), net->config->hidden_size);
}

void cappy_attention_backward(const struct cappy_work *work, size_t layer, enum cappy_extent extent)
{
    const struct cappy_net *net = work->net;
    const struct cappy_slot *slot = work->slot;
    const struct cappy_desk *desk = &work->desk;
    const size_t h = net->config->hidden_size;
    const size_t width = h / net->config->n_heads;
    const bool first_only = extent == CAPPY_EACH_FIRST;
    const struct cappy_rows d_queries = first_only ? desk->projected : desk->d_qkv;
    for (size_t s = slot->first; s < slot->first + slot->n; s++) {
        const size_t begin = net->memory.begins[s] - slot->row;
        const size_t row = first_only ? s - slot->first : begin;
        for (size_t head = 0; head < net->config->n_heads; head++) {
            const size_t column = head * width;
            const struct cappy_dropout dropout = dropout_at(
                &work->examples[s], CAPPY_PLACE_ATTENTION, layer, head, net->rates.attention);
            const struct cappy_rows d_kv = cappy_rows_from(desk->d_qkv, begin);
            net->kernels->head_gradient(&(struct cappy_attention_head_gradient){
                .head = head_at(work, layer, extent, s, head, &dropout),
                .dy = at(desk->d_context, row, column),
                .dy_stride = desk->d_context.stride,
                .dy_step = desk->d_context.step,
                .dq = cappy_rows_right(cappy_rows_from(d_queries, row), column).data,
                .dq_stride = d_queries.stride,
                .dq_step = d_queries.step,
                .dk = cappy_rows_right(d_kv, h + column).data,
                .dv = cappy_rows_right(d_kv, 2 * h + column).data,
                .dkv_stride = d_kv.stride,
                .dkv_step = d_kv.step,
            });
        }
    }
    cappy_rows_fill(desk->d_qkv, slot->tokens, 3 * h);
    if (first_only) {
        cappy_rows_fill(d_queries, slot->n, h);
    }
}
