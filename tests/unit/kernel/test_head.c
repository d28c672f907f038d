/* SPDX-License-Identifier: Apache-2.0 */
/* Attention in training and its gradient, on rows of either precision and either way they lie, in
 * every kernel set, against plain loops in double over the same numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "kernels.h"

/* One head: what goes in and what comes out, in a precision, with garbage all around. */
enum array { Q, K, V, DY, Y, DQ, DK, DV, ARRAYS };

struct head {
    cappy_precision precision;
    size_t n;
    size_t queries;
    size_t width;
    const struct cappy_dropout *dropout;
    struct cappy_rows rows[ARRAYS];
    double *p;  /* [queries, n], behind dropout */
    double *ds; /* [queries, n] */
};

static size_t rows_of(const struct head *head, int array)
{
    return array == Q || array == DY || array == Y || array == DQ ? head->queries : head->n;
}

static void open_head(struct head *head, bool in_blocks)
{
    for (int i = 0; i < ARRAYS; i++) {
        head->rows[i] =
            random_rows_of(head->precision, rows_of(head, i), head->width, 2.0f, in_blocks);
    }
    head->p = calloc(head->queries * head->n, sizeof *head->p);
    head->ds = calloc(head->queries * head->n, sizeof *head->ds);
}

static void close_head(struct head *head)
{
    for (int i = 0; i < ARRAYS; i++) {
        cappy_free(head->rows[i].data);
    }
    free(head->p);
    free(head->ds);
}

static void run_head(const struct cappy_kernels *kernels, struct head *head)
{
    const struct cappy_rows *rows = head->rows;
    const size_t size = cappy_head_scratch(head->n, head->width);
    const size_t n_kept = cappy_head_kept(head->queries, head->n);
    float *scratch = random_floats(size + 16);
    uint16_t *kept = cappy_alloc_aligned(n_kept + 1, sizeof *kept);
    for (size_t i = 0; i < size; i++) {
        scratch[i] = NAN; /* what it held before must not matter */
    }
    memset(scratch + size, 1, 16 * sizeof *scratch);
    memset(kept, 0xff, n_kept * sizeof *kept);
    kept[n_kept] = 77;
    const struct cappy_attention_head_gradient gradient = {
        .head = {.precision = head->precision,
                 .n = head->n,
                 .n_queries = head->queries,
                 .width = head->width,
                 .q = rows[Q].data,
                 .k = rows[K].data,
                 .v = rows[V].data,
                 .y = rows[Y].data,
                 .q_stride = rows[Q].stride,
                 .kv_stride = rows[K].stride,
                 .y_stride = rows[Y].stride,
                 .q_step = rows[Q].step,
                 .kv_step = rows[K].step,
                 .y_step = rows[Y].step,
                 .scale = 1 / sqrtf((float)head->width),
                 .kept = kept,
                 .scratch = scratch,
                 .dropout = head->dropout},
        .dy = rows[DY].data,
        .dy_stride = rows[DY].stride,
        .dy_step = rows[DY].step,
        .dq = rows[DQ].data,
        .dq_stride = rows[DQ].stride,
        .dq_step = rows[DQ].step,
        .dk = rows[DK].data,
        .dv = rows[DV].data,
        .dkv_stride = rows[DK].stride,
        .dkv_step = rows[DK].step,
    };
    kernels->head(&gradient.head);
    for (size_t i = 0; i < size; i++) {
        scratch[i] = NAN;
    }
    kernels->head_gradient(&gradient);
    assert_int_equal(kept[n_kept], 77);
    for (size_t i = 0; i < 16 * sizeof *scratch; i++) {
        assert_int_equal(((const char *)(scratch + size))[i], 1);
    }
    cappy_free(scratch);
    cappy_free(kept);
}

/* ---- The same in double ---- */

static double dot(const struct cappy_rows *a, size_t i, const struct cappy_rows *b, size_t j,
                  size_t width)
{
    double sum = 0;
    for (size_t d = 0; d < width; d++) {
        sum += number_at(a, i, d) * number_at(b, j, d);
    }
    return sum;
}

static void compute(const struct cappy_kernels *kernels, struct head *head)
{
    const size_t n = head->n;
    const double scale = 1 / sqrt((double)head->width);
    float *factors = random_floats(head->queries * n);
    for (size_t i = 0; i < head->queries * n; i++) {
        factors[i] = 1;
    }
    if (head->dropout != NULL) {
        kernels->drop(&(struct cappy_dropping){*head->dropout, head->queries, n, factors, n});
    }
    for (size_t i = 0; i < head->queries; i++) {
        double *p = head->p + i * n;
        double *ds = head->ds + i * n;
        double sum = 0;
        double mean = 0;
        for (size_t j = 0; j < n; j++) {
            p[j] = exp(scale * dot(&head->rows[Q], i, &head->rows[K], j, head->width));
            sum += p[j];
        }
        for (size_t j = 0; j < n; j++) {
            const double factor = (double)factors[i * n + j];
            p[j] /= sum;
            ds[j] = factor * dot(&head->rows[DY], i, &head->rows[V], j, head->width);
            mean += p[j] * ds[j];
        }
        for (size_t j = 0; j < n; j++) {
            ds[j] = scale * p[j] * (ds[j] - mean);
            p[j] *= (double)factors[i * n + j];
        }
    }
    cappy_free(factors);
}

/* Number (i, d) of what comes out. */
static double want_at(const struct head *head, int array, size_t i, size_t d)
{
    const size_t n = head->n;
    double sum = 0;
    for (size_t j = 0; (array == Y || array == DQ) && j < n; j++) {
        sum += (array == Y ? head->p : head->ds)[i * n + j] *
               number_at(&head->rows[array == Y ? V : K], j, d);
    }
    for (size_t j = 0; (array == DK || array == DV) && j < head->queries; j++) {
        sum += (array == DV ? head->p : head->ds)[j * n + i] *
               number_at(&head->rows[array == DV ? DY : Q], j, d);
    }
    return sum;
}

/* Off by at most `most` of the largest number, and in the mean by `mean` of the root mean square;
 * and by that much of 1 and of 1/2, since differences of such numbers may be small. */
static void compare(const struct head *head, int array, double most, double mean)
{
    double largest = 1;
    double worst = 0;
    double squares = 0.25;
    double errors = 0;
    const double count = (double)(rows_of(head, array) * head->width);
    for (size_t i = 0; i < rows_of(head, array); i++) {
        for (size_t d = 0; d < head->width; d++) {
            const double want = want_at(head, array, i, d);
            const double error = fabs(number_at(&head->rows[array], i, d) - want);
            assert_true(error >= 0); /* a number */
            largest = fmax(largest, fabs(want));
            worst = fmax(worst, error);
            squares += want * want / count;
            errors += error * error / count;
        }
    }
    if (worst > most * largest || sqrt(errors) > mean * sqrt(squares)) {
        fail_msg("array %d, %zu queries, %zu keys, width %zu: off by %.2g of %.2g, in the mean by "
                 "%.2g",
                 array, head->queries, head->n, head->width, worst, largest,
                 sqrt(errors / squares));
    }
}

static void check_case(const struct cappy_kernels *kernels, struct head head, bool in_blocks)
{
    const bool is_narrow = head.precision == CAPPY_PRECISION_BF16;
    open_head(&head, in_blocks);
    run_head(kernels, &head);
    compute(kernels, &head);
    for (int array = Y; array < ARRAYS; array++) {
        compare(&head, array, is_narrow ? 0.02 : 2e-5, is_narrow ? 0.01 : 1e-5);
    }
    close_head(&head);
}

static void check_heads(const struct cappy_kernels *kernels)
{
    static const size_t lengths[] = {1, 2, 31, 32, 33, 64, 103, 130};
    static const size_t widths[] = {5, 12, 32, 64};
    const struct cappy_dropout dropout = {{1, 2}, 3, 20000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < sizeof widths / sizeof widths[0]; j++) {
            const size_t n = lengths[i];
            struct head head = {CAPPY_PRECISION_FP32, n, n, widths[j], NULL, {{0}}, NULL, NULL};
            check_case(kernels, head, false);
            head.precision = CAPPY_PRECISION_BF16;
            check_case(kernels, head, false);
            head.dropout = &dropout;
            check_case(kernels, head, false);
            if (widths[j] % CAPPY_BLOCK == 0) {
                check_case(kernels, head, true);
                head.queries = 1;
                check_case(kernels, head, true);
            }
        }
    }
}

static void test_heads(void **state)
{
    (void)state;
    for_each_set(check_heads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_heads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
