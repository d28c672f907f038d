/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of training in every kernel set, against plain loops in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels.h"

static const size_t widths[] = {1, 7, 16, 36, 100, 384};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_close(float got, double want, double tolerance)
{
    if (!(fabs((double)got - want) <= tolerance * (1 + fabs(want)))) {
        fail_msg("%.9g is not %.9g", (double)got, want);
    }
}

/* ---- Activations ---- */

static double apply(enum cappy_epilogue function, double x)
{
    if (function == CAPPY_EPILOGUE_GELU_ERF) {
        return x / 2 * (1 + erf(x / sqrt(2)));
    }
    if (function == CAPPY_EPILOGUE_GELU_TANH) {
        return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    }
    return x > 0 ? x : 0;
}

/* fp32 rows as struct cappy_rows. */
static struct cappy_rows rows_of(float *x, size_t stride)
{
    return (struct cappy_rows){CAPPY_PRECISION_FP32, x, stride * sizeof(float), NULL, 0};
}

static void check_function(const struct cappy_kernels *kernels, enum cappy_epilogue function,
                           cappy_precision precision)
{
    enum { WIDTH = 103, ROWS = 2, STRIDE = WIDTH + 2 };
    float *x = random_rows(ROWS, WIDTH, STRIDE);
    for (size_t i = 0; i < ROWS * STRIDE; i++) {
        x[i] *= i % 10 == 0 ? 30.0f : 3.0f;
    }
    const struct cappy_rows in = make_rows(kernels, precision, x, ROWS, WIDTH, STRIDE);
    struct cappy_rows out[2];
    float *garbage = random_rows(2 * ROWS, WIDTH, STRIDE);
    for (size_t i = 0; i < 2; i++) {
        out[i] = make_rows(kernels, precision, garbage + i * ROWS * STRIDE, ROWS, WIDTH, STRIDE);
    }
    kernels->activation(&(struct cappy_activation){function, ROWS, WIDTH, in, out[0], out[1]});
    const double tolerance = precision == CAPPY_PRECISION_FP32 ? 3e-6 : 4e-3;
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < WIDTH; j++) {
            const double h = 1e-6;
            const double at = number_at(&in, i, j);
            const double slope = (apply(function, at + h) - apply(function, at - h)) / (2 * h);
            assert_close((float)number_at(&out[0], i, j), apply(function, at), tolerance);
            assert_close((float)number_at(&out[1], i, j), slope, tolerance);
        }
        if (precision == CAPPY_PRECISION_BF16) { /* filled up */
            assert_true(number_at(&out[0], i, WIDTH) == 0);
        } else {
            assert_true(isnan(number_at(&out[0], i, WIDTH)));
        }
    }
    kernels->scaling(&(struct cappy_scaling){ROWS, WIDTH, out[0], out[1], out[0]});
    for (size_t j = 0; j < WIDTH; j++) {
        const double at = number_at(&in, 1, j);
        const double slope = (apply(function, at + 1e-6) - apply(function, at - 1e-6)) / 2e-6;
        assert_close((float)number_at(&out[0], 1, j), apply(function, at) * slope, 3 * tolerance);
    }
    if (precision == CAPPY_PRECISION_BF16) {
        cappy_free(in.data);
        cappy_free(in.scales);
        for (size_t i = 0; i < 2; i++) {
            cappy_free(out[i].data);
            cappy_free(out[i].scales);
        }
    }
    cappy_free(x);
    cappy_free(garbage);
}

static void check_activation(const struct cappy_kernels *kernels)
{
    static const enum cappy_epilogue functions[] = {CAPPY_EPILOGUE_GELU_ERF,
                                                    CAPPY_EPILOGUE_GELU_TANH, CAPPY_EPILOGUE_RELU};
    for (size_t f = 0; f < COUNT(functions); f++) {
        check_function(kernels, functions[f], CAPPY_PRECISION_FP32);
        check_function(kernels, functions[f], CAPPY_PRECISION_BF16);
    }
}

static void test_activation(void **state)
{
    (void)state;
    for_each_set(check_activation);
}

/* ---- Layer normalisation ---- */

static void check_norm_row(const struct cappy_norm_gradient *norm, size_t row, double *dweight,
                           double *dbias)
{
    const size_t width = norm->width;
    const float *x = norm->x + row * norm->x_stride;
    const float *dy = norm->dy + row * norm->dy_stride;
    double mean = 0;
    double variance = 0;
    double mean_g = 0;
    double mean_gz = 0;
    for (size_t j = 0; j < width; j++) {
        mean += (double)x[j] / (double)width;
    }
    for (size_t j = 0; j < width; j++) {
        variance += pow((double)x[j] - mean, 2) / (double)width;
    }
    const double scale = 1 / sqrt(variance + (double)norm->epsilon);
    for (size_t j = 0; j < width; j++) {
        const double z = ((double)x[j] - mean) * scale;
        const double g = (double)dy[j] * (double)norm->weight[j];
        mean_g += g / (double)width;
        mean_gz += g * z / (double)width;
        dweight[j] += (double)dy[j] * z;
        dbias[j] += (double)dy[j];
    }
    for (size_t j = 0; j < width; j++) {
        const double z = ((double)x[j] - mean) * scale;
        const double g = (double)dy[j] * (double)norm->weight[j];
        assert_close(norm->dx[row * norm->dx_stride + j], scale * (g - mean_g - z * mean_gz), 1e-5);
    }
}

/* With rows, the gradient goes through dropout too, into fp32 and into bf16. */
static void check_dropped(const struct cappy_kernels *kernels,
                          const struct cappy_norm_gradient *norm)
{
    const struct cappy_dropout dropout = {{1, 2}, 3, 20000};
    const size_t width = norm->width;
    const size_t stride = norm->dx_stride;
    float *sums = cappy_alloc(2 * width, sizeof *sums);
    float *want = random_rows(norm->m, width, stride);
    memcpy(want, norm->dx, norm->m * stride * sizeof *want);
    kernels->drop(&(struct cappy_dropping){dropout, norm->m, width, want, stride});
    for (size_t p = 0; p < 2; p++) {
        float *got = random_rows(norm->m, width, stride);
        struct cappy_norm_gradient dropped = *norm;
        dropped.dweight = sums;
        dropped.dbias = sums + width;
        dropped.dropout = &dropout;
        dropped.rows = make_rows(kernels, precisions[p], got, norm->m, width, stride);
        kernels->norm_gradient(&dropped);
        for (size_t i = 0; i < norm->m; i++) {
            for (size_t j = 0; j < width; j++) {
                const float x = want[i * stride + j];
                assert_true(number_at(&dropped.rows, i, j) == (double)(p == 0 ? x : to_bf16(x)));
            }
        }
        if (p != 0) {
            cappy_free(dropped.rows.data);
            cappy_free(dropped.rows.scales);
        }
        cappy_free(got);
    }
    cappy_free(sums);
    cappy_free(want);
}

/* Dropout, the residual and the norm in one are what they are one by one. */
static void check_joint(const struct cappy_kernels *kernels)
{
    enum { ROWS = 3, WIDTH = 100, STRIDE = WIDTH + 3 };
    const struct cappy_dropout dropout = {{1, 2}, 3, 20000};
    float *x = random_rows(ROWS, WIDTH, STRIDE);
    float *residual = random_rows(ROWS, WIDTH, STRIDE);
    float *sum = random_rows(ROWS, 0, STRIDE);
    float *y = random_rows(ROWS, 0, STRIDE);
    float *want = random_rows(ROWS, 0, STRIDE);
    float *weight = random_floats(WIDTH);
    struct cappy_rows narrow = make_rows(kernels, CAPPY_PRECISION_BF16, x, ROWS, WIDTH, STRIDE);
    struct cappy_norm norm = {.m = ROWS,
                              .width = WIDTH,
                              .x = x,
                              .x_stride = STRIDE,
                              .y = y,
                              .y_stride = STRIDE,
                              .weight = weight,
                              .bias = weight,
                              .epsilon = 1e-5f,
                              .rows = narrow};
    for (size_t drops = 0; drops < 2; drops++) {
        kernels->joint(&(struct cappy_joint){norm, rows_of(x, STRIDE), residual, STRIDE, sum,
                                             drops ? &dropout : NULL});
        if (drops) {
            kernels->drop(&(struct cappy_dropping){dropout, ROWS, WIDTH, x, STRIDE});
        }
        for (size_t i = 0; i < ROWS * STRIDE; i++) {
            assert_true(i % STRIDE >= WIDTH ? isnan(sum[i]) : sum[i] == x[i] + residual[i]);
        }
        struct cappy_norm alone = norm;
        alone.x = sum;
        alone.y = want;
        alone.rows.data = NULL;
        kernels->norm(&alone);
        for (size_t i = 0; i < ROWS; i++) {
            assert_memory_equal(want + i * STRIDE, y + i * STRIDE, WIDTH * sizeof *y);
            assert_true(number_at(&narrow, i, 1) == (double)to_bf16(y[i * STRIDE + 1]));
        }
    }
    cappy_free(x);
    cappy_free(residual);
    cappy_free(sum);
    cappy_free(y);
    cappy_free(want);
    cappy_free(weight);
    cappy_free(narrow.data);
    cappy_free(narrow.scales);
}

static void check_norm(const struct cappy_kernels *kernels)
{
    enum { ROWS = 5 };
    for (size_t w = 1; w < COUNT(widths); w++) {
        const size_t width = widths[w];
        const size_t stride = width + 3;
        float *x = random_rows(ROWS, width, stride);
        float *dy = random_rows(ROWS, width, stride);
        float *dx = random_rows(ROWS, 0, stride);
        float *weight = random_floats(width);
        float *dweight = random_floats(width);
        float *dbias = random_floats(width);
        double want[2][1024];
        for (size_t j = 0; j < width; j++) {
            want[0][j] = (double)dweight[j];
            want[1][j] = (double)dbias[j];
        }
        const struct cappy_norm_gradient norm = {.m = ROWS,
                                                 .width = width,
                                                 .x = x,
                                                 .x_stride = stride,
                                                 .dy = dy,
                                                 .dy_stride = stride,
                                                 .dx = dx,
                                                 .dx_stride = stride,
                                                 .weight = weight,
                                                 .epsilon = 1e-5f,
                                                 .dweight = dweight,
                                                 .dbias = dbias};
        kernels->norm_gradient(&norm);
        for (size_t i = 0; i < ROWS; i++) {
            check_norm_row(&norm, i, want[0], want[1]);
            assert_true(isnan(dx[i * stride + width]));
        }
        for (size_t j = 0; j < width; j++) {
            assert_close(dweight[j], want[0][j], 1e-5);
            assert_close(dbias[j], want[1][j], 1e-5);
        }
        check_dropped(kernels, &norm);
        struct cappy_norm_gradient in_place = norm;
        in_place.dx = dy;
        kernels->norm_gradient(&in_place);
        assert_memory_equal(dy, dx, width * sizeof(float));
        cappy_free(x);
        cappy_free(dy);
        cappy_free(dx);
        cappy_free(weight);
        cappy_free(dweight);
        cappy_free(dbias);
    }
}

static void test_norm(void **state)
{
    (void)state;
    for_each_set(check_norm);
    for_each_set(check_joint);
}

/* ---- Sums and steps ---- */

static void check_sums_across(const struct cappy_kernels *kernels, size_t m, size_t width, float *x)
{
    for (size_t p = 0; p < 2; p++) {
        const struct cappy_rows rows = make_rows(kernels, precisions[p], x, m, width, width + 1);
        float *sums = random_floats(m);
        double want[64];
        for (size_t i = 0; i < m; i++) {
            want[i] = (double)sums[i];
            for (size_t j = 0; j < width; j++) {
                want[i] += number_at(&rows, i, j);
            }
        }
        kernels->sums_across(&(struct cappy_row_sums){m, width, rows, sums});
        for (size_t i = 0; i < m; i++) {
            assert_close(sums[i], want[i], 1e-5);
        }
        cappy_free(sums);
        if (p != 0) {
            cappy_free(rows.data);
            cappy_free(rows.scales);
        }
    }
}

static void check_sums(const struct cappy_kernels *kernels)
{
    enum { ROWS = 37 };
    for (size_t w = 0; w < COUNT(widths); w++) {
        const size_t width = widths[w];
        float *x = random_rows(ROWS, width, width + 1);
        float *sums = random_floats(width);
        double want[1024];
        for (size_t j = 0; j < width; j++) {
            want[j] = (double)sums[j];
            for (size_t i = 0; i < ROWS; i++) {
                want[j] += (double)x[i * (width + 1) + j];
            }
        }
        const struct cappy_rows rows = rows_of(x, width + 1);
        kernels->row_sums(&(struct cappy_row_sums){ROWS, width, rows, sums});
        for (size_t j = 0; j < width; j++) {
            assert_close(sums[j], want[j], 1e-5);
        }
        check_sums_across(kernels, ROWS, width, x);
        cappy_free(x);
        cappy_free(sums);
    }
    enum { MANY = 100003 };
    float *x = random_floats(MANY);
    double want = 0;
    for (size_t i = 0; i < MANY; i++) {
        want += (double)x[i] * (double)x[i];
    }
    assert_true(fabs(kernels->squares(x, MANY) / want - 1) < 1e-6);
    assert_true(kernels->squares(x, 0) == 0.0);
    cappy_free(x);
}

static void test_sums(void **state)
{
    (void)state;
    for_each_set(check_sums);
}

static void check_adamw(const struct cappy_kernels *kernels)
{
    enum { N = 39 };
    const double rate = 1e-3;
    const double decay = 0.1;
    float *weight = random_floats(N);
    float *mean = cappy_alloc(N, sizeof *mean);
    float *square = cappy_alloc(N, sizeof *square);
    double want[3][N] = {{0}};
    for (size_t i = 0; i < N; i++) {
        want[0][i] = (double)weight[i];
    }
    for (int t = 1; t <= 5; t++) {
        float *gradient = random_floats(N);
        const double correction1 = 1 - pow(0.9, t);
        const double correction2 = 1 - pow(0.999, t);
        kernels->adamw(&(struct cappy_adamw){
            N, weight, mean, square, gradient, 0.5f, 0.9f, 0.999f, 1e-8f, (float)(1 - rate * decay),
            (float)(rate / correction1), (float)sqrt(correction2)});
        for (size_t i = 0; i < N; i++) {
            const double g = 0.5 * (double)gradient[i];
            want[0][i] *= 1 - rate * decay;
            want[1][i] = 0.9 * want[1][i] + 0.1 * g;
            want[2][i] = 0.999 * want[2][i] + 0.001 * g * g;
            want[0][i] -= rate / correction1 * want[1][i] / (sqrt(want[2][i] / correction2) + 1e-8);
            assert_close(weight[i], want[0][i], 2e-7);
        }
        cappy_free(gradient);
    }
    cappy_free(weight);
    cappy_free(mean);
    cappy_free(square);
}

static void test_adamw(void **state)
{
    (void)state;
    for_each_set(check_adamw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activation),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_adamw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
