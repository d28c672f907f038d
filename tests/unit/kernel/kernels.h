/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the kernels share: random rows, rows in a precision and what they hold exactly,
 * and a walk over the kernel sets this processor has. Include after cmocka. */
#ifndef CAPPY_TESTS_KERNEL_H
#define CAPPY_TESTS_KERNEL_H

#include <math.h>
#include <string.h>

#include "kernel/kernel.h"

static inline float random_float(void)
{
    static unsigned random_state = 1;
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(random_state >> 8) / (float)(1 << 23) - 1.0f;
}

static inline float *random_floats(size_t n)
{
    float *x = cappy_alloc_aligned(n, sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) {
        x[i] = random_float();
    }
    return x;
}

/* Rows of `width` numbers, `stride` apart, with NaN between them: a kernel that reads the gap shows
 * it. */
static inline float *random_rows(size_t rows, size_t width, size_t stride)
{
    float *x = random_floats(rows * stride);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = width; j < stride; j++) {
            x[i * stride + j] = NAN;
        }
    }
    return x;
}

/* The AMX set with its tiles emulated (amx_emulated.c), for processors with AVX-512 but no AMX. */
#if defined(__x86_64__)
extern const struct cappy_kernels cappy_kernels_amx_emulated;
#endif

static inline void for_each_set(void (*check)(const struct cappy_kernels *))
{
    for (size_t i = 0; i < cappy_kernels_count(); i++) {
        const struct cappy_kernels *kernels = cappy_kernels_at(i);
        if (kernels == NULL) {
            continue;
        }
        check(kernels);
#if defined(__x86_64__)
        if (strcmp(kernels->name, "avx512vnni") == 0) {
            check(&cappy_kernels_amx_emulated);
        }
#endif
    }
}

static const cappy_precision precisions[] = {CAPPY_PRECISION_FP32, CAPPY_PRECISION_BF16,
                                             CAPPY_PRECISION_INT8};

static inline float to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* exact[k] = what x[k] becomes in the precision, by the definition in kernel.h. */
static inline void round_exactly(cappy_precision precision, const float *x, size_t k, double *exact)
{
    float largest = 0;
    for (size_t i = 0; i < k; i++) {
        largest = fmaxf(largest, fabsf(x[i]));
    }
    const float scale = largest > 0 ? largest / 127 : 1;
    for (size_t i = 0; i < k; i++) {
        exact[i] = precision == CAPPY_PRECISION_FP32 ? (double)x[i]
                   : precision == CAPPY_PRECISION_BF16
                       ? (double)to_bf16(x[i])
                       : rint((double)(x[i] / scale)) * (double)scale;
    }
}

/* Rows of fp32 in a precision, NaN or garbage between them. */
static inline struct cappy_rows make_rows(const struct cappy_kernels *kernels,
                                          cappy_precision precision, float *x, size_t m, size_t k,
                                          size_t x_stride)
{
    struct cappy_rows fp32 = {CAPPY_PRECISION_FP32, x, x_stride * sizeof(float), NULL, 0};
    if (precision == CAPPY_PRECISION_FP32) {
        return fp32;
    }
    struct cappy_rows rows = {precision, NULL, cappy_row_size(precision, k) + 8, NULL, 0};
    rows.data = cappy_alloc_aligned(m + CAPPY_SLACK_ROWS, rows.stride);
    rows.scales = cappy_alloc(m, sizeof(float));
    memset(rows.data, 0xff, (m + CAPPY_SLACK_ROWS) * rows.stride);
    kernels->convert(&(struct cappy_conversion){m, k, fp32, rows});
    return rows;
}

/* Where number (i, j) of rows stands, whichever way they lie. */
static inline char *number_place(const struct cappy_rows *rows, size_t i, size_t j)
{
    const size_t size = rows->precision == CAPPY_PRECISION_FP32   ? 4
                        : rows->precision == CAPPY_PRECISION_BF16 ? 2
                                                                  : 1;
    const size_t block = cappy_block_bytes(rows->precision) / size;
    return (char *)rows->data + i * rows->stride + j / block * cappy_rows_step(rows) +
           j % block * size;
}

/* The number at column j of row i, by the definition in kernel.h. */
static inline double number_at(const struct cappy_rows *rows, size_t i, size_t j)
{
    const char *place = number_place(rows, i, j);
    if (rows->precision == CAPPY_PRECISION_INT8) {
        return ((double)(uint8_t)*place - 128) * (double)rows->scales[i];
    }
    float value;
    if (rows->precision == CAPPY_PRECISION_BF16) {
        uint16_t half;
        memcpy(&half, place, sizeof half);
        const uint32_t bits = (uint32_t)half << 16;
        memcpy(&value, &bits, sizeof value);
    } else {
        memcpy(&value, place, sizeof value);
    }
    return (double)value;
}

/* m random rows of a precision, in blocks or side by side, with what is no number all around them
 * and in the slack. */
static inline struct cappy_rows random_rows_of(cappy_precision precision, size_t m, size_t width,
                                               float largest, bool in_blocks)
{
    struct cappy_rows rows = {.precision = precision};
    rows.stride = cappy_row_size(precision, width) + 64;
    size_t size = (m + CAPPY_SLACK_ROWS) * rows.stride;
    if (in_blocks) {
        rows.stride = cappy_block_bytes(precision);
        rows.step = (m + CAPPY_SLACK_ROWS + 2) * rows.stride;
        size = (width + CAPPY_BLOCK - 1) / CAPPY_BLOCK * rows.step;
    }
    rows.data = cappy_alloc_aligned(size, 1);
    assert_non_null(rows.data);
    memset(rows.data, 0xff, size);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < width; j++) {
            const float x = largest * random_float();
            const float narrow = to_bf16(x);
            if (precision == CAPPY_PRECISION_BF16) {
                memcpy(number_place(&rows, i, j), (const char *)&narrow + 2, 2);
            } else {
                memcpy(number_place(&rows, i, j), &x, sizeof x);
            }
        }
    }
    return rows;
}

/* W [n, k] packed, with a random bias. */
static inline struct cappy_matrix make_matrix(const struct cappy_kernels *kernels,
                                              cappy_precision precision, const float *w, size_t n,
                                              size_t k)
{
    struct cappy_matrix matrix = {.precision = precision, .n = n, .k = k, .panel = kernels->panel};
    matrix.groups = cappy_row_size(precision, k) / sizeof(float);
    const size_t panels = cappy_matrix_panels(&matrix);
    matrix.packed = cappy_alloc_aligned(panels * kernels->panel * matrix.groups, sizeof(float));
    matrix.bias = cappy_alloc(panels * kernels->panel, sizeof(float));
    matrix.scales = cappy_alloc(panels * kernels->panel, sizeof(float));
    matrix.shifts = cappy_alloc(panels * kernels->panel, sizeof(int32_t));
    for (size_t i = 0; i < n; i++) {
        matrix.bias[i] = random_float();
    }
    for (size_t i = 0; i < panels; i++) {
        const size_t first = i * kernels->panel;
        const size_t outputs = n - first < kernels->panel ? n - first : kernels->panel;
        kernels->pack(&(struct cappy_packing){w + first * k, k, 1, outputs, &matrix, i});
    }
    return matrix;
}

static inline void free_matrix(struct cappy_matrix *matrix)
{
    cappy_free(matrix->packed);
    cappy_free(matrix->bias);
    cappy_free(matrix->scales);
    cappy_free(matrix->shifts);
}

#endif
