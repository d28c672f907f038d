/* SPDX-License-Identifier: Apache-2.0 */
/* How rows are parted: the shares and their limits, the same whatever the order, no group and no
 * instruction on two sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/split.h"

static cappy_text text_of(const char *text)
{
    return (cappy_text){text, strlen(text)};
}

static void add(struct cappy_split *split, const char *group, const char *instruction)
{
    assert_int_equal(cappy_split_add(split, text_of(group), text_of(instruction), NULL), CAPPY_OK);
}

/* Rows of so many instructions, each `times` times. */
static void fill(struct cappy_split *split, int n, int times)
{
    for (int i = 0; i < n * times; i++) {
        char text[32];
        snprintf(text, sizeof text, "instruction %d", i % n);
        add(split, text, text);
    }
}

static enum cappy_side side_of(const struct cappy_split *split, int i)
{
    char text[32];
    snprintf(text, sizeof text, "instruction %d", i);
    return cappy_split_side(split, text_of(text), text_of(text));
}

static void assert_counts(const struct cappy_split *split, size_t train, size_t validation,
                          size_t held_out)
{
    assert_int_equal(split->n_groups[CAPPY_SIDE_TRAIN], train);
    assert_int_equal(split->n_groups[CAPPY_SIDE_VALIDATION], validation);
    assert_int_equal(split->n_groups[CAPPY_SIDE_HELD_OUT], held_out);
}

static void test_shares(void **state)
{
    static const struct {
        int n;
        int times;
        double share;
        size_t most;
        size_t most_validation;
        size_t most_training;
        size_t sides[CAPPY_SIDES]; /* training, validation, held out */
    } cases[] = {
        {1000, 1, 0.2, 500, 500, SIZE_MAX, {700, 100, 200}},
        {1000, 1, 0.2, 50, 20, SIZE_MAX, {930, 20, 50}},
        {1000, 1, 0, 500, 500, SIZE_MAX, {900, 100, 0}},
        {1000, 3, 0.2, 9999, 9999, SIZE_MAX, {700, 100, 200}},
        {1000,
         3,
         0.2,
         30,
         10,
         SIZE_MAX,
         {1000 - 14, 4, 10}}, /* limits are of rows, groups stay whole */
        {1000, 1, 0.2, 500, 500, 300, {300, 100, 200}},
        {1000, 3, 0.2, 9999, 9999, 100, {34, 100, 200}},
        {3, 1, 0.2, 500, 500, SIZE_MAX, {1, 1, 1}},
        {2, 1, 0.2, 500, 500, SIZE_MAX, {0, 1, 1}},
        {1, 1, 0.2, 500, 500, SIZE_MAX, {0, 0, 1}},
        {0, 1, 0.2, 500, 500, SIZE_MAX, {0, 0, 0}},
        {0, 1, 0, 500, 500, SIZE_MAX, {0, 0, 0}},
    };
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct cappy_split split = {.seed = c};
        size_t counted[CAPPY_SIDE_SPARE + 1] = {0};
        fill(&split, cases[c].n, cases[c].times);
        const struct cappy_split_limits enough = {cases[c].most_training, cases[c].most_validation,
                                                  cases[c].most};
        cappy_split_make(&split, cases[c].share, &enough);
        assert_counts(&split, cases[c].sides[0], cases[c].sides[1], cases[c].sides[2]);
        for (int i = 0; i < cases[c].n; i++) {
            counted[side_of(&split, i)]++;
        }
        assert_memory_equal(counted, cases[c].sides, sizeof cases[c].sides);
        assert_int_equal(counted[CAPPY_SIDE_NONE], 0);
        assert_int_equal(counted[CAPPY_SIDE_SPARE] * (size_t)cases[c].times, split.n_spare);
        cappy_split_free(&split);
    }
}

/* Neither the order of the rows nor how often they come matters; the seed does. */
static void test_order(void **state)
{
    enum { N = 300 };
    static const struct cappy_split_limits enough = {SIZE_MAX, N, N};
    struct cappy_split one = {.seed = 5};
    struct cappy_split turned = {.seed = 5};
    struct cappy_split other = {.seed = 6};
    size_t n_moved = 0;
    (void)state;
    fill(&one, N, 1);
    fill(&other, N, 1);
    for (int i = N; i-- > 0;) {
        char text[32];
        snprintf(text, sizeof text, "instruction %d", i);
        for (int times = 0; times <= i % 3; times++) {
            add(&turned, text, text);
        }
    }
    cappy_split_make(&one, 0.2, &enough);
    cappy_split_make(&turned, 0.2, &enough);
    cappy_split_make(&other, 0.2, &enough);
    for (int i = 0; i < N; i++) {
        assert_int_equal(side_of(&one, i), side_of(&turned, i));
        n_moved += side_of(&one, i) != side_of(&other, i);
    }
    assert_in_range(n_moved, N / 8, N);
    cappy_split_free(&one);
    cappy_split_free(&turned);
    cappy_split_free(&other);
}

/* Four prompts of each of 100 examples, one of which is the same for two of them. */
static void test_groups(void **state)
{
    enum { N = 100 };
    struct cappy_split split = {.seed = 1};
    char group[32];
    char text[64];
    size_t n_out = 0;
    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 4 * N; i++) {
            snprintf(group, sizeof group, "%d", i % N);
            snprintf(text, sizeof text, "prompt %d of %d", i / N, i < N ? i % N / 2 : i % N);
            if (pass == 0) {
                add(&split, group, text);
                continue;
            }
            const enum cappy_side side = cappy_split_side(&split, text_of(group), text_of(text));
            snprintf(text, sizeof text, "prompt 3 of %d", i % N);
            const enum cappy_side own = cappy_split_side(&split, text_of(group), text_of(text));
            if (side == CAPPY_SIDE_NONE) {
                /* The neighbour has the same prompt, and is on a higher side. */
                snprintf(group, sizeof group, "%d", (i % N) ^ 1);
                snprintf(text, sizeof text, "prompt 3 of %d", (i % N) ^ 1);
                assert_true(i < N);
                assert_true(cappy_split_side(&split, text_of(group), text_of(text)) > own);
                n_out++;
            } else {
                assert_int_equal(side, own);
            }
        }
        if (pass == 0) {
            const struct cappy_split_limits enough = {SIZE_MAX, N * 4, N * 4};
            cappy_split_make(&split, 0.2, &enough);
        }
    }
    assert_counts(&split, 70, 10, 20);
    assert_in_range(n_out, 10, 30);
    cappy_split_free(&split);
}

static void test_hold(void **state)
{
    struct cappy_split split = {.seed = 1};
    (void)state;
    assert_false(cappy_split_holds(&split, text_of("instruction 1")));
    fill(&split, 20, 2);
    cappy_split_hold(&split);
    assert_int_equal(split.n_groups[CAPPY_SIDE_HELD_OUT], 20);
    assert_true(cappy_split_holds(&split, text_of("instruction 19")));
    assert_false(cappy_split_holds(&split, text_of("instruction 20")));
    assert_false(cappy_split_holds(&split, text_of("")));
    cappy_split_free(&split);
    cappy_split_hold(&split); /* of no rows */
    assert_false(cappy_split_holds(&split, text_of("instruction 19")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
