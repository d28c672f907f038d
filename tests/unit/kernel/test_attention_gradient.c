/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of attention in every kernel set against plain loops in double, with dropout and
 * without; and dropout itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "kernels.h"

/* The factors that dropout puts on row `row`. */
static void find_factors(const struct cappy_kernels *kernels, const struct cappy_dropout *dropout,
                         size_t rows, size_t n, float *factors)
{
    for (size_t i = 0; i < rows * n; i++) {
        factors[i] = 1;
    }
    if (dropout != NULL) {
        kernels->drop(&(struct cappy_dropping){*dropout, rows, n, factors, n});
    }
}

struct reference {
    double *p;  /* [queries, n] */
    double *ds; /* [queries, n] */
};

static void compute_reference(const struct cappy_attention_gradient *g, const float *factors,
                              struct reference *r)
{
    const struct cappy_attention *head = &g->head;
    const size_t n = head->n;
    for (size_t i = 0; i < head->n_queries; i++) {
        double *p = r->p + i * n;
        double *ds = r->ds + i * n;
        double sum = 0;
        double mean = 0;
        for (size_t j = 0; j < n; j++) {
            double dot = 0;
            ds[j] = 0;
            for (size_t d = 0; d < head->width; d++) {
                dot += (double)head->q[i * head->q_stride + d] *
                       (double)head->k[j * head->kv_stride + d];
                ds[j] += (double)g->dy[i * g->dy_stride + d] *
                         (double)head->v[j * head->kv_stride + d] * (double)factors[i * n + j];
            }
            p[j] = exp(dot * (double)head->scale);
            sum += p[j];
        }
        for (size_t j = 0; j < n; j++) {
            p[j] /= sum;
            mean += p[j] * ds[j];
        }
        for (size_t j = 0; j < n; j++) {
            ds[j] = p[j] * (ds[j] - mean) * (double)head->scale;
        }
    }
}

static void check_gradients(const struct cappy_attention_gradient *g, const float *factors,
                            const struct reference *r)
{
    const struct cappy_attention *head = &g->head;
    const size_t n = head->n;
    for (size_t d = 0; d < head->width; d++) {
        for (size_t i = 0; i < head->n_queries; i++) {
            double want = 0;
            for (size_t j = 0; j < n; j++) {
                want += r->ds[i * n + j] * (double)head->k[j * head->kv_stride + d];
            }
            assert_true(fabs((double)g->dq[i * g->dq_stride + d] - want) < 2e-5);
        }
        for (size_t j = 0; j < n; j++) {
            double want_k = 0;
            double want_v = 0;
            for (size_t i = 0; i < head->n_queries; i++) {
                want_k += r->ds[i * n + j] * (double)head->q[i * head->q_stride + d];
                want_v += r->p[i * n + j] * (double)factors[i * n + j] *
                          (double)g->dy[i * g->dy_stride + d];
            }
            assert_true(fabs((double)g->dk[j * g->dkv_stride + d] - want_k) < 2e-5);
            assert_true(fabs((double)g->dv[j * g->dkv_stride + d] - want_v) < 2e-5);
        }
    }
}

static void check_case(const struct cappy_kernels *kernels, size_t n, size_t queries, size_t width,
                       const struct cappy_dropout *dropout)
{
    const size_t stride = 3 * width + 1;
    const size_t size = cappy_attention_gradient_scratch(n, width);
    float *qkv = random_rows(n, 3 * width, stride);
    float *dqkv = random_rows(n, 0, stride);
    float *dy = random_rows(queries, width, width + 2);
    float *scratch = random_floats(size);
    float *factors = random_floats(queries * n);
    struct reference r = {calloc(queries * n, sizeof(double)), calloc(queries * n, sizeof(double))};
    struct cappy_attention_gradient g = {
        .head = {CAPPY_PRECISION_FP32, n, queries, width, qkv, stride, qkv + width, qkv + 2 * width,
                 stride, NULL, 0, 3.0f / sqrtf((float)width), scratch, dropout},
        .dy = dy,
        .dy_stride = width + 2,
        .dq = dqkv,
        .dq_stride = stride,
        .dk = dqkv + width,
        .dv = dqkv + 2 * width,
        .dkv_stride = stride,
    };
    for (size_t i = 0; i < size; i++) {
        scratch[i] = NAN; /* what it held before must not matter */
    }
    kernels->attention_gradient(&g);
    find_factors(kernels, dropout, queries, n, factors);
    compute_reference(&g, factors, &r);
    check_gradients(&g, factors, &r);
    assert_true(isnan(dqkv[3 * width]));
    cappy_free(qkv);
    cappy_free(dqkv);
    cappy_free(dy);
    cappy_free(scratch);
    cappy_free(factors);
    free(r.p);
    free(r.ds);
}

static void check_attention(const struct cappy_kernels *kernels)
{
    static const size_t lengths[] = {1, 2, 15, 16, 33, 64, 103};
    static const size_t widths[] = {1, 8, 12, 64};
    const struct cappy_dropout dropout = {{1, 2}, 3, 20000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < sizeof widths / sizeof widths[0]; j++) {
            check_case(kernels, lengths[i], lengths[i], widths[j], NULL);
        }
        check_case(kernels, lengths[i], 1, 12, NULL);
        check_case(kernels, lengths[i], lengths[i], 12, &dropout);
    }
}

static void test_attention(void **state)
{
    (void)state;
    for_each_set(check_attention);
}

/* ---- Dropout ---- */

/* Attention with dropout: the factors are on the weights after softmax. */
static void check_forward(const struct cappy_kernels *kernels)
{
    enum { N = 29, WIDTH = 8 };
    const struct cappy_dropout dropout = {{5, 6}, 7, 30000};
    float *qkv = random_floats((size_t)N * 3 * WIDTH);
    float *scratch = random_floats(cappy_attention_scratch(N, WIDTH));
    float y[N * WIDTH];
    float factors[N * N];
    const struct cappy_attention head = {
        CAPPY_PRECISION_FP32, N,         N, WIDTH, qkv,  3 * WIDTH, qkv + WIDTH,
        qkv + 2 * WIDTH,      3 * WIDTH, y, WIDTH, 1.0f, scratch,   &dropout};
    kernels->attention(&head);
    find_factors(kernels, &dropout, N, N, factors);
    for (size_t i = 0; i < N; i++) {
        double p[N];
        double sum = 0;
        for (size_t j = 0; j < N; j++) {
            double dot = 0;
            for (size_t d = 0; d < WIDTH; d++) {
                dot += (double)qkv[i * 3 * WIDTH + d] * (double)qkv[j * 3 * WIDTH + WIDTH + d];
            }
            p[j] = exp(dot);
            sum += p[j];
        }
        for (size_t d = 0; d < WIDTH; d++) {
            double want = 0;
            for (size_t j = 0; j < N; j++) {
                want += p[j] / sum * (double)factors[i * N + j] *
                        (double)qkv[j * 3 * WIDTH + 2 * WIDTH + d];
            }
            assert_true(fabs((double)y[i * WIDTH + d] - want) < 1e-5);
        }
    }
    cappy_free(qkv);
    cappy_free(scratch);
}

/* The share that is dropped is right, and what is dropped is the same on every set. */
static void check_share(const struct cappy_kernels *kernels)
{
    enum { ROWS = 50, WIDTH = 700 };
    static uint32_t first_digest;
    float *x = random_floats(ROWS * WIDTH);
    const struct cappy_dropout dropout = {{1, 2}, 3, 6554}; /* a tenth */
    find_factors(kernels, &dropout, ROWS, WIDTH, x);
    size_t dropped = 0;
    uint32_t digest = 0;
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        assert_true(x[i] == 0.0f || fabsf(x[i] - 1.0f / 0.9f) < 1e-4f);
        dropped += x[i] == 0.0f;
        digest = digest * 31 + (x[i] == 0.0f);
    }
    const double share = (double)dropped / (ROWS * WIDTH);
    assert_true(fabs(share - 0.1) < 5 * sqrt(0.09 / (ROWS * WIDTH)));
    assert_true(first_digest == 0 || digest == first_digest);
    first_digest = digest;
    assert_true(memcmp(x, x + WIDTH, WIDTH * sizeof *x) != 0);
    cappy_free(x);
}

static void test_dropout(void **state)
{
    (void)state;
    for_each_set(check_forward);
    for_each_set(check_share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_dropout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
