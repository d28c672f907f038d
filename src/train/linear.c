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
        .layer = layer,
        .is_whole = name == CAPPY_LINEAR_QKV || (!is_head && !is_last),
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

size_t cappy_linear_desk(const struct cappy_net *net, size_t m)
{
    const size_t sums = (m + CAPPY_SLACK_ROWS) * net->kernels->panel;
    const size_t product = (panel_room(net, largest_side(net)) + sums) * sizeof(float) + 4 * LINE;
    const size_t gradient = cappy_linear_gradient_desk(net);
    return product > gradient ? product : gradient;
}

struct cappy_rows cappy_rows_right(struct cappy_rows rows, size_t first)
{
    rows.data = (char *)rows.data + (rows.step != 0 ? first / CAPPY_BLOCK * rows.step
                                                    : first * cappy_number_size(rows.precision));
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
    product.y = cappy_rows_right(product.y, first);
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
