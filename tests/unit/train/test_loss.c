/* SPDX-License-Identifier: Apache-2.0 */
/* The losses at points where they are known, and their derivatives by finite differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "train/loss.h"

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("%.12g is not %.12g", got, want);
    }
}

static void test_values(void **state)
{
    (void)state;
    const float z[] = {2.0f, 0.0f};
    const float y[] = {0.5f, 1.0f};
    float d[2];
    assert_near(cappy_loss(CAPPY_LOSS_MSE, 1, z, y, 2, 0.5, d), 1.625, 1e-12);
    assert_near((double)d[0], 1.5, 1e-6);
    assert_near((double)d[1], -1, 1e-6);
    assert_near(cappy_loss(CAPPY_LOSS_BCE, 1, z, y, 2, 1, d), log(1 + exp(2)) - 1 + log(2), 1e-12);
    assert_near((double)d[0], 1 / (1 + exp(-2)) - 0.5, 1e-7);
    assert_near((double)d[1], -0.5, 1e-7);
    /* Equal targets and equal scores: the entropy of a coin, and nothing to change. */
    const float same[] = {3.0f, 3.0f};
    assert_near(cappy_loss(CAPPY_LOSS_LISTWISE, 0.2, same, same, 2, 1, d), log(2), 1e-12);
    assert_near((double)d[0], 0, 1e-7);
    /* A single answer has nothing to be compared with. */
    assert_near(cappy_loss(CAPPY_LOSS_LISTWISE, 0.2, z, y, 1, 1, d), 0, 1e-12);
    assert_near((double)d[0], 0, 1e-12);
    /* Scores as they should be: the entropy of the targets, and nothing to change. */
    const float right[] = {1.0f, 0.0f};
    const double p = 1 / (1 + exp(-5));
    const double entropy = -p * log(p) - (1 - p) * log(1 - p);
    assert_near(cappy_loss(CAPPY_LOSS_COMBINED, 0.2, right, right, 2, 1, d), entropy, 1e-9);
    assert_near((double)d[0], 0, 1e-7);
    /* All too high by 1: the order is right, and the squared error is 1. */
    const float high[] = {2.0f, 1.0f};
    assert_near(cappy_loss(CAPPY_LOSS_COMBINED, 0.2, high, right, 2, 1, d), entropy + 2, 1e-9);
    assert_near((double)d[0], 2, 1e-6);
    assert_near((double)d[1], 2, 1e-6);
}

/* Scores far out must not overflow. */
static void test_extremes(void **state)
{
    (void)state;
    const float z[] = {1e4f, -1e4f, 1e30f};
    const float y[] = {1.0f, 0.0f, 1.0f};
    float d[3];
    assert_near(cappy_loss(CAPPY_LOSS_BCE, 1, z, y, 3, 1, d), 0, 1e-9);
    assert_true(isfinite(cappy_loss(CAPPY_LOSS_LISTWISE, 0.01, z, y, 2, 1, d)));
    const float bad[] = {NAN};
    assert_true(!isfinite(cappy_loss(CAPPY_LOSS_MSE, 1, bad, y, 1, 1, d)));
}

static void test_derivatives(void **state)
{
    (void)state;
    enum { N = 4 };
    const float y[N] = {0.0f, 0.3f, 1.0f, 0.3f};
    for (int kind = CAPPY_LOSS_MSE; kind < CAPPY_LOSSES; kind++) {
        float z[N] = {0.5f, -1.25f, 0.75f, 2.0f};
        float d[N];
        float unused[N];
        cappy_loss((enum cappy_loss_kind)kind, 0.5, z, y, N, 0.7, d);
        for (size_t i = 0; i < N; i++) {
            const float at = z[i];
            const float h = 0x1p-10f;
            z[i] = at + h;
            const double up = cappy_loss((enum cappy_loss_kind)kind, 0.5, z, y, N, 0.7, unused);
            z[i] = at - h;
            const double down = cappy_loss((enum cappy_loss_kind)kind, 0.5, z, y, N, 0.7, unused);
            z[i] = at;
            assert_near((double)d[i], (up - down) / (2 * (double)h), 1e-6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_derivatives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
