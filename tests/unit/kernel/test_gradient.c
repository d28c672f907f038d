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

static void check_activation(const struct cappy_kernels *kernels)
{
    static const enum cappy_epilogue functions[] = {CAPPY_EPILOGUE_GELU_ERF,
                                                    CAPPY_EPILOGUE_GELU_TANH, CAPPY_EPILOGUE_RELU};
    enum { WIDTH = 103, ROWS = 2, STRIDE = WIDTH + 2 };
    for (size_t f = 0; f < COUNT(functions); f++) {
        float *x = random_rows(ROWS, WIDTH, STRIDE);
        float *dy = random_rows(ROWS, WIDTH, STRIDE);
        float *y = random_rows(ROWS, 0, STRIDE);
        for (size_t i = 0; i < ROWS * STRIDE; i++) {
            x[i] *= i % 10 == 0 ? 30.0f : 3.0f;
        }
        struct cappy_activation a = {functions[f], ROWS, WIDTH, x, STRIDE, NULL, STRIDE, y, STRIDE};
        for (int backward = 0; backward < 2; backward++) {
            a.dy = backward ? dy : NULL;
            kernels->activation(&a);
            for (size_t i = 0; i < ROWS * STRIDE; i++) {
                if (i % STRIDE >= WIDTH) {
                    assert_true(isnan(y[i]));
                    continue;
                }
                const double h = 1e-6;
                const double at = (double)x[i];
                const double slope =
                    (apply(functions[f], at + h) - apply(functions[f], at - h)) / (2 * h);
                assert_close(y[i], backward ? slope * (double)dy[i] : apply(functions[f], at),
                             3e-6);
            }
        }
        a.y = dy;
        a.dy = dy;
        kernels->activation(&a); /* in place */
        for (size_t i = 0; i < ROWS * STRIDE; i++) {
            assert_true(i % STRIDE >= WIDTH || dy[i] == y[i]);
        }
        cappy_free(x);
        cappy_free(dy);
        cappy_free(y);
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
        const struct cappy_norm_gradient norm = {ROWS, width,  x,      stride, dy,      stride,
                                                 dx,   stride, weight, 1e-5f,  dweight, dbias};
        kernels->norm_gradient(&norm);
        for (size_t i = 0; i < ROWS; i++) {
            check_norm_row(&norm, i, want[0], want[1]);
            assert_true(isnan(dx[i * stride + width]));
        }
        for (size_t j = 0; j < width; j++) {
            assert_close(dweight[j], want[0][j], 1e-5);
            assert_close(dbias[j], want[1][j], 1e-5);
        }
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
}

/* ---- Sums and steps ---- */

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
        kernels->row_sums(&(struct cappy_row_sums){ROWS, width, x, width + 1, sums});
        for (size_t j = 0; j < width; j++) {
            assert_close(sums[j], want[j], 1e-5);
        }
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
