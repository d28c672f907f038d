/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of a weight, dw += dy^T x, by the means of a forward product, in every kernel set
 * and either way that rows lie: dy transposed gives the rows, x folded the matrix, what was there
 * before is the residual. The tokens come in slots, each filled up, and the product in parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels.h"

enum { N = 64, K = 96, SLOTS = 3, PLACES = 608, PART = 512 };

static const size_t slots[SLOTS] = {512, 53, 30}; /* tokens; filled up 512, 64, 32 */

struct layer {
    cappy_precision precision;
    size_t n;
    size_t k;
    struct cappy_rows x[SLOTS];  /* [tokens, k] */
    struct cappy_rows dy[SLOTS]; /* [tokens, n] */
    struct cappy_rows rows;      /* [n, places] */
    struct cappy_matrix matrix;  /* [k, places] */
};

/* The operands, out of what is no number. */
static void open_layer(const struct cappy_kernels *kernels, struct layer *layer, bool in_blocks)
{
    for (size_t s = 0; s < SLOTS; s++) {
        layer->x[s] = random_rows_of(layer->precision, slots[s], layer->k, 1.0f, in_blocks);
        layer->dy[s] = random_rows_of(layer->precision, slots[s], layer->n, 1.0f, in_blocks);
    }
    float *w = random_floats(layer->k * PLACES);
    layer->rows = random_rows_of(layer->precision, layer->n, PLACES, NAN, in_blocks);
    layer->matrix = make_matrix(kernels, layer->precision, w, layer->k, PLACES);
    const size_t outputs = cappy_matrix_panels(&layer->matrix) * kernels->panel;
    memset(layer->matrix.packed, 0xff, outputs * layer->matrix.groups * sizeof(float));
    memset(layer->matrix.bias, 0, outputs * sizeof(float));
    cappy_free(w);
}

static void close_layer(struct layer *layer)
{
    for (size_t s = 0; s < SLOTS; s++) {
        cappy_free(layer->x[s].data);
        cappy_free(layer->dy[s].data);
    }
    cappy_free(layer->rows.data);
    free_matrix(&layer->matrix);
}

/* The rows from `place` on, a multiple of CAPPY_BLOCK. */
static struct cappy_rows rows_at(struct cappy_rows rows, size_t place)
{
    rows.data = number_place(&rows, 0, place);
    return rows;
}

static size_t groups_of(const struct layer *layer, size_t places)
{
    return layer->precision == CAPPY_PRECISION_BF16 ? places / 2 : places;
}

static void keep(const struct cappy_kernels *kernels, struct layer *layer)
{
    const size_t panels = cappy_matrix_panels(&layer->matrix);
    size_t place = 0;
    for (size_t s = 0; s < SLOTS; s++) {
        struct cappy_folding folding = {
            layer->x[s], slots[s], &layer->matrix, groups_of(layer, place), 0, 1};
        kernels->fold(&folding);
        folding.first_panel = 1;
        folding.last_panel = panels;
        kernels->fold(&folding);
        kernels->transpose(&(struct cappy_conversion){slots[s], layer->n, layer->dy[s],
                                                      rows_at(layer->rows, place)});
        place += (slots[s] + CAPPY_BLOCK - 1) / CAPPY_BLOCK * CAPPY_BLOCK;
    }
    assert_int_equal(place, PLACES);
}

static void multiply(const struct cappy_kernels *kernels, struct layer *layer, float *sum)
{
    const size_t panels = cappy_matrix_panels(&layer->matrix);
    float *sums = random_floats(panels * (layer->n + CAPPY_SLACK_ROWS) * kernels->panel);
    for (size_t place = 0; place < PLACES; place += PART) {
        const size_t end = place + PART < PLACES ? place + PART : PLACES;
        kernels->gemm(&(struct cappy_gemm){
            .matrix = &layer->matrix,
            .last_panel = panels,
            .first_group = groups_of(layer, place),
            .last_group = groups_of(layer, end),
            .m = layer->n,
            .x = rows_at(layer->rows, place),
            .y = {CAPPY_PRECISION_FP32, sum, layer->k * sizeof(float), NULL, 0},
            .epilogue = CAPPY_EPILOGUE_RESIDUAL,
            .residual = sum,
            .residual_stride = layer->k,
            .sums = sums,
        });
    }
    cappy_free(sums);
}

static void check_sums(const struct cappy_kernels *kernels, const struct layer *layer)
{
    float sums[N] = {0};
    kernels->sums_across(&(struct cappy_row_sums){layer->n, PLACES, layer->rows, sums});
    for (size_t j = 0; j < layer->n; j++) {
        double want = 0;
        for (size_t s = 0; s < SLOTS; s++) {
            for (size_t t = 0; t < slots[s]; t++) {
                want += number_at(&layer->dy[s], t, j);
            }
        }
        assert_float_equal(sums[j], want, 1e-4);
    }
}

static void check_layer(const struct cappy_kernels *kernels, struct layer layer, bool in_blocks)
{
    open_layer(kernels, &layer, in_blocks);
    float *before = random_floats(layer.n * layer.k);
    float *sum = random_floats(layer.n * layer.k);
    memcpy(sum, before, layer.n * layer.k * sizeof *sum);
    keep(kernels, &layer);
    multiply(kernels, &layer, sum);
    for (size_t j = 0; j < layer.n; j++) {
        for (size_t i = 0; i < layer.k; i++) {
            double want = (double)before[j * layer.k + i];
            for (size_t s = 0; s < SLOTS; s++) {
                for (size_t t = 0; t < slots[s]; t++) {
                    want += number_at(&layer.dy[s], t, j) * number_at(&layer.x[s], t, i);
                }
            }
            assert_float_equal(sum[j * layer.k + i], want, 5e-5);
        }
    }
    check_sums(kernels, &layer);
    cappy_free(before);
    cappy_free(sum);
    close_layer(&layer);
}

static void check_weight_gradient(const struct cappy_kernels *kernels)
{
    check_layer(kernels, (struct layer){.precision = CAPPY_PRECISION_FP32, .n = 29, .k = 70},
                false);
    check_layer(kernels, (struct layer){.precision = CAPPY_PRECISION_BF16, .n = 29, .k = 70},
                false);
    if (kernels->is_tiled) {
        check_layer(kernels, (struct layer){.precision = CAPPY_PRECISION_BF16, .n = N, .k = K},
                    true);
    }
}

static void test_weight_gradient(void **state)
{
    (void)state;
    for_each_set(check_weight_gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_weight_gradient)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
