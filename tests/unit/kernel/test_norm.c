/* SPDX-License-Identifier: Apache-2.0 */
/* Layer normalisation of every kernel set against plain loops in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels.h"

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
        &(struct cappy_norm){ROWS, width, x, stride, y, stride, weight, bias, 1e-5f, {0}, 0, 0});
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

static void test_norm(void **state)
{
    (void)state;
    for_each_set(check_norm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
