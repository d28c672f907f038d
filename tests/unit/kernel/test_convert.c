/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in bf16 and int8 against the definition in kernel.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels.h"

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
            const uint8_t *row = (const uint8_t *)rows.data + i * rows.stride;
            round_exactly(precisions[p], x + i * (k + 1), k, exact);
            for (size_t j = 0; j < cappy_row_size(precisions[p], k) / (p == 1 ? 2 : 1); j++) {
                const double got = number_at(&rows, i, j);
                /* INT8: a number between two steps may go either way by the rounding of 1 /
                 * scale. */
                double allowed = p == 1 ? 0 : (double)rows.scales[i] * 0.501;
                double wanted = j < k ? (p == 1 ? exact[j] : (double)x[i * (k + 1) + j]) : 0;
                assert_true(fabs(got - wanted) <= allowed);
            }
            assert_int_equal(row[cappy_row_size(precisions[p], k)], 0xff);
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

static void test_conversion(void **state)
{
    (void)state;
    for_each_set(check_conversion);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
