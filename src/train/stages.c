/* SPDX-License-Identifier: Apache-2.0 */
#include "train/stages.h"

#include <math.h>
#include <string.h>

enum { ROW_BLOCK = 96, LINE = 64 };

void cappy_pass_wait(const struct cappy_pass *pass)
{
    if (pass->count > 1) {
#pragma omp barrier
    }
}

void cappy_pass_share(const struct cappy_pass *pass, size_t n, size_t *first, size_t *last)
{
    *first = n * pass->index / pass->count;
    *last = n * (pass->index + 1) / pass->count;
}

struct cappy_linear cappy_linear_at(const struct cappy_net *net, enum cappy_module module,
                                    size_t layer, size_t several)
{
    const struct cappy_module_shape shape = cappy_module_shape(net->config, module);
    return (struct cappy_linear){
        .weight = cappy_params_at(net->params, module, layer, false),
        .bias = cappy_params_at(net->params, module, layer, true),
        .n = several * shape.rows,
        .k = shape.columns,
    };
}

/* ---- Products ---- */

/* The right side of a product: number (j, i) is w[j * output_stride + i * input_stride]. */
struct operand {
    const float *w;
    const float *bias; /* [n]; NULL for none */
    size_t n;
    size_t k;
    size_t output_stride;
    size_t input_stride;
};

static struct cappy_rows rows_of(struct cappy_array array)
{
    return (struct cappy_rows){.precision = CAPPY_PRECISION_FP32,
                               .data = array.data,
                               .stride = array.stride * sizeof(float)};
}

static struct cappy_rows skip_rows(struct cappy_rows rows, size_t first)
{
    rows.data = (char *)rows.data + first * rows.stride;
    return rows;
}

/* One panel of y, rows [first, last): packed, then multiplied while it is in the cache. The weights
 * change with every step, so that packing them ahead saves little and costs their memory again. */
static void multiply_panel(const struct cappy_pass *pass, const struct operand *right, size_t panel,
                           size_t first, size_t last, struct cappy_rows x, struct cappy_array y,
                           struct cappy_array residual)
{
    const struct cappy_kernels *kernels = pass->net->kernels;
    const size_t width = kernels->panel;
    const size_t column = panel * width;
    float *scratch =
        (float *)(pass->net->memory.threads + pass->index * pass->net->memory.thread_size);
    struct cappy_matrix matrix = {
        .precision = x.precision,
        .n = right->n - column < width ? right->n - column : width,
        .k = right->k,
        .panel = width,
        .groups = cappy_row_size(x.precision, right->k) / sizeof(float),
        .bias = scratch,
        .packed = scratch + (width + LINE / sizeof(float) - 1) / (LINE / sizeof(float)) *
                                (LINE / sizeof(float)),
    };
    memset(matrix.bias, 0, width * sizeof(float));
    if (right->bias != NULL) {
        memcpy(matrix.bias, right->bias + column, matrix.n * sizeof(float));
    }
    kernels->pack(&(struct cappy_packing){right->w + column * right->output_stride,
                                          right->output_stride, right->input_stride, matrix.n,
                                          &matrix, 0});
    struct cappy_array to = {cappy_array_row(y, first) + column, y.stride};
    kernels->gemm(&(struct cappy_gemm){
        .matrix = &matrix,
        .first_panel = 0,
        .last_panel = 1,
        .m = last - first,
        .x = skip_rows(x, first),
        .y = rows_of(to),
        .epilogue = residual.data != NULL ? CAPPY_EPILOGUE_RESIDUAL : CAPPY_EPILOGUE_NONE,
        .residual = residual.data != NULL ? cappy_array_row(residual, first) + column : NULL,
        .residual_stride = residual.stride,
        .sums = (float *)matrix.packed + matrix.groups * width,
    });
}

/* y [m, n] = x [m, k] times the operand, + residual. Whole panels where there are enough of them
 * for the team, else blocks of their rows. */
static void multiply(const struct cappy_pass *pass, const struct operand *right, size_t m,
                     struct cappy_rows x, struct cappy_array y, struct cappy_array residual)
{
    const size_t width = pass->net->kernels->panel;
    const size_t panels = (right->n + width - 1) / width;
    const size_t blocks = panels >= 2 * pass->count ? 1 : (m + ROW_BLOCK - 1) / ROW_BLOCK;
    const size_t block = (m + blocks - 1) / blocks;
    size_t item;
    size_t end;
    cappy_pass_share(pass, panels * blocks, &item, &end);
    for (; item < end; item++) {
        const size_t first = item % blocks * block;
        const size_t last = m - first < block ? m : first + block;
        if (first < m) {
            multiply_panel(pass, right, item / blocks, first, last, x, y, residual);
        }
    }
    cappy_pass_wait(pass);
}

/* x [m, width] as rows for a product. */
static struct cappy_rows narrow(const struct cappy_pass *pass, cappy_precision precision, size_t m,
                                size_t width, struct cappy_array x)
{
    if (precision == CAPPY_PRECISION_FP32) {
        return rows_of(x);
    }
    const struct cappy_rows rows = {.precision = precision,
                                    .data = pass->net->memory.narrow,
                                    .stride = cappy_row_size(precision, width)};
    size_t first;
    size_t last;
    cappy_pass_share(pass, m, &first, &last);
    pass->net->kernels->convert(&(struct cappy_conversion){
        last - first, width, skip_rows(rows_of(x), first), skip_rows(rows, first)});
    cappy_pass_wait(pass);
    return rows;
}

/* The columns of x [m, width] as rows for a product, K = m. */
static struct cappy_rows transpose(const struct cappy_pass *pass, cappy_precision precision,
                                   size_t m, size_t width, struct cappy_array x)
{
    const size_t size = cappy_row_size(precision, m);
    const struct cappy_rows rows = {.precision = precision,
                                    .data = pass->net->memory.transposed,
                                    .stride = (size + LINE - 1) / LINE * LINE};
    size_t first;
    size_t last;
    cappy_pass_share(pass, width, &first, &last);
    const struct cappy_array part = {x.data + first, x.stride};
    pass->net->kernels->transpose(
        &(struct cappy_conversion){m, last - first, rows_of(part), skip_rows(rows, first)});
    cappy_pass_wait(pass);
    return rows;
}

void cappy_linear_apply(const struct cappy_pass *pass, const struct cappy_linear *linear,
                        cappy_precision precision, size_t m, struct cappy_array x,
                        struct cappy_array y, struct cappy_array residual)
{
    const float *weights = pass->net->weights;
    const struct operand right = {
        weights + linear->weight, weights + linear->bias, linear->n, linear->k, linear->k, 1};
    multiply(pass, &right, m, narrow(pass, precision, m, linear->k, x), y, residual);
}

void cappy_gradient_add(const struct cappy_pass *pass, size_t m, size_t width, struct cappy_array x,
                        float *sums)
{
    float *sum = (float *)(pass->net->memory.threads + pass->index * pass->net->memory.thread_size);
    size_t first;
    size_t last;
    cappy_pass_share(pass, width, &first, &last);
    memset(sum, 0, (last - first) * sizeof *sum);
    pass->net->kernels->row_sums(
        &(struct cappy_row_sums){m, last - first, x.data + first, x.stride, sum});
    for (size_t j = first; j < last; j++) {
        sums[j] += sum[j - first];
    }
}

void cappy_linear_gradient(const struct cappy_pass *pass, const struct cappy_linear *linear,
                           cappy_precision precision, size_t m, struct cappy_array x,
                           struct cappy_array dy, struct cappy_array dx,
                           struct cappy_array residual)
{
    struct cappy_net *net = pass->net;
    const size_t n = linear->n;
    const size_t k = linear->k;
    cappy_gradient_add(pass, m, n, dy, net->gradients + linear->bias);
    const struct operand inputs = {x.data, NULL, k, m, 1, x.stride};
    const struct cappy_array dw = {net->gradients + linear->weight, k};
    multiply(pass, &inputs, n, transpose(pass, precision, m, n, dy), dw, dw);
    if (dx.data != NULL) {
        const struct operand weights = {net->weights + linear->weight, NULL, k, n, 1, k};
        multiply(pass, &weights, m, narrow(pass, precision, m, n, dy), dx, residual);
    }
}

/* ---- Normalisation ---- */

void cappy_norm_forward(const struct cappy_pass *pass, enum cappy_module module, size_t layer,
                        size_t m, struct cappy_array x, struct cappy_array y)
{
    const struct cappy_net *net = pass->net;
    size_t first;
    size_t last;
    cappy_pass_share(pass, m, &first, &last);
    net->kernels->norm(&(struct cappy_norm){
        .m = last - first,
        .width = net->config->hidden_size,
        .x = cappy_array_row(x, first),
        .x_stride = x.stride,
        .y = cappy_array_row(y, first),
        .y_stride = y.stride,
        .weight = net->weights + cappy_params_at(net->params, module, layer, false),
        .bias = net->weights + cappy_params_at(net->params, module, layer, true),
        .epsilon = net->config->norm_epsilon,
    });
    cappy_pass_wait(pass);
}

void cappy_norm_backward(const struct cappy_pass *pass, enum cappy_module module, size_t layer,
                         size_t m, struct cappy_array x, struct cappy_array dy,
                         struct cappy_array dx)
{
    const struct cappy_net *net = pass->net;
    const size_t h = net->config->hidden_size;
    const size_t weight = cappy_params_at(net->params, module, layer, false);
    const size_t bias = cappy_params_at(net->params, module, layer, true);
    const size_t blocks = (m + CAPPY_NORM_BLOCK - 1) / CAPPY_NORM_BLOCK;
    float *partials = net->memory.partials;
    size_t first;
    size_t last;
    cappy_pass_share(pass, blocks, &first, &last);
    for (size_t block = first; block < last; block++) {
        const size_t row = block * CAPPY_NORM_BLOCK;
        float *partial = partials + block * 2 * h;
        memset(partial, 0, 2 * h * sizeof *partial);
        net->kernels->norm_gradient(&(struct cappy_norm_gradient){
            .m = m - row < CAPPY_NORM_BLOCK ? m - row : CAPPY_NORM_BLOCK,
            .width = h,
            .x = cappy_array_row(x, row),
            .x_stride = x.stride,
            .dy = cappy_array_row(dy, row),
            .dy_stride = dy.stride,
            .dx = cappy_array_row(dx, row),
            .dx_stride = dx.stride,
            .weight = net->weights + weight,
            .epsilon = net->config->norm_epsilon,
            .dweight = partial,
            .dbias = partial + h,
        });
    }
    cappy_pass_wait(pass);
    cappy_gradient_add(pass, blocks, h, (struct cappy_array){partials, 2 * h},
                       net->gradients + weight);
    cappy_gradient_add(pass, blocks, h, (struct cappy_array){partials + h, 2 * h},
                       net->gradients + bias);
    cappy_pass_wait(pass);
}

/* ---- Rows by themselves ---- */

void cappy_pass_activate(const struct cappy_pass *pass, size_t m, struct cappy_array x,
                         struct cappy_array dy, struct cappy_array y)
{
    static const enum cappy_epilogue functions[] = {
        [CAPPY_ACT_GELU_ERF] = CAPPY_EPILOGUE_GELU_ERF,
        [CAPPY_ACT_GELU_TANH] = CAPPY_EPILOGUE_GELU_TANH,
        [CAPPY_ACT_RELU] = CAPPY_EPILOGUE_RELU,
    };
    const struct cappy_net *net = pass->net;
    size_t first;
    size_t last;
    cappy_pass_share(pass, m, &first, &last);
    net->kernels->activation(&(struct cappy_activation){
        .function = functions[net->config->hidden_act],
        .m = last - first,
        .width = net->config->ffn_size,
        .x = cappy_array_row(x, first),
        .x_stride = x.stride,
        .dy = dy.data != NULL ? cappy_array_row(dy, first) : NULL,
        .dy_stride = dy.stride,
        .y = cappy_array_row(y, first),
        .y_stride = y.stride,
    });
    cappy_pass_wait(pass);
}

void cappy_array_copy(const struct cappy_pass *pass, size_t m, struct cappy_array from,
                      struct cappy_array to)
{
    const size_t size = pass->net->config->hidden_size * sizeof(float);
    size_t first;
    size_t last;
    cappy_pass_share(pass, m, &first, &last);
    for (size_t row = first; row < last; row++) {
        memcpy(cappy_array_row(to, row), cappy_array_row(from, row), size);
    }
    cappy_pass_wait(pass);
}

void cappy_array_add(const struct cappy_pass *pass, size_t m, struct cappy_array from,
                     struct cappy_array to)
{
    const size_t h = pass->net->config->hidden_size;
    size_t first;
    size_t last;
    cappy_pass_share(pass, m, &first, &last);
    for (size_t row = first; row < last; row++) {
        const float *restrict a = cappy_array_row(from, row);
        float *restrict b = cappy_array_row(to, row);
        for (size_t j = 0; j < h; j++) {
            b[j] += a[j];
        }
    }
    cappy_pass_wait(pass);
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

void cappy_array_drop(const struct cappy_pass *pass, enum cappy_place place, size_t layer,
                      uint32_t rate, bool first_only, struct cappy_array x)
{
    const struct cappy_net *net = pass->net;
    if (rate == 0 || !pass->train) {
        return;
    }
#pragma omp for schedule(dynamic, 1)
    for (size_t s = 0; s < pass->n; s++) {
        const struct cappy_example *example = &pass->examples[s];
        net->kernels->drop(&(struct cappy_dropping){
            .dropout = cappy_dropout_at(example, place, layer, 0, rate),
            .m = first_only ? 1 : example->n,
            .width = net->config->hidden_size,
            .x = cappy_array_row(x, first_only ? s : net->memory.begins[s]),
            .stride = x.stride,
        });
    }
}

/* ---- Attention ---- */

/* Head `head` of sequence `s`. */
static struct cappy_attention head_at(const struct cappy_pass *pass, size_t layer, bool first_only,
                                      size_t s, size_t head, const struct cappy_dropout *dropout)
{
    const struct cappy_net_memory *memory = &pass->net->memory;
    const struct cappy_trace *trace = &memory->traces[layer];
    const size_t h = pass->net->config->hidden_size;
    const size_t width = h / pass->net->config->n_heads;
    const size_t begin = memory->begins[s];
    const struct cappy_array queries = first_only ? memory->queries : trace->qkv;
    const float *kv = cappy_array_row(trace->qkv, begin) + head * width;
    return (struct cappy_attention){
        .precision = CAPPY_PRECISION_FP32, /* as its gradient */
        .n = pass->examples[s].n,
        .n_queries = first_only ? 1 : pass->examples[s].n,
        .width = width,
        .q = cappy_array_row(queries, first_only ? s : begin) + head * width,
        .q_stride = queries.stride,
        .k = kv + h,
        .v = kv + 2 * h,
        .kv_stride = trace->qkv.stride,
        .y = cappy_array_row(trace->context, first_only ? s : begin) + head * width,
        .y_stride = trace->context.stride,
        .scale = 1.0f / sqrtf((float)width),
        .scratch = (float *)(memory->threads + pass->index * memory->thread_size),
        .dropout = pass->train && dropout->threshold != 0 ? dropout : NULL,
    };
}

void cappy_attention_forward(const struct cappy_pass *pass, size_t layer, bool first_only)
{
    const struct cappy_net *net = pass->net;
    const size_t n_heads = net->config->n_heads;
#pragma omp for schedule(dynamic, 1)
    for (size_t item = 0; item < pass->n * n_heads; item++) {
        const size_t s = item / n_heads;
        const struct cappy_dropout dropout = cappy_dropout_at(
            &pass->examples[s], CAPPY_PLACE_ATTENTION, layer, item % n_heads, net->rates.attention);
        const struct cappy_attention head =
            head_at(pass, layer, first_only, s, item % n_heads, &dropout);
        net->kernels->attention(&head);
    }
}

void cappy_attention_backward(const struct cappy_pass *pass, size_t layer, bool first_only,
                              struct cappy_array d_queries)
{
    const struct cappy_net *net = pass->net;
    const struct cappy_net_memory *memory = &net->memory;
    const size_t h = net->config->hidden_size;
    const size_t n_heads = net->config->n_heads;
    const size_t width = h / n_heads;
#pragma omp for schedule(dynamic, 1)
    for (size_t item = 0; item < pass->n * n_heads; item++) {
        const size_t s = item / n_heads;
        const size_t at = item % n_heads * width;
        const size_t begin = memory->begins[s];
        const size_t row = first_only ? s : begin;
        const struct cappy_dropout dropout = cappy_dropout_at(
            &pass->examples[s], CAPPY_PLACE_ATTENTION, layer, item % n_heads, net->rates.attention);
        float *d_kv = cappy_array_row(memory->d_qkv, begin) + at;
        net->kernels->attention_gradient(&(struct cappy_attention_gradient){
            .head = head_at(pass, layer, first_only, s, item % n_heads, &dropout),
            .dy = cappy_array_row(memory->d_context, row) + at,
            .dy_stride = memory->d_context.stride,
            .dq = first_only ? cappy_array_row(d_queries, row) + at : d_kv,
            .dq_stride = first_only ? d_queries.stride : memory->d_qkv.stride,
            .dk = d_kv + h,
            .dv = d_kv + 2 * h,
            .dkv_stride = memory->d_qkv.stride,
        });
    }
}
