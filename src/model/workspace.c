/* SPDX-License-Identifier: Apache-2.0 */
/* The working memory of a pass: one allocation, laid out by one function, which counts first and
 * hands out parts then. */
#include <string.h>

#include "model/encoder.h"

enum { LINE = 64 };

/* Rows with one cache line beyond their own, so that rows of 4,096 bytes do not all fall into the
 * same cache sets; in blocks, with a few rows between them for the same reason. */
static struct cappy_rows take_rows(struct cappy_layout *layout, bool is_tiled,
                                   cappy_precision precision, size_t m, size_t width)
{
    struct cappy_rows rows = {.precision = precision};
    const size_t size = (cappy_row_size(precision, width) + LINE - 1) / LINE * LINE;
    if (is_tiled) {
        rows.stride = cappy_block_bytes(precision);
        rows.step = (m + CAPPY_SLACK_ROWS + 6) * rows.stride;
        rows.data = cappy_layout_take(layout, (size + rows.stride - 1) / rows.stride, rows.step);
    } else {
        rows.stride = size + LINE;
        rows.data = cappy_layout_take(layout, m + CAPPY_SLACK_ROWS, rows.stride);
    }
    if (precision == CAPPY_PRECISION_INT8) {
        rows.scales = cappy_layout_take(layout, m + CAPPY_SLACK_ROWS, sizeof *rows.scales);
    }
    return rows;
}

/* Rows as the matrices of a model read them: of an INT8 model, some do so in BF16. */
static struct cappy_rows take_narrow_rows(struct cappy_layout *layout, bool is_tiled,
                                          cappy_precision precision, size_t m, size_t width)
{
    struct cappy_rows rows = take_rows(layout, is_tiled, CAPPY_PRECISION_BF16, m, width);
    if (precision == CAPPY_PRECISION_INT8) {
        rows.scales = cappy_layout_take(layout, m + CAPPY_SLACK_ROWS, sizeof *rows.scales);
    }
    return rows;
}

/* The memory of other rows as m fp32 rows that do not lie in blocks. */
static struct cappy_rows reuse(const struct cappy_rows *rows, size_t width)
{
    return (struct cappy_rows){
        .precision = CAPPY_PRECISION_FP32, .data = rows->data, .stride = width * sizeof(float)};
}

static void lay_out(struct cappy_workspace *work, const struct cappy_model *model, size_t team,
                    struct cappy_layout *layout)
{
    const cappy_precision p = model->precision;
    const size_t t = work->capacity;
    const size_t h = model->config.hidden_size;
    const size_t f = model->config.ffn_size;
    const bool tiled = work->is_tiled;
    const cappy_precision attention = tiled ? CAPPY_PRECISION_BF16 : CAPPY_PRECISION_FP32;
    const cappy_precision ffn =
        p == CAPPY_PRECISION_FP32 ? CAPPY_PRECISION_FP32 : CAPPY_PRECISION_BF16;
    /* A team meets after each product, the fewer the better. */
    work->ffn_part = team == 1 && f > CAPPY_DOWN_PART ? CAPPY_DOWN_PART : f;
    work->hidden = take_rows(layout, tiled, CAPPY_PRECISION_FP32, t, h);
    work->qkv = take_rows(layout, tiled, attention, t, 3 * h);
    work->context = take_rows(layout, tiled, attention, t, h);
    work->queries = take_rows(layout, tiled, attention, t, h + model->kernels->panel);
    if (model->config.mask == CAPPY_MASK_PREFIX) {
        work->gathered_rows = t + CAPPY_SLACK_ROWS;
        work->gathered = take_rows(layout, tiled, attention, 2 * team * work->gathered_rows,
                                   h / model->config.n_heads);
    }
    work->ffn = take_rows(layout, tiled, ffn, t, work->ffn_part);
    work->narrow_hidden =
        p == CAPPY_PRECISION_FP32 ? work->hidden : take_narrow_rows(layout, tiled, p, t, h);
    work->narrow_context =
        p == work->context.precision ? work->context : take_narrow_rows(layout, tiled, p, t, h);
    work->narrow_ffn = work->ffn;
    if (p == CAPPY_PRECISION_INT8) {
        const size_t parts = (work->ffn_part + CAPPY_DOWN_PART - 1) / CAPPY_DOWN_PART;
        work->narrow_ffn = take_rows(layout, tiled, p, t, work->ffn_part);
        work->part_scales = t + CAPPY_SLACK_ROWS;
        work->narrow_ffn.scales =
            cappy_layout_take(layout, parts * work->part_scales, sizeof(float));
    }
    work->head_in = tiled ? reuse(&work->qkv, h) : work->hidden;
    work->head_out = tiled ? reuse(&work->hidden, h) : work->context;
    work->scratch_size = cappy_attention_scratch(t, h / model->config.n_heads);
    work->scratch_size = (work->scratch_size + LINE - 1) / LINE * LINE;
    work->scratch = cappy_layout_take(layout, team * work->scratch_size, sizeof *work->scratch);
    const size_t panel = model->kernels->panel;
    work->sums_size = (t + CAPPY_SLACK_ROWS) * panel;
    work->sums_size = work->sums_size > h ? work->sums_size : h;
    work->sums = cappy_layout_take(layout, team * work->sums_size, sizeof *work->sums);
    if (work->ffn_part < f) {
        const size_t panels = (h + panel - 1) / panel;
        work->part_sums =
            cappy_layout_take(layout, panels * (t + CAPPY_SLACK_ROWS) * panel, sizeof *work->sums);
    }
}

cappy_status cappy_workspace_init(struct cappy_workspace *workspace,
                                  const struct cappy_model *model, size_t capacity, size_t team,
                                  cappy_error *error)
{
    struct cappy_workspace new = {.capacity = capacity};
    const size_t width = model->config.hidden_size / model->config.n_heads;
    new.is_tiled = model->kernels->is_tiled &&
                   model->precision != CAPPY_PRECISION_FP32 &&width % CAPPY_BLOCK == 0 &&
                   model->config.ffn_size % CAPPY_BLOCK == 0;
    struct cappy_layout layout = {0};
    lay_out(&new, model, team, &layout);
    if (layout.overflow) {
        return cappy_error_no_memory(error);
    }
    new.memory = cappy_alloc_aligned(layout.size, 1);
    if (new.memory == NULL) {
        return cappy_error_no_memory(error);
    }
    layout = (struct cappy_layout){.memory = new.memory};
    lay_out(&new, model, team, &layout);
    if (new.ffn.precision != CAPPY_PRECISION_FP32 && !new.is_tiled) {
        /* A matrix product writes its own columns only: what fills its rows up stays zero. */
        memset(new.ffn.data, 0, capacity * new.ffn.stride);
    }
    cappy_workspace_free(workspace);
    *workspace = new;
    return CAPPY_OK;
}

void cappy_workspace_free(struct cappy_workspace *workspace)
{
    cappy_free(workspace->memory);
    *workspace = (struct cappy_workspace){0};
}
