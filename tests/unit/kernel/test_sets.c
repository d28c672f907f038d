/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel set this processor has, against plain loops in double precision, at odd sizes; and
 * that a row's result is the same bit for bit whatever stands around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"

static unsigned random_state = 1;

static float random_float(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(random_state >> 8) / (float)(1 << 23) - 1.0f;
}

static float *random_floats(size_t n)
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
static float *random_rows(size_t rows, size_t width, size_t stride)
{
    float *x = random_floats(rows * stride);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = width; j < stride; j++) {
            x[i * stride + j] = NAN;
        }
    }
    return x;
}

static void for_each_set(void (*check)(const struct cappy_kernels *))
{
    for (size_t i = 0; i < cappy_kernels_count(); i++) {
        if (cappy_kernels_at(i) != NULL) {
            check(cappy_kernels_at(i));
        }
    }
}

/* ---- GEMM ---- */

/* A product in one precision, and what its operands are after rounding to that precision. */
struct problem {
    size_t m, n, k;
    struct cappy_rows x;        /* [m, k] in the precision */
    struct cappy_matrix matrix; /* [n, k] */
    double *x_exact;            /* [m, k], the numbers in x */
    double *w_exact;            /* [n, k], the numbers in the matrix */
    float *residual;            /* [m, n], rows n + 5 apart */
    float *sums;
};

static float to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* exact[k] = what x[k] becomes in the precision, by the definition in kernel.h. */
static void round_exactly(cappy_precision precision, const float *x, size_t k, double *exact)
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
static struct cappy_rows make_rows(const struct cappy_kernels *kernels, cappy_precision precision,
                                   float *x, size_t m, size_t k, size_t x_stride)
{
    struct cappy_rows fp32 = {CAPPY_PRECISION_FP32, x, x_stride * sizeof(float), NULL};
    if (precision == CAPPY_PRECISION_FP32) {
        return fp32;
    }
    struct cappy_rows rows = {precision, NULL, cappy_row_size(precision, k) + 8, NULL};
    rows.data = cappy_alloc_aligned(m, rows.stride);
    rows.scales = cappy_alloc(m, sizeof(float));
    memset(rows.data, 0xff, m * rows.stride);
    kernels->convert(&(struct cappy_conversion){m, k, fp32, rows});
    return rows;
}

static struct cappy_matrix make_matrix(const struct cappy_kernels *kernels,
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
        kernels->pack(w + first * k, n - first < kernels->panel ? n - first : kernels->panel,
                      &matrix, i);
    }
    return matrix;
}

static struct problem make_problem(const struct cappy_kernels *kernels, cappy_precision precision,
                                   size_t m, size_t n, size_t k)
{
    struct problem p = {.m = m, .n = n, .k = k};
    float *w = random_floats(n * k);
    float *x = random_rows(m, k, k + 3);
    p.x_exact = cappy_alloc(m * k, sizeof(double));
    p.w_exact = cappy_alloc(n * k, sizeof(double));
    for (size_t i = 0; i < m; i++) {
        round_exactly(precision, x + i * (k + 3), k, p.x_exact + i * k);
    }
    for (size_t i = 0; i < n; i++) {
        round_exactly(precision, w + i * k, k, p.w_exact + i * k);
    }
    p.x = make_rows(kernels, precision, x, m, k, k + 3);
    p.matrix = make_matrix(kernels, precision, w, n, k);
    p.residual = random_rows(m, n, n + 5);
    p.sums = random_floats(m * kernels->panel);
    cappy_free(w);
    if (p.x.data != x) {
        cappy_free(x);
    }
    return p;
}

static void free_problem(struct problem *p)
{
    cappy_free(p->x.data);
    cappy_free(p->x.scales);
    cappy_free(p->matrix.packed);
    cappy_free(p->matrix.bias);
    cappy_free(p->matrix.scales);
    cappy_free(p->matrix.shifts);
    cappy_free(p->x_exact);
    cappy_free(p->w_exact);
    cappy_free(p->residual);
    cappy_free(p->sums);
}

static struct cappy_gemm describe(const struct problem *p, float *y, enum cappy_epilogue epilogue)
{
    return (struct cappy_gemm){
        .matrix = &p->matrix,
        .last_panel = cappy_matrix_panels(&p->matrix),
        .m = p->m,
        .x = p->x,
        .y = {CAPPY_PRECISION_FP32, y, (p->n + 7) * sizeof(float), NULL},
        .epilogue = epilogue,
        .residual = p->residual,
        .residual_stride = p->n + 5,
        .sums = p->sums,
    };
}

static double expected(const struct problem *p, size_t i, size_t j, enum cappy_epilogue epilogue)
{
    double y = (double)p->matrix.bias[j];
    for (size_t k = 0; k < p->k; k++) {
        y += p->x_exact[i * p->k + k] * p->w_exact[j * p->k + k];
    }
    switch (epilogue) {
    case CAPPY_EPILOGUE_GELU_ERF:
        return y / 2 * (1 + erf(y / sqrt(2)));
    case CAPPY_EPILOGUE_GELU_TANH:
        return y / 2 * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (y + 0.044715 * y * y * y)));
    case CAPPY_EPILOGUE_RELU:
        return y > 0 ? y : 0;
    case CAPPY_EPILOGUE_RESIDUAL:
        return y + (double)p->residual[i * (p->n + 5) + j];
    case CAPPY_EPILOGUE_NONE:
        break;
    }
    return y;
}

static void check_gemm_case(const struct cappy_kernels *kernels, cappy_precision precision,
                            const size_t size[3])
{
    struct problem p = make_problem(kernels, precision, size[0], size[1], size[2]);
    for (enum cappy_epilogue e = CAPPY_EPILOGUE_NONE; e <= CAPPY_EPILOGUE_RESIDUAL; e++) {
        float *y = random_rows(p.m, 0, p.n + 7);
        uint16_t *y_bf16 = cappy_alloc(p.m * (p.n + 1), sizeof *y_bf16);
        struct cappy_gemm gemm = describe(&p, y, e);
        kernels->gemm(&gemm);
        gemm.y = (struct cappy_rows){CAPPY_PRECISION_BF16, y_bf16, (p.n + 1) * 2, NULL};
        kernels->gemm(&gemm);
        for (size_t i = 0; i < p.m; i++) {
            for (size_t j = 0; j < p.n; j++) {
                const float got = y[i * (p.n + 7) + j];
                const double difference = (double)got - expected(&p, i, j, e);
                assert_true(fabs(difference) < 2e-6 * (double)(8 + p.k / 16));
                const float rounded = to_bf16(got);
                assert_memory_equal(&y_bf16[i * (p.n + 1) + j], (const char *)&rounded + 2, 2);
            }
            for (size_t j = p.n; j < p.n + 7; j++) {
                assert_true(isnan(y[i * (p.n + 7) + j])); /* nothing is written beyond a row */
            }
            assert_int_equal(y_bf16[i * (p.n + 1) + p.n], 0);
        }
        cappy_free(y);
        cappy_free(y_bf16);
    }
    free_problem(&p);
}

static const cappy_precision precisions[] = {CAPPY_PRECISION_FP32, CAPPY_PRECISION_BF16,
                                             CAPPY_PRECISION_INT8};

static void check_gemm(const struct cappy_kernels *kernels)
{
    static const size_t sizes[][3] = {{1, 1, 1},     {2, 5, 3},     {7, 33, 17},
                                      {13, 64, 64},  {6, 65, 1024}, {25, 130, 384},
                                      {5, 24, 2050}, {103, 16, 36}, {8, 7, 4100}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        for (size_t p = 0; p < 3; p++) {
            check_gemm_case(kernels, precisions[p], sizes[s]);
        }
    }
}

/* Rows computed alone, in any block, and panel by panel have the same bits as all at once; also with
 * y = residual. */
static void check_gemm_invariance_case(const struct cappy_kernels *kernels,
                                       cappy_precision precision, enum cappy_epilogue e)
{
    struct problem p =
        make_problem(kernels, precision, 41, 150, precision == CAPPY_PRECISION_INT8 ? 4500 : 2500);
    const size_t stride = p.n + 7;
    float *all = random_floats(p.m * stride);
    float *one = random_floats(p.m * stride);
    struct cappy_gemm gemm = describe(&p, all, e);
    kernels->gemm(&gemm);
    for (size_t i = 0; i < p.m;) {
        const size_t rows = p.m - i < 1 + i % 8 ? p.m - i : 1 + i % 8;
        for (size_t panel = 0; panel < cappy_matrix_panels(&p.matrix); panel++) {
            struct cappy_gemm part = describe(&p, one + i * stride, e);
            part.m = rows;
            part.x.data = (char *)part.x.data + i * part.x.stride;
            part.x.scales = part.x.scales != NULL ? part.x.scales + i : NULL;
            part.residual += i * part.residual_stride;
            part.first_panel = panel;
            part.last_panel = panel + 1;
            kernels->gemm(&part);
        }
        i += rows;
    }
    for (size_t i = 0; i < p.m; i++) {
        assert_memory_equal(all + i * stride, one + i * stride, p.n * sizeof(float));
    }
    if (e == CAPPY_EPILOGUE_RESIDUAL) {
        for (size_t i = 0; i < p.m; i++) {
            memcpy(one + i * stride, p.residual + i * (p.n + 5), p.n * sizeof(float));
        }
        struct cappy_gemm in_place = describe(&p, one, e);
        in_place.residual = one;
        in_place.residual_stride = stride;
        kernels->gemm(&in_place);
        for (size_t i = 0; i < p.m; i++) {
            assert_memory_equal(all + i * stride, one + i * stride, p.n * sizeof(float));
        }
    }
    cappy_free(all);
    cappy_free(one);
    free_problem(&p);
}

static void check_gemm_invariance(const struct cappy_kernels *kernels)
{
    for (size_t p = 0; p < 3; p++) {
        for (enum cappy_epilogue e = CAPPY_EPILOGUE_NONE; e <= CAPPY_EPILOGUE_RESIDUAL; e++) {
            check_gemm_invariance_case(kernels, precisions[p], e);
        }
    }
}

/* ---- Conversion ---- */

static void check_conversion_case(const struct cappy_kernels *kernels, size_t k)
{
    enum { M = 3 };
    float *x = random_rows(M, k, k + 1);
    for (size_t i = 0; i < k; i++) {
        x[k + 1 + i] = 0; /* a row of zeros has no largest magnitude */
    }
    double *exact = cappy_alloc(k, sizeof *exact);
    for (size_t p = 1; p < 3; p++) {
        struct cappy_rows rows = make_rows(kernels, precisions[p], x, M, k, k + 1);
        for (size_t i = 0; i < M; i++) {
            const char *row = (const char *)rows.data + i * rows.stride;
            round_exactly(precisions[p], x + i * (k + 1), k, exact);
            for (size_t j = 0; j < cappy_row_size(precisions[p], k) / (p == 1 ? 2 : 1); j++) {
                double got = ((double)(uint8_t)row[j] - 128) * (double)rows.scales[i];
                if (p == 1) {
                    uint32_t bits = (uint32_t)((const uint16_t *)(const void *)row)[j] << 16;
                    float value;
                    memcpy(&value, &bits, sizeof value);
                    got = (double)value;
                }
                /* INT8: a number between two steps may go either way by the rounding of 1 / scale. */
                double allowed = p == 1 ? 0 : (double)rows.scales[i] * 0.501;
                double wanted = j < k ? (p == 1 ? exact[j] : (double)x[i * (k + 1) + j]) : 0;
                assert_true(fabs(got - wanted) <= allowed);
            }
            assert_int_equal((uint8_t)row[cappy_row_size(precisions[p], k)], 0xff);
        }
        cappy_free(rows.data);
        cappy_free(rows.scales);
    }
    cappy_free(x);
    cappy_free(exact);
}

static void check_conversion(const struct cappy_kernels *kernels)
{
    static const size_t widths[] = {1, 2, 3, 15, 16, 33, 384, 1001};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        check_conversion_case(kernels, widths[i]);
    }
}

/* ---- Attention ---- */

static void check_attention_case(const struct cappy_kernels *kernels, size_t n, size_t width)
{
    const size_t stride = 3 * width + 1;
    const size_t y_stride = width + 2;
    float *qkv = random_rows(n, 3 * width, stride);
    float *y = random_rows(n, 0, y_stride);
    float *alone = random_rows(1, 0, y_stride);
    float *scratch = random_floats(cappy_attention_scratch(n, width));
    double *weight = calloc(n, sizeof *weight);
    const float scale = 3.0f / sqrtf((float)width);
    struct cappy_attention head = {n,      n, width,    qkv,   stride, qkv + width, qkv + 2 * width,
                                   stride, y, y_stride, scale, scratch};
    for (size_t i = 0; i < cappy_attention_scratch(n, width); i++) {
        scratch[i] = NAN; /* what it held before must not matter */
    }
    kernels->attention(&head);
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) {
            double dot = 0;
            for (size_t d = 0; d < width; d++) {
                dot += (double)qkv[i * stride + d] * (double)qkv[j * stride + width + d];
            }
            weight[j] = exp(dot * (double)scale);
            sum += weight[j];
        }
        for (size_t d = 0; d < width; d++) {
            double want = 0;
            for (size_t j = 0; j < n; j++) {
                want += weight[j] / sum * (double)qkv[j * stride + 2 * width + d];
            }
            assert_true(fabs((double)y[i * y_stride + d] - want) < 5e-6);
        }
        assert_true(isnan(y[i * y_stride + width]));
        struct cappy_attention one = head;
        one.n_queries = 1;
        one.q = qkv + i * stride;
        one.y = alone;
        kernels->attention(&one);
        assert_memory_equal(alone, y + i * y_stride, width * sizeof(float));
    }
    cappy_free(qkv);
    cappy_free(y);
    cappy_free(alone);
    cappy_free(scratch);
    free(weight);
}

static void check_attention(const struct cappy_kernels *kernels)
{
    static const size_t lengths[] = {1, 2, 15, 16, 24, 33, 64, 103, 173};
    static const size_t widths[] = {1, 8, 12, 32, 64, 72};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < sizeof widths / sizeof widths[0]; j++) {
            check_attention_case(kernels, lengths[i], widths[j]);
        }
    }
}

/* ---- Norm ---- */

static void check_norm_case(const struct cappy_kernels *kernels, size_t width)
{
    enum { ROWS = 3 };
    const size_t stride = width + 1;
    float *x = random_rows(ROWS, width, stride);
    float *y = random_rows(ROWS, 0, stride);
    float *weight = random_floats(width);
    float *bias = random_floats(width);
    for (size_t j = 0; j < width; j++) {
        x[j] += 100.0f; /* a mean far from 0 shows a variance that is computed the cheap way */
    }
    kernels->norm(
        &(struct cappy_norm){ROWS, width, x, stride, y, stride, weight, bias, 1e-5f, {0}});
    for (size_t i = 0; i < ROWS; i++) {
        double mean = 0;
        double variance = 0;
        for (size_t j = 0; j < width; j++) {
            mean += (double)x[i * stride + j] / (double)width;
        }
        for (size_t j = 0; j < width; j++) {
            variance += pow((double)x[i * stride + j] - mean, 2) / (double)width;
        }
        for (size_t j = 0; j < width; j++) {
            double d = ((double)x[i * stride + j] - mean) / sqrt(variance + 1e-5);
            double want = d * (double)weight[j] + (double)bias[j];
            assert_true(fabs((double)y[i * stride + j] - want) < (i == 0 ? 2e-4 : 4e-6));
        }
        assert_true(isnan(y[i * stride + width]));
    }
    cappy_free(x);
    cappy_free(y);
    cappy_free(weight);
    cappy_free(bias);
}

static void check_norm(const struct cappy_kernels *kernels)
{
    static const size_t widths[] = {2, 7, 16, 36, 384, 1000, 1024};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        check_norm_case(kernels, widths[i]);
    }
}

/* ---- */

static void test_gemm(void **state)
{
    (void)state;
    for_each_set(check_gemm);
}

static void test_gemm_invariance(void **state)
{
    (void)state;
    for_each_set(check_gemm_invariance);
}

static void test_conversion(void **state)
{
    (void)state;
    for_each_set(check_conversion);
}

static void test_attention(void **state)
{
    (void)state;
    for_each_set(check_attention);
}

static void test_norm(void **state)
{
    (void)state;
    for_each_set(check_norm);
}

static void test_choice(void **state)
{
    (void)state;
    const struct cappy_kernels *kernels = NULL;
    const char *reason = NULL;
    cappy_error error;
    setenv("CAPPY_ISA", "scalar", 1);
    assert_int_equal(cappy_kernels_choose(&kernels, &reason, &error), CAPPY_OK);
    assert_string_equal(kernels->name, "scalar");
    setenv("CAPPY_ISA", "mmx", 1);
    assert_int_equal(cappy_kernels_choose(&kernels, &reason, &error), CAPPY_ARGUMENT);
    assert_non_null(strstr(error.message, "mmx"));
    assert_non_null(strstr(error.message, "scalar"));
    unsetenv("CAPPY_ISA");
    assert_int_equal(cappy_kernels_choose(&kernels, &reason, &error), CAPPY_OK);
    assert_non_null(reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm),       cmocka_unit_test(test_gemm_invariance),
        cmocka_unit_test(test_attention),  cmocka_unit_test(test_norm),
        cmocka_unit_test(test_conversion), cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
