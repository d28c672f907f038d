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

struct problem {
    size_t m, n, k;
    float *weight, *bias, *x, *residual;
    struct cappy_matrix matrix;
};

static struct problem make_problem(const struct cappy_kernels *kernels, size_t m, size_t n,
                                   size_t k)
{
    struct problem p = {m, n, k, NULL, NULL, NULL, NULL, {0}};
    p.weight = random_floats(n * k);
    p.x = random_rows(m, k, k + 3);
    p.residual = random_rows(m, n, n + 5);
    p.matrix = (struct cappy_matrix){CAPPY_PRECISION_FP32, n, k, kernels->panel, NULL, NULL};
    size_t panels = cappy_matrix_panels(&p.matrix);
    p.matrix.packed_f32 = cappy_alloc_aligned(panels * kernels->panel * k, sizeof(float));
    p.matrix.bias = cappy_alloc(panels * kernels->panel, sizeof(float));
    for (size_t i = 0; i < n; i++) {
        p.matrix.bias[i] = random_float();
    }
    for (size_t i = 0; i < panels; i++) {
        size_t first = i * kernels->panel;
        kernels->pack_f32(p.weight + first * k,
                          n - first < kernels->panel ? n - first : kernels->panel, k,
                          p.matrix.packed_f32 + first * k);
    }
    return p;
}

static void free_problem(struct problem *p)
{
    cappy_free(p->weight);
    cappy_free(p->x);
    cappy_free(p->residual);
    cappy_free(p->matrix.packed_f32);
    cappy_free(p->matrix.bias);
}

static struct cappy_gemm describe(const struct problem *p, float *y, enum cappy_epilogue epilogue)
{
    return (struct cappy_gemm){&p->matrix,  0,        cappy_matrix_panels(&p->matrix),
                               p->m,        p->x,     p->k + 3,
                               y,           p->n + 7, epilogue,
                               p->residual, p->n + 5};
}

static double expected(const struct problem *p, size_t i, size_t j, enum cappy_epilogue epilogue)
{
    double y = 0;
    for (size_t k = 0; k < p->k; k++) {
        y += (double)p->x[i * (p->k + 3) + k] * (double)p->weight[j * p->k + k];
    }
    y += (double)p->matrix.bias[j];
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

static void check_gemm(const struct cappy_kernels *kernels)
{
    static const size_t sizes[][3] = {{1, 1, 1},     {2, 5, 3},      {7, 33, 17},   {13, 64, 64},
                                      {6, 65, 1024}, {25, 130, 384}, {5, 24, 2050}, {103, 16, 36}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct problem p = make_problem(kernels, sizes[s][0], sizes[s][1], sizes[s][2]);
        for (enum cappy_epilogue e = CAPPY_EPILOGUE_NONE; e <= CAPPY_EPILOGUE_RESIDUAL; e++) {
            float *y = random_rows(p.m, 0, p.n + 7);
            struct cappy_gemm gemm = describe(&p, y, e);
            kernels->gemm_f32(&gemm);
            for (size_t i = 0; i < p.m; i++) {
                for (size_t j = 0; j < p.n; j++) {
                    double difference = (double)y[i * (p.n + 7) + j] - expected(&p, i, j, e);
                    assert_true(fabs(difference) < 2e-6 * (double)(8 + p.k / 16));
                }
                for (size_t j = p.n; j < p.n + 7; j++) {
                    assert_true(isnan(y[i * (p.n + 7) + j])); /* nothing is written beyond a row */
                }
            }
            cappy_free(y);
        }
        free_problem(&p);
    }
}

/* Rows computed alone, in any block, and panel by panel have the same bits as all at once; also
 * with y = residual. */
static void check_gemm_invariance(const struct cappy_kernels *kernels)
{
    struct problem p = make_problem(kernels, 41, 150, 1500);
    for (enum cappy_epilogue e = CAPPY_EPILOGUE_NONE; e <= CAPPY_EPILOGUE_RESIDUAL; e++) {
        const size_t stride = p.n + 7;
        float *all = random_floats(p.m * stride);
        float *one = random_floats(p.m * stride);
        struct cappy_gemm gemm = describe(&p, all, e);
        kernels->gemm_f32(&gemm);
        for (size_t i = 0; i < p.m;) {
            const size_t rows = p.m - i < 1 + i % 8 ? p.m - i : 1 + i % 8;
            for (size_t panel = 0; panel < cappy_matrix_panels(&p.matrix); panel++) {
                struct cappy_gemm part = describe(&p, one + i * stride, e);
                part.m = rows;
                part.x += i * part.x_stride;
                part.residual += i * part.residual_stride;
                part.first_panel = panel;
                part.last_panel = panel + 1;
                kernels->gemm_f32(&part);
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
            kernels->gemm_f32(&in_place);
            for (size_t i = 0; i < p.m; i++) {
                assert_memory_equal(all + i * stride, one + i * stride, p.n * sizeof(float));
            }
        }
        cappy_free(all);
        cappy_free(one);
    }
    free_problem(&p);
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
    kernels->attention_f32(&head);
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
        kernels->attention_f32(&one);
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
    kernels->norm_f32(&(struct cappy_norm){ROWS, width, x, stride, y, stride, weight, bias, 1e-5f});
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
        cmocka_unit_test(test_gemm),      cmocka_unit_test(test_gemm_invariance),
        cmocka_unit_test(test_attention), cmocka_unit_test(test_norm),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
