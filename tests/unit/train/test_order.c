/* SPDX-License-Identifier: Apache-2.0 */
/* The order of rows: a permutation for every number of rows, another for every epoch and seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>

#include "train/order.h"

static void test_permutation(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 300; n += n < 20 ? 1 : 37) {
        bool *seen = calloc(n, sizeof *seen);
        for (uint64_t i = 0; i < n; i++) {
            const uint64_t at = cappy_order_at(1, 0, n, i);
            assert_true(at < n && !seen[at]);
            seen[at] = true;
        }
        free(seen);
    }
    assert_true(cappy_order_at(1, 0, (uint64_t)1 << 40, 12345) < (uint64_t)1 << 40);
}

/* Rows that were behind one another are not so any more, nor at the place they had before. */
static void test_disorder(void **state)
{
    (void)state;
    enum { N = 10000 };
    size_t neighbours = 0;
    size_t same_epoch = 0;
    size_t same_seed = 0;
    double product = 0;
    for (uint64_t i = 0; i < N; i++) {
        const uint64_t at = cappy_order_at(1, 0, N, i);
        neighbours += at + 1 == cappy_order_at(1, 0, N, (i + 1) % N);
        same_epoch += at == cappy_order_at(1, 1, N, i);
        same_seed += at == cappy_order_at(2, 0, N, i);
        product += ((double)at / N - 0.5) * ((double)i / N - 0.5) * 12 / N;
    }
    assert_in_range(neighbours, 0, 8);
    assert_in_range(same_epoch, 0, 8);
    assert_in_range(same_seed, 0, 8);
    assert_true(product > -0.05 && product < 0.05); /* the correlation of place and row */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permutation),
        cmocka_unit_test(test_disorder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
