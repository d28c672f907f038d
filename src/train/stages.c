/* SPDX-License-Identifier: Apache-2.0 */
#include "train/stages.h"

#include <string.h>

void cappy_rows_fill(struct cappy_rows rows, size_t m, size_t width)
{
    const size_t used = width * cappy_number_size(rows.precision);
    for (size_t i = 0; cappy_row_size(rows.precision, width) != used && i < m; i++) {
        memset((char *)rows.data + i * rows.stride + used, 0, rows.stride - used);
    }
}

/* ---- Dropout ---- */

struct cappy_dropout cappy_dropout_at(const struct cappy_example *example, enum cappy_place place,
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
    const size_t *begins = work->net->memory.begins;
    return (struct run){
        .first = extent == CAPPY_EACH_TOKEN ? begins[s] - work->slot->row : index,
        .m = extent == CAPPY_EACH_TOKEN ? begins[s + 1] - begins[s] : 1,
        .dropout = cappy_dropout_at(example, place, layer, 0, rate),
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
