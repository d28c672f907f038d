/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows make the batches: each once an epoch, instructions whole, the same from any place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "train/plan.h"

enum { ROWS = 50, GROUPS = 12 };

/* A dataset of lengths only; with groups, of 1, 2, ... rows in turn. */
struct rows {
    struct cappy_dataset_row rows[ROWS];
    size_t groups[GROUPS + 1];
    struct cappy_dataset dataset;
};

static void make(struct rows *rows, bool grouped)
{
    *rows = (struct rows){.dataset = {.descriptor = -1, .n = ROWS}};
    rows->dataset.rows = rows->rows;
    if (grouped) {
        rows->dataset.groups = rows->groups;
        rows->dataset.n_groups = GROUPS;
        for (size_t i = 0; i < GROUPS; i++) {
            rows->groups[i + 1] = i + 1 < GROUPS ? rows->groups[i] + 1 + i % 6 : ROWS;
            assert_true(rows->groups[i + 1] > rows->groups[i]);
        }
    }
}

/* Takes all batches of a plan, and counts how often each row comes. */
static size_t take_all(struct cappy_plan *plan, size_t *counts)
{
    size_t n = 0;
    memset(counts, 0, ROWS * sizeof *counts);
    for (size_t position = 0;; n++) {
        assert_int_equal(cappy_plan_next(plan, &position, NULL), CAPPY_OK);
        if (plan->n == 0) {
            assert_int_equal(position, plan->end);
            return n;
        }
        for (size_t i = 0; i < plan->n; i++) {
            assert_in_range(plan->rows[i], 0, ROWS - 1);
            counts[plan->rows[i]]++;
        }
    }
}

static void test_rows(void **state)
{
    struct rows rows;
    size_t counts[ROWS];
    size_t batches;
    (void)state;
    make(&rows, false);
    struct cappy_plan plan = {
        .dataset = &rows.dataset, .seed = 3, .batch_size = 8, .end = 2 * ROWS};
    assert_int_equal(cappy_plan_units(&rows.dataset), ROWS);
    assert_int_equal(take_all(&plan, counts), 13); /* 100 rows by 8 */
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(counts[i], 2);
    }
    assert_int_equal(cappy_plan_count(&plan, &batches, NULL), CAPPY_OK);
    assert_int_equal(batches, 13);
    plan.end = ROWS; /* the first epoch alone */
    take_all(&plan, counts);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(counts[i], 1);
    }
    cappy_plan_free(&plan);
}

static void test_groups(void **state)
{
    struct rows rows;
    size_t counts[ROWS];
    size_t batches;
    (void)state;
    make(&rows, true);
    struct cappy_plan plan = {
        .dataset = &rows.dataset, .seed = 3, .batch_size = 8, .end = 3 * GROUPS};
    const size_t n = take_all(&plan, counts);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(counts[i], 3);
    }
    assert_int_equal(cappy_plan_count(&plan, &batches, NULL), CAPPY_OK);
    assert_int_equal(batches, n);
    for (size_t position = 0; position < plan.end;) {
        assert_int_equal(cappy_plan_next(&plan, &position, NULL), CAPPY_OK);
        for (size_t unit = 0; unit < plan.n_units; unit++) {
            const size_t first = plan.rows[plan.units[unit]];
            size_t group = 0;
            while (rows.groups[group] != first) {
                group++;
                assert_true(group < GROUPS); /* a unit begins where a group does */
            }
            const size_t size = plan.units[unit + 1] - plan.units[unit];
            assert_int_equal(size, rows.groups[group + 1] - rows.groups[group]);
            for (size_t i = 0; i < size; i++) {
                assert_int_equal(plan.rows[plan.units[unit] + i], first + i);
            }
        }
        /* Full, but for the last unit. */
        assert_true(plan.units[plan.n_units - 1] < plan.batch_size);
        assert_true(plan.n >= plan.batch_size || position == plan.end);
    }
    cappy_plan_free(&plan);
}

/* A batch follows from the position alone, and the seed and the epoch change the order. */
static void test_places(void **state)
{
    struct rows rows;
    size_t first[8];
    size_t position = 0;
    (void)state;
    make(&rows, false);
    struct cappy_plan plan = {
        .dataset = &rows.dataset, .seed = 3, .batch_size = 8, .end = SIZE_MAX};
    assert_int_equal(cappy_plan_next(&plan, &position, NULL), CAPPY_OK);
    memcpy(first, plan.rows, sizeof first);
    position = ROWS;
    assert_int_equal(cappy_plan_next(&plan, &position, NULL), CAPPY_OK);
    assert_memory_not_equal(first, plan.rows, sizeof first);
    position = 0;
    assert_int_equal(cappy_plan_next(&plan, &position, NULL), CAPPY_OK);
    assert_memory_equal(first, plan.rows, sizeof first);
    plan.seed = 4;
    position = 0;
    assert_int_equal(cappy_plan_next(&plan, &position, NULL), CAPPY_OK);
    assert_memory_not_equal(first, plan.rows, sizeof first);
    cappy_plan_free(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
