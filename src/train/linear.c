/* SPDX-License-Identifier: Apache-2.0 */
#include "train/linear.h"

#include <string.h>

enum { LINE = 64, FLOATS = LINE / sizeof(float) };

static size_t whole_lines(size_t bytes)
{
    return (bytes + LINE - 1) / LINE * LINE;
}

bool cappy_linear_at(const struct cappy_net *net, size_t layer, enum cappy_linear_name name,
                     struct cappy_linear *linear)
{
    static const enum cappy_module modules[CAPPY_LINEARS] = {
        [CAPPY_LINEAR_QKV] = CAPPY_MODULE_QUERY,
        [CAPPY_LINEAR_QUERY] = CAPPY_MODULE_QUERY,
        [CAPPY_LINEAR_OUTPUT] = CAPPY_MODULE_OUTPUT,
        [CAPPY_LINEAR_UP] = CAPPY_MODULE_UP,
        [CAPPY_LINEAR_DOWN] = CAPPY_MODULE_DOWN,
        [CAPPY_LINEAR_POOLER] = CAPPY_MODULE_POOLER,
        [CAPPY_LINEAR_CLASSIFIER] = CAPPY_MODULE_CLASSIFIER,
    };
    const bool is_head = name >= CAPPY_LINEARS_IN_LAYER;
    const bool is_last = layer + 1 == net->config->n_layers;
    enum cappy_module module = modules[name];
    size_t several = 1;
    if (name == CAPPY_LINEAR_QUERY && !is_last) {
        return false;
    }
    if (name == CAPPY_LINEAR_QKV) { /* the three, or the last two, lie together */
        module = is_last ? CAPPY_MODULE_KEY : CAPPY_MODULE_QUERY;
        several = is_last ? 2 : 3;
    }
    const struct cappy_module_shape shape = cappy_module_shape(net->config, module);
    *linear = (struct cappy_linear){
        .name = name,
        .precision = is_head ? CAPPY_PRECISION_FP32 : net->precision,
        .weight = cappy_params_at(net->params, module, is_head ? 0 : layer, false),
        .bias = cappy_params_at(net->params, module, is_head ? 0 : layer, true),
        .n = several * shape.rows,
        .k = shape.columns,
    };
    if (net->packed.matrices != NULL && !is_head) {
        const struct cappy_matrix *matrix =
            net->packed.matrices + 2 * (layer * CAPPY_LINEARS_IN_LAYER + name);
        linear->packed[0] = matrix;
        linear->packed[1] = matrix + 1;
    }
    return true;
}

/* ---- Packing ahead ---- */

/* An empty matrix [n, k] for the net's kernels, from *memory on, which is moved behind it; with
 * *memory NULL, *size alone grows. */
static struct cappy_matrix place_matrix(const struct cappy_net *net, size_t n, size_t k,
                                        char *memory, size_t *size)
{
    struct cappy_matrix matrix = {
        .precision = net->precision,
        .n = n,
        .k = k,
        .panel = net->kernels->panel,
        .groups = cappy_row_size(net->precision, k) / sizeof(float),
    };
    const size_t outputs = cappy_matrix_panels(&matrix) * matrix.panel;
    if (memory != NULL) {
        matrix.packed = memory + *size;
    }
    *size += whole_lines(outputs * matrix.groups * sizeof(float));
    if (memory != NULL) {
        matrix.bias = (float *)(memory + *size);
    }
    *size += whole_lines(outputs * sizeof(float));
    return matrix;
}

static size_t place_matrices(struct cappy_net *net, char *memory)
{
    size_t size = 0;
    for (size_t layer = 0; layer < net->config->n_layers; layer++) {
        for (int name = 0; name < CAPPY_LINEARS_IN_LAYER; name++) {
            struct cappy_linear linear;
            if (!cappy_linear_at(net, layer, (enum cappy_linear_name)name, &linear)) {
                continue;
            }
            for (size_t side = 0; side < 2; side++) {
                const struct cappy_matrix matrix =
                    place_matrix(net, side == 0 ? linear.n : linear.k,
                                 side == 0 ? linear.k : linear.n, memory, &size);
                if (memory != NULL) {
                    net->packed
                        .matrices[2 * (layer * CAPPY_LINEARS_IN_LAYER + (size_t)name) + side] =
                        matrix;
                }
            }
        }
    }
    return size;
}

cappy_status cappy_packed_reserve(struct cappy_net *net, cappy_error *error)
{
    /* In fp32 this would be eight bytes a parameter, and products are slow enough to pack their
     * panels as they go. */
    if (net->precision == CAPPY_PRECISION_FP32 || net->packed.memory != NULL) {
        return CAPPY_OK;
    }
    struct cappy_net_packed packed = {
        .memory = cappy_alloc_aligned(place_matrices(net, NULL), 1),
        .matrices = cappy_alloc(2 * net->config->n_layers * CAPPY_LINEARS_IN_LAYER,
                                sizeof *packed.matrices),
    };
    if (packed.memory == NULL || packed.matrices == NULL) {
        cappy_free(packed.memory);
        cappy_free(packed.matrices);
        return cappy_error_no_memory(error);
    }
    net->packed = packed;
    place_matrices(net, packed.memory);
    return CAPPY_OK;
}

/* Both sides of one linear layer. */
static void pack_linear(struct cappy_net *net, const struct cappy_linear *linear)
{
    const float *w = net->weights + linear->weight;
    for (size_t side = 0; side < 2; side++) {
        struct cappy_matrix matrix = *linear->packed[side];
        const size_t outputs = cappy_matrix_panels(&matrix) * matrix.panel;
        memset(matrix.bias, 0, outputs * sizeof(float));
        if (side == 0) {
            memcpy(matrix.bias, net->weights + linear->bias, linear->n * sizeof(float));
        }
        const size_t output_stride = side == 0 ? linear->k : 1;
        for (size_t panel = 0; panel < cappy_matrix_panels(&matrix); panel++) {
            const size_t first = panel * matrix.panel;
            net->kernels->pack(&(struct cappy_packing){
                w + first * output_stride, output_stride, side == 0 ? 1 : linear->k,
                matrix.n - first < matrix.panel ? matrix.n - first : matrix.panel, &matrix, panel});
        }
    }
}

void cappy_packed_fill(struct cappy_net *net)
{
    if (net->packed.memory == NULL || net->packed.is_current) {
        return;
    }
    const size_t n = net->config->n_layers * CAPPY_LINEARS_IN_LAYER;
#pragma omp parallel for num_threads((int)net->threads) schedule(dynamic, 1)
    for (size_t i = 0; i < n; i++) {
        struct cappy_linear linear;
        if (cappy_linear_at(net, i / CAPPY_LINEARS_IN_LAYER,
                            (enum cappy_linear_name)(i % CAPPY_LINEARS_IN_LAYER), &linear)) {
            pack_linear(net, &linear);
        }
    }
    net->packed.is_current = true;
}

/* ---- Products ---- */

/* Floats of a desk behind which a panel is packed as it is needed, and the sums of a product. */
static size_t panel_room(const struct cappy_net *net, size_t k)
{
    const size_t width = net->kernels->panel;
    return (width * (cappy_row_size(CAPPY_PRECISION_FP32, k) / sizeof(float)) + width +
            2 * (size_t)FLOATS) /
           FLOATS * FLOATS;
}

static size_t largest_side(const struct cappy_net *net)
{
    const struct cappy_config *config = net->config;
    size_t side = 3 * config->hidden_size;
    side = config->ffn_size > side ? config->ffn_size : side;
    return config->n_labels > side ? config->n_labels : side;
}

/* The block of a weight gradient that is added up at a time: within L2 for the usual shapes. */
enum { BLOCK_ROWS = 256, BLOCK_COLUMNS = 1536, BLOCK_STRIDE = BLOCK_COLUMNS + LINE / 4 };

size_t cappy_linear_desk(const struct cappy_net *net, size_t m)
{
    const size_t width = net->kernels->panel;
    const size_t rows = m > BLOCK_ROWS ? m : BLOCK_ROWS;
    const size_t sums = (rows + CAPPY_SLACK_ROWS) * width;
    const size_t product = panel_room(net, largest_side(net)) + sums;
    const size_t gradient = BLOCK_ROWS * BLOCK_STRIDE + BLOCK_ROWS + BLOCK_COLUMNS + sums;
    return (product > gradient ? product : gradient) * sizeof(float) + 4 * LINE;
}

static struct cappy_rows move_columns(struct cappy_rows rows, size_t columns)
{
    rows.data =
        (char *)rows.data +
        columns * (rows.precision == CAPPY_PRECISION_BF16 ? sizeof(uint16_t) : sizeof(float));
    return rows;
}

size_t cappy_linear_panels(const struct cappy_net *net, size_t outputs)
{
    return (outputs + net->kernels->panel - 1) / net->kernels->panel;
}

/* One panel, packed into the desk and multiplied. */
static void multiply_unpacked(const struct cappy_net *net, const struct cappy_linear *linear,
                              int side, float *desk, struct cappy_gemm product, size_t panel)
{
    const size_t width = net->kernels->panel;
    const size_t first = panel * width;
    const size_t n = side == 0 ? linear->n : linear->k;
    const size_t k = side == 0 ? linear->k : linear->n;
    const size_t output_stride = side == 0 ? linear->k : 1;
    struct cappy_matrix matrix = {
        .precision = linear->precision,
        .n = n - first < width ? n - first : width,
        .k = k,
        .panel = width,
        .groups = cappy_row_size(linear->precision, k) / sizeof(float),
        .bias = desk,
        .packed = desk + (width + FLOATS - 1) / FLOATS * FLOATS,
    };
    memset(matrix.bias, 0, width * sizeof(float));
    if (side == 0) {
        memcpy(matrix.bias, net->weights + linear->bias + first, matrix.n * sizeof(float));
    }
    net->kernels->pack(
        &(struct cappy_packing){net->weights + linear->weight + first * output_stride,
                                output_stride, side == 0 ? 1 : linear->k, matrix.n, &matrix, 0});
    product.matrix = &matrix;
    product.first_panel = 0;
    product.last_panel = 1;
    product.y = move_columns(product.y, first);
    product.residual = product.residual != NULL ? product.residual + first : NULL;
    net->kernels->gemm(&product);
}

static void multiply(const struct cappy_net *net, const struct cappy_linear *linear, int side,
                     float *desk, struct cappy_gemm product)
{
    product.sums = desk + panel_room(net, largest_side(net));
    if (product.m == 0) {
        return;
    }
    if (linear->packed[side] != NULL) {
        product.matrix = linear->packed[side];
        net->kernels->gemm(&product);
        return;
    }
    for (size_t panel = product.first_panel; panel < product.last_panel; panel++) {
        multiply_unpacked(net, linear, side, desk, product, panel);
    }
}

void cappy_linear_apply(const struct cappy_net *net, const struct cappy_linear *linear, float *desk,
                        size_t m, struct cappy_rows x, struct cappy_rows y, size_t first_panel,
                        size_t last_panel)
{
    multiply(net, linear, 0, desk,
             (struct cappy_gemm){.first_panel = first_panel,
                                 .last_panel = last_panel,
                                 .m = m,
                                 .x = x,
                                 .y = y,
                                 .epilogue = CAPPY_EPILOGUE_NONE});
}

void cappy_linear_undo(const struct cappy_net *net, const struct cappy_linear *linear, float *desk,
                       size_t m, struct cappy_rows dy, struct cappy_rows dx,
                       struct cappy_array residual)
{
    multiply(net, linear, 1, desk,
             (struct cappy_gemm){
                 .last_panel = cappy_linear_panels(net, linear->k),
                 .m = m,
                 .x = dy,
                 .y = dx,
                 .epilogue = residual.data != NULL ? CAPPY_EPILOGUE_RESIDUAL : CAPPY_EPILOGUE_NONE,
                 .residual = residual.data,
                 .residual_stride = residual.stride,
             });
}

/* ---- The gradient of weights ---- */

/* Bytes between the rows of a transpose of m rows: not a multiple of 4,096. */
static size_t transposed_stride(cappy_precision precision, size_t m)
{
    return whole_lines(cappy_row_size(precision, m)) + LINE;
}

size_t cappy_operands_size(const struct cappy_net *net, size_t tokens, size_t n)
{
    const struct cappy_config *config = net->config;
    const size_t h = config->hidden_size;
    const size_t sides = (9 + 3) * h + 2 * config->ffn_size + config->n_labels +
                         2 * CAPPY_LINEARS * (net->kernels->panel + CAPPY_SLACK_ROWS);
    const size_t wide = transposed_stride(CAPPY_PRECISION_FP32, n);
    const size_t narrow = transposed_stride(net->precision, tokens);
    return sides * (wide + narrow);
}

/* The operands of one linear layer in a slot. */
struct operands {
    struct cappy_rows rows;     /* [n, m], the transpose of dy */
    struct cappy_matrix matrix; /* outputs are the columns of x, inputs its rows */
};

/* Those of all linear layers before it in the layer come first, each as large as it is for as many
 * rows as the slot has tokens. */
static struct operands place_operands(const struct cappy_net *net, const struct cappy_slot *slot,
                                      const struct cappy_linear *linear, size_t m)
{
    const size_t h = net->config->hidden_size;
    const size_t f = net->config->ffn_size;
    const size_t gap = net->kernels->panel + CAPPY_SLACK_ROWS;
    const size_t sides[CAPPY_LINEARS] = {
        [CAPPY_LINEAR_QKV] = 4 * h,
        [CAPPY_LINEAR_QUERY] = 2 * h,
        [CAPPY_LINEAR_OUTPUT] = 2 * h,
        [CAPPY_LINEAR_UP] = h + f,
        [CAPPY_LINEAR_DOWN] = h + f,
        [CAPPY_LINEAR_POOLER] = 2 * h,
        [CAPPY_LINEAR_CLASSIFIER] = h + net->config->n_labels,
    };
    const bool is_head = linear->name >= CAPPY_LINEARS_IN_LAYER;
    const size_t side = transposed_stride(linear->precision, is_head ? slot->n : slot->tokens);
    char *at = net->memory.operands + slot->operands;
    for (int i = is_head ? CAPPY_LINEARS_IN_LAYER : 0; i < (int)linear->name; i++) {
        at += (sides[i] + 2 * gap) * side;
    }
    const size_t stride = transposed_stride(linear->precision, m);
    return (struct operands){
        .rows = {.precision = linear->precision, .data = at, .stride = stride},
        .matrix = {.precision = linear->precision,
                   .n = linear->k,
                   .k = m,
                   .panel = net->kernels->panel,
                   .groups = cappy_row_size(linear->precision, m) / sizeof(float),
                   .packed = at + (linear->n + CAPPY_SLACK_ROWS) * stride},
    };
}

void cappy_linear_keep(const struct cappy_net *net, const struct cappy_slot *slot,
                       const struct cappy_linear *linear, size_t m, struct cappy_rows x,
                       struct cappy_rows dy)
{
    struct operands operands = place_operands(net, slot, linear, m);
    net->kernels->transpose(&(struct cappy_conversion){m, linear->n, dy, operands.rows});
    net->kernels->fold(
        &(struct cappy_folding){x, &operands.matrix, 0, cappy_matrix_panels(&operands.matrix)});
}

/* A block of a weight's gradient: outputs [row, row + rows), inputs of panels [first, last). */
struct block {
    struct cappy_linear linear;
    size_t layer;
    size_t row;
    size_t rows;
    size_t first_panel;
    size_t last_panel;
};

/* sums[rows][stride] = the block, from all slots in their order; with it, if it is the first of its
 * rows, the gradient of the bias. */
static void add_up(const struct cappy_net *net, const struct block *block, float *sums,
                   size_t stride, float *bias, float *desk)
{
    const struct cappy_linear *linear = &block->linear;
    const bool is_whole =
        linear->name == CAPPY_LINEAR_QKV ||
        (linear->name < CAPPY_LINEARS_IN_LAYER && block->layer + 1 < net->config->n_layers);
    float *zeros = desk; /* what the kernels take for a bias */
    memset(zeros, 0, BLOCK_COLUMNS * sizeof *zeros);
    for (size_t s = 0; s < net->memory.n_slots; s++) {
        const struct cappy_slot *slot = &net->memory.slots[s];
        struct operands operands =
            place_operands(net, slot, linear, is_whole ? slot->tokens : slot->n);
        struct cappy_matrix part = operands.matrix;
        const size_t column = block->first_panel * part.panel;
        part.packed = (float *)part.packed + column * part.groups;
        part.n = part.n - column;
        part.bias = zeros;
        struct cappy_rows x = operands.rows;
        x.data = (char *)x.data + block->row * x.stride;
        net->kernels->gemm(&(struct cappy_gemm){
            .matrix = &part,
            .last_panel = block->last_panel - block->first_panel,
            .m = block->rows,
            .x = x,
            .y = {.precision = CAPPY_PRECISION_FP32, .data = sums, .stride = stride * sizeof *sums},
            .epilogue = s != 0 ? CAPPY_EPILOGUE_RESIDUAL : CAPPY_EPILOGUE_NONE,
            .residual = sums,
            .residual_stride = stride,
            .sums = zeros + BLOCK_COLUMNS,
        });
        if (block->first_panel == 0) {
            net->kernels->sums_across(
                &(struct cappy_row_sums){block->rows, operands.matrix.k, x, bias});
        }
    }
}

static void collect_block(struct cappy_net *net, const struct block *block, float *desk)
{
    const struct cappy_linear *linear = &block->linear;
    const size_t panel = net->kernels->panel;
    const size_t column = block->first_panel * panel;
    const size_t end =
        block->last_panel * panel < linear->k ? block->last_panel * panel : linear->k;
    const size_t stride = BLOCK_STRIDE;
    float *sums = desk;
    float *bias = sums + BLOCK_ROWS * stride;
    memset(bias, 0, BLOCK_ROWS * sizeof *bias);
    add_up(net, block, sums, stride, bias, bias + BLOCK_ROWS);
    for (size_t i = 0; i < block->rows; i++) {
        float *restrict gradient =
            net->gradients + linear->weight + (block->row + i) * linear->k + column;
        const float *restrict from = sums + i * stride;
        for (size_t j = 0; j < end - column; j++) {
            gradient[j] += from[j];
        }
        if (column == 0) {
            net->gradients[linear->bias + block->row + i] += bias[i];
        }
    }
}

/* How a gradient [n, k] is cut: blocks of rows, and of panels. */
struct cuts {
    size_t rows;
    size_t panels;
    size_t blocks;
};

static struct cuts cut(const struct cappy_net *net, const struct cappy_linear *linear)
{
    const size_t panels = cappy_linear_panels(net, linear->k);
    const size_t most = BLOCK_COLUMNS / net->kernels->panel;
    const size_t across = (panels + most - 1) / most;
    const size_t down = (linear->n + BLOCK_ROWS - 1) / BLOCK_ROWS;
    return (struct cuts){(linear->n + down - 1) / down, (panels + across - 1) / across,
                         down * across};
}

void cappy_linear_collect(struct cappy_net *net, size_t layer, enum cappy_linear_name first,
                          enum cappy_linear_name last, float *desk)
{
    size_t items = 0;
    struct cappy_linear linear;
    for (int name = (int)first; name < (int)last; name++) {
        items += cappy_linear_at(net, layer, (enum cappy_linear_name)name, &linear)
                     ? cut(net, &linear).blocks
                     : 0;
    }
#pragma omp for schedule(dynamic, 1)
    for (size_t i = 0; i < items; i++) {
        size_t item = i;
        int name = (int)first;
        struct cuts cuts;
        for (;; name++) {
            if (!cappy_linear_at(net, layer, (enum cappy_linear_name)name, &linear)) {
                continue;
            }
            cuts = cut(net, &linear);
            if (item < cuts.blocks) {
                break;
            }
            item -= cuts.blocks;
        }
        const size_t panels = cappy_linear_panels(net, linear.k);
        const size_t across = (panels + cuts.panels - 1) / cuts.panels;
        const size_t row = item / across * cuts.rows;
        const size_t panel = item % across * cuts.panels;
        if (row < linear.n) {
            collect_block(
                net,
                &(struct block){
                    .linear = linear,
                    .layer = layer,
                    .row = row,
                    .rows = linear.n - row < cuts.rows ? linear.n - row : cuts.rows,
                    .first_panel = panel,
                    .last_panel = panel + cuts.panels < panels ? panel + cuts.panels : panels,
                },
                desk);
        }
    }
}
