/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of every kernel set against plain loops in double, and each query alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "kernels.h"

static void check_attention_case(const struct cappy_kernels *kernels, cappy_precision precision,
                                 size_t n, size_t width)
{
    /* bf16 has eight bits; that of a score is in the exponent. */
    const double bound = precision == CAPPY_PRECISION_FP32 ? 5e-6 : 0.03;
    const size_t stride = 3 * width + 1;
    const size_t y_stride = width + 2;
    float *qkv = random_rows(n, 3 * width, stride);
    float *y = random_rows(n, 0, y_stride);
    float *alone = random_rows(1, 0, y_stride);
    float *scratch = random_floats(cappy_attention_scratch(n, width));
    double *weight = calloc(n, sizeof *weight);
    const float scale = 3.0f / sqrtf((float)width);
    struct cappy_attention head = {
        precision,       n,      n, width,    qkv,   stride,  qkv + width,
        qkv + 2 * width, stride, y, y_stride, scale, scratch, NULL};
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
            assert_true(fabs((double)y[i * y_stride + d] - want) < bound);
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
            check_attention_case(kernels, CAPPY_PRECISION_FP32, lengths[i], widths[j]);
            check_attention_case(kernels, CAPPY_PRECISION_BF16, lengths[i], widths[j]);
        }
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
        cmocka_unit_test(test_attention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
