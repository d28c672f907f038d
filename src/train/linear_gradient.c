/* SPDX-License-Identifier: Apache-2.0 */
/* The gradients of weights: products over all places of a pass, so that every sum is one chain in
 * the order of the slots, whichever thread makes it. */
#include "train/linear.h"

#include <string.h>

enum { LINE = 64 };

/* What is added up at a time stays in L2: the sums of a block of the gradient, and its operands at
 * so many places. A part of a product begins at a multiple of 256 groups, which is what CHUNK is in
 * either precision. */
enum { BLOCK_ROWS = 384, BLOCK_COLUMNS = 384, CHUNK = 512 };

/* ---- Operands ---- */

/* The operands of one linear layer. */
struct operands {
    struct cappy_rows rows;     /* [n, places], the transpose of dy */
    struct cappy_matrix matrix; /* its outputs are the columns of x, its inputs the places */
};

/* Places them from `at` on, and returns how many bytes they take. */
static size_t place_operands(const struct cappy_net *net, const struct cappy_linear *linear,
                             size_t places, char *at, struct operands *operands)
{
    const cappy_precision precision = linear->precision;
    const size_t rows = linear->n + CAPPY_SLACK_ROWS;
    const size_t size = places * cappy_number_size(precision);
    *operands = (struct operands){
        .rows = {.precision = precision, .data = at, .stride = size + LINE},
        .matrix = {.precision = precision,
                   .n = linear->k,
                   .k = places,
                   .panel = net->kernels->panel,
                   .groups = size / sizeof(float)},
    };
    size_t taken = rows * operands->rows.stride;
    if (net->is_tiled && precision == CAPPY_PRECISION_BF16) {
        operands->rows.stride = LINE;
        operands->rows.step = cappy_rows_apart(rows);
        taken = places / CAPPY_BLOCK * operands->rows.step;
    }
    operands->matrix.packed = at + taken;
    return taken + cappy_linear_panels(net, linear->k) * net->kernels->panel * size;
}

/* Those of the linear layers before it come first. */
static struct operands operands_of(const struct cappy_net *net, const struct cappy_linear *linear)
{
    const struct cappy_net_memory *memory = &net->memory;
    const bool is_head = linear->name >= CAPPY_LINEARS_IN_LAYER;
    struct operands operands;
    char *at = memory->operands;
    for (int name = is_head ? CAPPY_LINEARS_IN_LAYER : 0; name <= (int)linear->name; name++) {
        struct cappy_linear other;
        if (cappy_linear_at(net, linear->layer, (enum cappy_linear_name)name, &other)) {
            at += place_operands(
                net, &other, other.is_whole ? memory->places : memory->first_places, at, &operands);
        }
    }
    return operands;
}

size_t cappy_operands_size(const struct cappy_net *net, size_t places, size_t first_places)
{
    size_t largest = 0;
    /* The first layer, the last one, the head. */
    for (size_t kind = 0; kind < 3; kind++) {
        const size_t layer = kind == 1 ? net->config->n_layers - 1 : 0;
        const int end = kind == 2 ? CAPPY_LINEARS : CAPPY_LINEARS_IN_LAYER;
        size_t size = 0;
        for (int name = kind == 2 ? CAPPY_LINEARS_IN_LAYER : 0; name < end; name++) {
            struct cappy_linear linear;
            struct operands operands;
            if (cappy_linear_at(net, layer, (enum cappy_linear_name)name, &linear)) {
                size += place_operands(net, &linear, linear.is_whole ? places : first_places, NULL,
                                       &operands);
            }
        }
        largest = size > largest ? size : largest;
    }
    return largest;
}

/* The rows from `place` on. */
static struct cappy_rows rows_at(struct cappy_rows rows, size_t place)
{
    const size_t size = cappy_number_size(rows.precision);
    const size_t step = rows.step != 0 ? rows.step : CAPPY_BLOCK * size;
    rows.data = (char *)rows.data + place / CAPPY_BLOCK * step;
    return rows;
}

void cappy_linear_keep(const struct cappy_net *net, const struct cappy_slot *slot,
                       const struct cappy_linear *linear, size_t m, struct cappy_rows x,
                       struct cappy_rows dy)
{
    struct operands operands = operands_of(net, linear);
    const size_t place = linear->is_whole ? slot->place : slot->first_place;
    net->kernels->transpose(
        &(struct cappy_conversion){m, linear->n, dy, rows_at(operands.rows, place)});
    net->kernels->fold(&(struct cappy_folding){
        .x = x,
        .m = m,
        .matrix = &operands.matrix,
        .first_group = place * cappy_number_size(linear->precision) / sizeof(float),
        .last_panel = cappy_matrix_panels(&operands.matrix),
    });
}

/* ---- Adding up ---- */

/* A block of a weight's gradient: outputs [row, row + rows), inputs of panels [first, last). */
struct block {
    struct cappy_linear linear;
    size_t row;
    size_t rows;
    size_t first_panel;
    size_t last_panel;
};

size_t cappy_linear_gradient_desk(const struct cappy_net *net)
{
    const size_t panel = net->kernels->panel;
    const size_t panels = (BLOCK_COLUMNS + panel - 1) / panel;
    const size_t sums = panels * (BLOCK_ROWS + CAPPY_SLACK_ROWS) * panel;
    return (panels * panel + BLOCK_ROWS + sums) * sizeof(float) + 4 * LINE;
}

/* Adds the block to the gradient, and with the first one of its rows that of the bias. */
static void collect_block(struct cappy_net *net, const struct block *block, float *desk)
{
    const struct cappy_linear *linear = &block->linear;
    struct operands operands = operands_of(net, linear);
    struct cappy_matrix part = operands.matrix;
    const size_t panel = part.panel;
    const size_t column = block->first_panel * panel;
    float *bias = desk + (BLOCK_COLUMNS + panel - 1) / panel * panel; /* behind zeros */
    float *gradient = net->gradients + linear->weight + block->row * linear->k + column;
    part.packed = (float *)part.packed + column * part.groups;
    part.n = part.n - column;
    part.bias = desk;
    memset(desk, 0, (size_t)((char *)(bias + BLOCK_ROWS) - (char *)desk));
    struct cappy_rows x = operands.rows;
    x.data = (char *)x.data + block->row * x.stride;
    const size_t per_place = cappy_number_size(linear->precision);
    for (size_t place = 0; place < part.k; place += CHUNK) {
        const size_t end = part.k - place < CHUNK ? part.k : place + CHUNK;
        net->kernels->gemm(&(struct cappy_gemm){
            .matrix = &part,
            .last_panel = block->last_panel - block->first_panel,
            .first_group = place * per_place / sizeof(float),
            .last_group = end * per_place / sizeof(float),
            .m = block->rows,
            .x = rows_at(x, place),
            .y = {.precision = CAPPY_PRECISION_FP32,
                  .data = gradient,
                  .stride = linear->k * sizeof *gradient},
            .epilogue = CAPPY_EPILOGUE_RESIDUAL,
            .residual = gradient,
            .residual_stride = linear->k,
            .sums = bias + BLOCK_ROWS,
        });
        if (column == 0) {
            net->kernels->sums_across(
                &(struct cappy_row_sums){block->rows, end - place, rows_at(x, place), bias});
        }
    }
    for (size_t i = 0; column == 0 && i < block->rows; i++) {
        net->gradients[linear->bias + block->row + i] += bias[i];
    }
}

/* How a gradient [n, k] is cut: blocks of rows, and of panels. */
struct cuts {
    size_t rows;
    size_t panels;
    size_t down;
    size_t across;
};

static struct cuts cut(const struct cappy_net *net, const struct cappy_linear *linear)
{
    const size_t panels = cappy_linear_panels(net, linear->k);
    const size_t most = BLOCK_COLUMNS / net->kernels->panel;
    const size_t across = (panels + most - 1) / most;
    const size_t down = (linear->n + BLOCK_ROWS - 1) / BLOCK_ROWS;
    struct cuts cuts = {cappy_places((linear->n + down - 1) / down), (panels + across - 1) / across,
                        0, 0};
    cuts.down = (linear->n + cuts.rows - 1) / cuts.rows;
    cuts.across = (panels + cuts.panels - 1) / cuts.panels;
    return cuts;
}

/* Block number `item` of those of the linear layers from `name` on. */
static struct block find_block(const struct cappy_net *net, size_t layer, int name, size_t item)
{
    struct cappy_linear linear;
    struct cuts cuts;
    for (;; name++) {
        if (!cappy_linear_at(net, layer, (enum cappy_linear_name)name, &linear)) {
            continue;
        }
        cuts = cut(net, &linear);
        if (item < cuts.down * cuts.across) {
            break;
        }
        item -= cuts.down * cuts.across;
    }
    const size_t panels = cappy_linear_panels(net, linear.k);
    const size_t row = item / cuts.across * cuts.rows;
    const size_t panel = item % cuts.across * cuts.panels;
    return (struct block){
        .linear = linear,
        .row = row,
        .rows = linear.n - row < cuts.rows ? linear.n - row : cuts.rows,
        .first_panel = panel,
        .last_panel = panel + cuts.panels < panels ? panel + cuts.panels : panels,
    };
}

void cappy_linear_collect(struct cappy_net *net, size_t layer, enum cappy_linear_name first,
                          enum cappy_linear_name last, float *desk)
{
    size_t items = 0;
    for (int name = (int)first; name < (int)last; name++) {
        struct cappy_linear linear;
        if (cappy_linear_at(net, layer, (enum cappy_linear_name)name, &linear)) {
            const struct cuts cuts = cut(net, &linear);
            items += cuts.down * cuts.across;
        }
    }
#pragma omp for schedule(dynamic, 1)
    for (size_t item = 0; item < items; item++) {
        const struct block block = find_block(net, layer, (int)first, item);
        collect_block(net, &block, desk);
    }
}
