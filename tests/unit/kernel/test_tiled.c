/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that lie in blocks, where a set takes them: the same bits as from rows that do not; products
 * with K in parts, of every set; and attention over blocks, against plain loops in double and each
 * query alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels.h"

/* Rows in blocks, filled with NaN. */
static struct cappy_rows make_blocks(cappy_precision precision, size_t m, size_t width)
{
    struct cappy_rows rows = {precision, NULL, cappy_block_bytes(precision), NULL, 0};
    const size_t blocks = (cappy_row_size(precision, width) + rows.stride - 1) / rows.stride;
    rows.step = (m + CAPPY_SLACK_ROWS + 3) * rows.stride;
    rows.data = cappy_alloc_aligned(blocks, rows.step);
    rows.scales = cappy_alloc(m, sizeof(float));
    assert_non_null(rows.data);
    memset(rows.data, 0xff, blocks * rows.step);
    return rows;
}

static void free_rows(struct cappy_rows *rows)
{
    cappy_free(rows->data);
    cappy_free(rows->scales);
}

static void assert_same_rows(const struct cappy_rows *a, const struct cappy_rows *b, size_t m,
                             size_t width)
{
    const size_t size = a->precision == CAPPY_PRECISION_FP32   ? 4
                        : a->precision == CAPPY_PRECISION_BF16 ? 2
                                                               : 1;
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < width; j++) {
            assert_memory_equal(number_place(a, i, j), number_place(b, i, j), size);
        }
        if (a->precision == CAPPY_PRECISION_INT8) {
            assert_float_equal(a->scales[i], b->scales[i], 0.0f);
        }
    }
}

/* ---- Products ---- */

static struct cappy_matrix make_random_matrix(const struct cappy_kernels *kernels,
                                              cappy_precision precision, size_t n, size_t k)
{
    float *w = random_floats(n * k);
    const struct cappy_matrix matrix = make_matrix(kernels, precision, w, n, k);
    cappy_free(w);
    return matrix;
}

/* The product from and to blocks, beside that of the same rows side by side. */
static void check_blocks_case(const struct cappy_kernels *kernels, cappy_precision precision,
                              enum cappy_epilogue epilogue, cappy_precision result, size_t m)
{
    enum { N = 96, K = 384 };
    struct cappy_matrix matrix = make_random_matrix(kernels, precision, N, K);
    float *numbers = random_rows(m, K, K + 3);
    struct cappy_rows fp32 = {CAPPY_PRECISION_FP32, numbers, (K + 3) * sizeof(float), NULL, 0};
    struct cappy_rows x = make_rows(kernels, precision, numbers, m, K, K + 3);
    struct cappy_rows x_blocks = make_blocks(precision, m, K);
    kernels->convert(&(struct cappy_conversion){m, K, fp32, x_blocks});
    assert_same_rows(&x, &x_blocks, m, K);

    float *residual = random_rows(m, N, N);
    struct cappy_rows plain = {CAPPY_PRECISION_FP32, residual, N * sizeof(float), NULL, 0};
    struct cappy_rows residual_blocks = make_blocks(CAPPY_PRECISION_FP32, m, N);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < N; j++) {
            memcpy(number_place(&residual_blocks, i, j), number_place(&plain, i, j), sizeof(float));
        }
    }
    struct cappy_rows y = {result, random_floats(m * N), N * sizeof(float), NULL, 0};
    struct cappy_rows y_blocks = make_blocks(result, m, N);
    float *sums = random_floats((m + CAPPY_SLACK_ROWS) * kernels->panel);
    struct cappy_gemm gemm = {
        .matrix = &matrix,
        .last_panel = cappy_matrix_panels(&matrix),
        .m = m,
        .x = x,
        .y = y,
        .epilogue = epilogue,
        .residual = residual,
        .residual_stride = N,
        .sums = sums,
    };
    kernels->gemm(&gemm);
    gemm.x = x_blocks;
    gemm.y = y_blocks;
    gemm.residual = residual_blocks.data;
    gemm.residual_stride = residual_blocks.stride / sizeof(float);
    gemm.residual_step = residual_blocks.step / sizeof(float);
    kernels->gemm(&gemm);
    assert_same_rows(&y, &y_blocks, m, N);
    free_matrix(&matrix);
    cappy_free(numbers);
    free_rows(&x);
    free_rows(&x_blocks);
    cappy_free(residual);
    free_rows(&residual_blocks);
    free_rows(&y);
    free_rows(&y_blocks);
    cappy_free(sums);
}

static void check_blocks(const struct cappy_kernels *kernels)
{
    static const size_t rows[] = {1, 31, 33, 64, 100};
    for (size_t i = 0; kernels->is_tiled && i < sizeof rows / sizeof rows[0]; i++) {
        for (enum cappy_epilogue e = CAPPY_EPILOGUE_NONE; e <= CAPPY_EPILOGUE_RESIDUAL; e++) {
            for (size_t p = 1; p < 3; p++) {
                check_blocks_case(kernels, precisions[p], e, CAPPY_PRECISION_FP32, rows[i]);
                check_blocks_case(kernels, precisions[p], e, CAPPY_PRECISION_BF16, rows[i]);
            }
        }
    }
}

static void test_blocks(void **state)
{
    (void)state;
    for_each_set(check_blocks);
}

/* K at once, and in parts of 256 groups each of which comes as rows of its own. */
static void check_parts_case(const struct cappy_kernels *kernels, cappy_precision precision,
                             size_t m)
{
    enum { N = 80, PART = 256, GROUPS = 2 * PART + 96 };
    const size_t numbers = precision == CAPPY_PRECISION_FP32 ? 1 : 2; /* in a group */
    const size_t k = GROUPS * numbers;
    struct cappy_matrix matrix = make_random_matrix(kernels, precision, N, k);
    float *source = random_rows(m, k, k);
    struct cappy_rows x = make_rows(kernels, precision, source, m, k, k);
    float *whole = random_floats(m * N);
    float *parts = random_floats(m * N);
    const size_t panels = cappy_matrix_panels(&matrix);
    float *sums = random_floats((m + CAPPY_SLACK_ROWS) * kernels->panel * panels);
    struct cappy_gemm gemm = {
        .matrix = &matrix,
        .last_panel = panels,
        .m = m,
        .x = x,
        .y = {CAPPY_PRECISION_FP32, whole, N * sizeof(float), NULL, 0},
        .epilogue = CAPPY_EPILOGUE_GELU_ERF,
        .sums = sums,
    };
    kernels->gemm(&gemm);
    gemm.y.data = parts;
    for (size_t first = 0; first < GROUPS; first += PART) {
        gemm.first_group = first;
        gemm.last_group = GROUPS - first < PART ? GROUPS : first + PART;
        gemm.x.data = (char *)x.data + first * 4;
        kernels->gemm(&gemm);
    }
    assert_memory_equal(whole, parts, m * N * sizeof(float));
    free_matrix(&matrix);
    cappy_free(source);
    if (x.data != source) {
        free_rows(&x);
    }
    cappy_free(whole);
    cappy_free(parts);
    cappy_free(sums);
}

static void check_parts(const struct cappy_kernels *kernels)
{
    static const size_t rows[] = {1, 12, 45};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_parts_case(kernels, CAPPY_PRECISION_FP32, rows[i]);
        check_parts_case(kernels, CAPPY_PRECISION_BF16, rows[i]);
    }
}

static void test_parts(void **state)
{
    (void)state;
    for_each_set(check_parts);
}

/* ---- Norm and conversion ---- */

static void check_norm_blocks(const struct cappy_kernels *kernels)
{
    enum { M = 5, WIDTH = 192 };
    if (!kernels->is_tiled) {
        return;
    }
    float *x = random_rows(M, WIDTH, WIDTH);
    float *y = random_rows(M, 0, WIDTH);
    float *weight = random_floats(WIDTH);
    float *bias = random_floats(WIDTH);
    struct cappy_rows plain = {CAPPY_PRECISION_FP32, y, WIDTH * sizeof(float), NULL, 0};
    for (size_t p = 1; p < 3; p++) {
        struct cappy_rows narrow = {precisions[p], NULL, cappy_row_size(precisions[p], WIDTH), NULL,
                                    0};
        narrow.data = cappy_alloc_aligned(M, narrow.stride);
        narrow.scales = cappy_alloc(M, sizeof(float));
        struct cappy_rows blocks = make_blocks(CAPPY_PRECISION_FP32, M, WIDTH);
        struct cappy_rows narrow_blocks = make_blocks(precisions[p], M, WIDTH);
        struct cappy_norm norm = {M, WIDTH, x, WIDTH, y, WIDTH, weight, bias, 1e-5f, narrow, 0, 0};
        kernels->norm(&norm);
        norm.y = blocks.data;
        norm.y_stride = blocks.stride / sizeof(float);
        norm.y_step = blocks.step / sizeof(float);
        norm.rows = narrow_blocks;
        kernels->norm(&norm);
        assert_same_rows(&plain, &blocks, M, WIDTH);
        assert_same_rows(&narrow, &narrow_blocks, M, WIDTH);
        /* From blocks to blocks, in place: the same as from its result. */
        norm.x = y;
        norm.rows = narrow;
        norm.y = y;
        norm.y_stride = WIDTH;
        norm.y_step = 0;
        kernels->norm(&norm);
        norm.x = blocks.data;
        norm.x_stride = blocks.stride / sizeof(float);
        norm.x_step = blocks.step / sizeof(float);
        norm.y = blocks.data;
        norm.y_stride = norm.x_stride;
        norm.y_step = norm.x_step;
        norm.rows = narrow_blocks;
        kernels->norm(&norm);
        assert_same_rows(&plain, &blocks, M, WIDTH);
        assert_same_rows(&narrow, &narrow_blocks, M, WIDTH);
        free_rows(&narrow);
        free_rows(&blocks);
        free_rows(&narrow_blocks);
    }
    cappy_free(x);
    cappy_free(y);
    cappy_free(weight);
    cappy_free(bias);
}

static void test_norm_blocks(void **state)
{
    (void)state;
    for_each_set(check_norm_blocks);
}

/* Rows of bf16 to int8: from blocks the same as side by side, however many rows there are; zeros, a
 * largest number that is negative, and widths that end within a block too. */
static void check_conversion_blocks(const struct cappy_kernels *kernels)
{
    enum { M = 21 };
    static const size_t widths[] = {64, 192, 200, 1024};
    for (size_t i = 0; kernels->is_tiled && i < sizeof widths / sizeof widths[0]; i++) {
        const size_t width = widths[i];
        float *numbers = random_rows(M, width, width);
        memset(numbers + 3 * width, 0, width * sizeof *numbers);
        numbers[9 * width + 5] = -50;
        const struct cappy_rows fp32 = {CAPPY_PRECISION_FP32, numbers, width * sizeof(float), NULL,
                                        0};
        struct cappy_rows x = make_rows(kernels, CAPPY_PRECISION_BF16, numbers, M, width, width);
        struct cappy_rows y = {CAPPY_PRECISION_INT8, NULL,
                               cappy_row_size(CAPPY_PRECISION_INT8, width),
                               cappy_alloc(M, sizeof(float)), 0};
        y.data = cappy_alloc_aligned(M, y.stride);
        kernels->convert(&(struct cappy_conversion){M, width, x, y});
        struct cappy_rows x_blocks = make_blocks(CAPPY_PRECISION_BF16, M, width);
        kernels->convert(&(struct cappy_conversion){M, width, fp32, x_blocks});
        for (size_t m = 1; m <= M; m += 4) {
            struct cappy_rows y_blocks = make_blocks(CAPPY_PRECISION_INT8, M, width);
            kernels->convert(&(struct cappy_conversion){m, width, x_blocks, y_blocks});
            assert_same_rows(&y, &y_blocks, m, width);
            free_rows(&y_blocks);
        }
        cappy_free(numbers);
        free_rows(&x);
        free_rows(&x_blocks);
        free_rows(&y);
    }
}

static void test_conversion_blocks(void **state)
{
    (void)state;
    for_each_set(check_conversion_blocks);
}

/* ---- Attention ---- */

/* softmax(scale q k^T) v of query i, number d of head `head`. */
static double expected_attention(const struct cappy_rows *qkv, size_t n, size_t width,
                                 size_t columns, size_t head, size_t i, size_t d, double scale)
{
    double sum = 0;
    double y = 0;
    for (size_t j = 0; j < n; j++) {
        double dot = 0;
        for (size_t c = 0; c < width; c++) {
            dot +=
                number_at(qkv, i, head * width + c) * number_at(qkv, j, columns + head * width + c);
        }
        const double weight = exp(dot * scale);
        sum += weight;
        y += weight * number_at(qkv, j, 2 * columns + head * width + d);
    }
    return y / sum;
}

/* The keys of tokens from 128 on are so many times as large: with their scores, softmax has to
 * begin anew. */
static void check_attention_case(const struct cappy_kernels *kernels, size_t n, size_t width,
                                 float later)
{
    enum { HEADS = 2 };
    const size_t columns = HEADS * width;
    const double scale = 3.0 / sqrt((double)width);
    struct cappy_rows qkv = make_blocks(CAPPY_PRECISION_BF16, n, 3 * columns);
    struct cappy_rows y = make_blocks(CAPPY_PRECISION_BF16, n, columns);
    struct cappy_rows alone = make_blocks(CAPPY_PRECISION_BF16, 1, columns);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < 3 * columns; j++) {
            const bool is_later = i >= 128 && j / columns == 1;
            const float x = to_bf16(random_float() * (is_later ? later : 1));
            memcpy(number_place(&qkv, i, j), (const char *)&x + 2, 2);
        }
    }
    const size_t room = cappy_attention_scratch(n, width);
    float *scratch = random_floats(room);
    memset(scratch, 0xff, room * sizeof(float)); /* what it held before must not matter */
    struct cappy_tiled_attention heads = {
        .n = n,
        .n_queries = n,
        .n_heads = HEADS,
        .width = width,
        .q = qkv.data,
        .q_step = qkv.step,
        .k = number_place(&qkv, 0, columns),
        .v = number_place(&qkv, 0, 2 * columns),
        .kv_step = qkv.step,
        .y = y.data,
        .y_step = y.step,
        .scale = (float)scale,
        .scratch = scratch,
    };
    kernels->attention_tiled(&heads);
    heads.n_queries = 1;
    heads.y = alone.data;
    heads.y_step = alone.step;
    for (size_t i = 0; i < n; i++) {
        heads.q = number_place(&qkv, i, 0);
        kernels->attention_tiled(&heads);
        for (size_t j = 0; j < columns; j++) {
            assert_memory_equal(number_place(&alone, 0, j), number_place(&y, i, j), 2);
        }
        for (size_t j = 0; j<columns; j += n> 100 ? 37 : 5) {
            const double want =
                expected_attention(&qkv, n, width, columns, j / width, i, j % width, scale);
            assert_true(fabs(number_at(&y, i, j) - want) < 0.01);
        }
    }
    free_rows(&qkv);
    free_rows(&y);
    free_rows(&alone);
    cappy_free(scratch);
}

static void check_attention(const struct cappy_kernels *kernels)
{
    static const size_t lengths[] = {1, 2, 15, 17, 24, 32, 33, 64, 103, 128, 129, 173, 300};
    for (size_t i = 0; kernels->is_tiled && i < sizeof lengths / sizeof lengths[0]; i++) {
        check_attention_case(kernels, lengths[i], 32, 1);
        check_attention_case(kernels, lengths[i], 64, 1);
    }
    if (kernels->is_tiled) {
        check_attention_case(kernels, 300, 32, 32);
        check_attention_case(kernels, 300, 64, 32);
    }
}

static void test_attention(void **state)
{
    (void)state;
    for_each_set(check_attention);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),      cmocka_unit_test(test_parts),
        cmocka_unit_test(test_norm_blocks), cmocka_unit_test(test_conversion_blocks),
        cmocka_unit_test(test_attention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
