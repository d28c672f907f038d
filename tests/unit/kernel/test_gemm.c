/* SPDX-License-Identifier: Apache-2.0 */
/* The matrix product of every kernel set, in three precisions, against plain loops in double over
 * the numbers that its operands hold after rounding; and that a row's result is the same bit for
 * bit whatever stands around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels.h"

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

static struct problem make_problem(const struct cappy_kernels *kernels, cappy_precision precision,
                                   size_t m, size_t n, size_t k)
{
    struct problem p = {.m = m, .n = n, .k = k};
    float *w = random_floats(n * k);
    float *x = random_rows(m, k, k + 3);
    p.x_exact = cappy_alloc(m * k, sizeof(double));
    p.w_exact = cappy_alloc(n * k, sizeof(double));
    for (size_t i = 0; i < n; i++) {
        round_exactly(precision, w + i * k, k, p.w_exact + i * k);
    }
    p.x = make_rows(kernels, precision, x, m, k, k + 3);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < k; j++) {
            p.x_exact[i * k + j] = number_at(&p.x, i, j);
        }
    }
    p.matrix = make_matrix(kernels, precision, w, n, k);
    p.residual = random_rows(m, n, n + 5);
    p.sums = random_floats((m + CAPPY_SLACK_ROWS) * kernels->panel);
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
    free_matrix(&p->matrix);
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
        .y = {CAPPY_PRECISION_FP32, y, (p->n + 7) * sizeof(float), NULL, 0},
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

/* A result in bf16: the fp32 one rounded; an erf GELU may be a coarser one (elementwise.inc). */
static void check_narrow(enum cappy_epilogue epilogue, uint16_t half, float got)
{
    const float rounded = to_bf16(got);
    if (epilogue != CAPPY_EPILOGUE_GELU_ERF) {
        assert_memory_equal(&half, (const char *)&rounded + 2, 2);
        return;
    }
    const uint32_t bits = (uint32_t)half << 16;
    float narrow;
    memcpy(&narrow, &bits, sizeof narrow);
    assert_true(fabsf(narrow - got) <= 2e-4f + fabsf(got) / 256);
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
        gemm.y = (struct cappy_rows){CAPPY_PRECISION_BF16, y_bf16, (p.n + 1) * 2, NULL, 0};
        kernels->gemm(&gemm);
        for (size_t i = 0; i < p.m; i++) {
            for (size_t j = 0; j < p.n; j++) {
                const float got = y[i * (p.n + 7) + j];
                const double difference = (double)got - expected(&p, i, j, e);
                if (!(fabs(difference) < 2e-6 * (double)(8 + p.k / 16))) {
                    fail_msg(
                        "%s, precision %d, %zu x %zu x %zu, epilogue %d, at %zu, %zu: off by %g",
                        kernels->name, (int)precision, p.m, p.n, p.k, (int)e, i, j, difference);
                }
                check_narrow(e, y_bf16[i * (p.n + 1) + j], got);
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

/* Rows computed alone, in any block, and panel by panel have the same bits as all at once; also
 * with y = residual. */
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

/* Sums of int8 are exact in every set, also where all bytes are at the ends of their range: scales
 * of 1 and no bias let them through to y, which holds every whole number up to 2^24. */
static void check_int8_exact(const struct cappy_kernels *kernels)
{
    enum { M = 7, N = 37, K = 1024 }; /* 1024 * 128 * 127 < 2^24 */
    float *w = random_floats(N * K);
    uint8_t *x = cappy_alloc_aligned(M + CAPPY_SLACK_ROWS, K);
    float *y = random_floats(M * N);
    float *sums = random_floats((M + CAPPY_SLACK_ROWS) * kernels->panel);
    float ones[M];
    /* Rows 0 to 2 are at one end, at the other, and at both in turn; the others anywhere. */
    for (size_t i = 0; i < N * K; i++) {
        const float ends[] = {127.0f, -127.0f, i % 2 == 0 ? 127.0f : -127.0f};
        w[i] = i / K < 3 ? ends[i / K] : rintf(w[i] * 127.0f);
        w[i] = i / K >= 3 && i % K == 0 ? 127.0f : w[i]; /* so that every scale is 1 */
    }
    for (size_t i = 0; i < (M + CAPPY_SLACK_ROWS) * K; i++) {
        const uint8_t ends[] = {0, 255, i % 2 == 0 ? 255 : 0};
        x[i] = i / K < 3 ? ends[i / K] : (uint8_t)(127.5f + 127.5f * random_float());
    }
    for (size_t i = 0; i < M; i++) {
        ones[i] = 1.0f;
    }
    struct cappy_matrix matrix = make_matrix(kernels, CAPPY_PRECISION_INT8, w, N, K);
    memset(matrix.bias, 0, N * sizeof *matrix.bias);
    kernels->gemm(&(struct cappy_gemm){
        .matrix = &matrix,
        .last_panel = cappy_matrix_panels(&matrix),
        .m = M,
        .x = {CAPPY_PRECISION_INT8, x, K, ones, 0},
        .y = {CAPPY_PRECISION_FP32, y, N * sizeof *y, NULL, 0},
        .sums = sums,
    });
    for (size_t i = 0; i < M; i++) {
        for (size_t j = 0; j < N; j++) {
            int32_t sum = 0;
            for (size_t k = 0; k < K; k++) {
                sum += (x[i * K + k] - 128) * (int32_t)w[j * K + k];
            }
            assert_float_equal(y[i * N + j], (float)sum, 0.0f);
        }
    }
    free_matrix(&matrix);
    cappy_free(w);
    cappy_free(x);
    cappy_free(y);
    cappy_free(sums);
}

/* ---- What training adds ---- */

/* A matrix packed from its transpose is the same matrix. */
static void check_transposed_packing(const struct cappy_kernels *kernels)
{
    enum { N = 77, K = 131 };
    float *w = random_floats((size_t)N * K);
    float *turned = random_floats((size_t)N * K);
    for (size_t j = 0; j < N; j++) {
        for (size_t i = 0; i < K; i++) {
            turned[i * N + j] = w[j * K + i];
        }
    }
    for (size_t p = 0; p < 3; p++) {
        struct cappy_matrix straight = make_matrix(kernels, precisions[p], w, N, K);
        struct cappy_matrix back = make_matrix(kernels, precisions[p], w, N, K);
        const size_t panels = cappy_matrix_panels(&back);
        const size_t bytes = panels * kernels->panel * back.groups * sizeof(float);
        memset(back.packed, 0xff, bytes);
        for (size_t i = 0; i < panels; i++) {
            const size_t first = i * kernels->panel;
            const size_t outputs = N - first < kernels->panel ? N - first : kernels->panel;
            kernels->pack(&(struct cappy_packing){turned + first, 1, N, outputs, &back, i});
        }
        assert_memory_equal(straight.packed, back.packed, bytes);
        assert_memory_equal(straight.scales, back.scales, N * sizeof(float));
        assert_memory_equal(straight.shifts, back.shifts, N * sizeof(int32_t));
        free_matrix(&straight);
        free_matrix(&back);
    }
    cappy_free(w);
    cappy_free(turned);
}

static void test_transposed_packing(void **state)
{
    (void)state;
    for_each_set(check_transposed_packing);
}

static void test_gemm(void **state)
{
    (void)state;
    for_each_set(check_gemm);
}

static void test_int8_exact(void **state)
{
    (void)state;
    for_each_set(check_int8_exact);
}

static void test_gemm_invariance(void **state)
{
    (void)state;
    for_each_set(check_gemm_invariance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_int8_exact),
        cmocka_unit_test(test_gemm_invariance),
        cmocka_unit_test(test_transposed_packing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
