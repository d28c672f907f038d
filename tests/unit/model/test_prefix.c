/* SPDX-License-Identifier: Apache-2.0 */
/* The prefix mask: scores against the reference's, the same bits whichever pairs share a prefix,
 * and that what is shared is computed once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../refusal.h"
#include "../temp.h"
#include "golden_scores.h"
#include "model/model.h"

enum { LENGTH = 64 };

/* The pairs of tests/golden/prefix for `name`, and a model with the prefix mask. */
static void open_golden(struct golden *golden, const char *name, const char *model,
                        cappy_precision precision)
{
    char file[64];
    snprintf(file, sizeof file, "%s.json", name);
    golden_open(golden, "prefix", file, model, precision);
    golden->model->config.mask = CAPPY_MASK_PREFIX; /* as its config.json would say */
}

static const char *const models[] = {"bert", "roberta"};

static void check_reference(void)
{
    for (size_t m = 0; m < 2; m++) {
        struct golden golden;
        float scores[MAX_PAIRS * MAX_LABELS];
        open_golden(&golden, models[m], models[m], CAPPY_PRECISION_FP32);
        cappy_scorer *scorer = golden_scorer(&golden, 1, LENGTH);
        assert_int_equal(cappy_score(scorer, golden.pairs, golden.n, scores, NULL), CAPPY_OK);
        const double worst = golden_worst(&golden, scores);
        print_message("%s, %s: worst |score - reference| %.1e\n", models[m],
                      golden.model->kernels->name, worst);
        assert_true(worst < 1e-4);
        cappy_scorer_free(scorer);
        golden_close(&golden);
    }
}

static void test_reference(void **state)
{
    (void)state;
    with_each_set(check_reference);
}

#if defined(CAPPY_TEST_EMULATED) || defined(__SANITIZE_ADDRESS__)
enum { ROUNDS = 6, MOST = 60 }; /* an emulated processor is a hundred times slower */
#else
enum { ROUNDS = 30, MOST = 150 };
#endif

/* Pairs of the same instruction behind one another, in groups of random size and order. */
static size_t draw_groups(const struct golden *golden, size_t round, size_t most, size_t *which)
{
    const size_t n = round % 2 == 0 ? (size_t)random() % most : (size_t)random() % 20;
    const size_t longest = 1 + (size_t)random() % 40; /* of a group */
    for (size_t i = 0; i < n; i++) {
        const bool is_new = i == 0 || (size_t)random() % longest == 0;
        const size_t first = is_new ? (size_t)random() % golden->n : which[i - 1];
        which[i] = first / 7 * 7 + (size_t)random() % 7; /* seven pairs an instruction */
    }
    return n;
}

static void check_groups(const char *name, const char *model, cappy_precision precision)
{
    struct golden golden;
    open_golden(&golden, name, model, precision);
    golden_check_batches(&golden, LENGTH, 3, ROUNDS, MOST, draw_groups);
    golden_close(&golden);
}

static void check_precisions(void)
{
    for (size_t m = 0; m < 2; m++) {
        for (cappy_precision p = CAPPY_PRECISION_FP32; p <= CAPPY_PRECISION_INT8; p++) {
            check_groups(models[m], models[m], p);
        }
    }
}

static void test_batch_invariance(void **state)
{
    (void)state;
    srandom(3);
#if defined(CAPPY_TEST_EMULATED)
    check_precisions(); /* with the set that would be chosen */
#else
    with_each_set(check_precisions);
#endif
}

/* Of a model whose rows are whole blocks, and enough layers that some are int8 as a whole. */
static void test_batch_invariance_default(void **state)
{
    (void)state;
#if defined(CAPPY_TEST_EMULATED)
    print_message("SKIPPED: too slow in an emulator\n");
    skip();
#endif
    srandom(4);
    for (cappy_precision p = CAPPY_PRECISION_FP32; p <= CAPPY_PRECISION_INT8; p++) {
        check_groups("bert", "../../models/default", p);
    }
}

/* What a scorer counts for pairs [first, first + n). */
static cappy_scorer_counts count(const struct golden *golden, size_t first, size_t n)
{
    float scores[MAX_PAIRS * MAX_LABELS];
    cappy_scorer_counts counts = {.struct_size = sizeof counts};
    cappy_scorer *scorer = golden_scorer(golden, 1, LENGTH);
    assert_int_equal(cappy_score(scorer, golden->pairs + first, n, scores, NULL), CAPPY_OK);
    assert_int_equal(cappy_scorer_count(scorer, &counts, NULL), CAPPY_OK);
    cappy_scorer_free(scorer);
    return counts;
}

static void test_counts(void **state)
{
    (void)state;
    struct golden golden;
    open_golden(&golden, "bert", "bert", CAPPY_PRECISION_FP32);
    cappy_scorer_counts sum = {0};
    uint64_t head = 0;
    for (size_t i = 0; i < 6; i++) {
        const cappy_scorer_counts one = count(&golden, i, 1);
        const json_t *row = json_array_get(golden.rows, i);
        sum.tokens += one.tokens;
        sum.operations += one.operations;
        head = (uint64_t)json_integer_value(json_object_get(row, "head"));
    }
    const cappy_scorer_counts all = count(&golden, 0, 6);
    assert_int_equal(all.tokens, sum.tokens - 5 * head);
    assert_true(all.operations < sum.operations);
    assert_int_equal(all.pairs, 6);
    golden_close(&golden);
}

/* A tokenizer without a token between the texts, here one without a post_processor, does not go
 * with the mask. */
static void test_split(void **state)
{
    (void)state;
    struct golden golden;
    struct temp temp;
    cappy_error error;
    char path[GOLDEN_PATH];
    json_t *spec;
    cappy_model plain = {0};
    open_golden(&golden, "bert", "bert", CAPPY_PRECISION_FP32);
    assert_int_equal(cappy_pair_prefix(golden.model->tokenizer, 5), 6);
    golden_close(&golden);
    open_golden(&golden, "roberta", "roberta", CAPPY_PRECISION_FP32);
    assert_int_equal(cappy_pair_prefix(golden.model->tokenizer, 5), 7);
    golden_close(&golden);
    golden_path(path, "bert", "tokenizer.json");
    assert_int_equal(cappy_json_read(path, 1 << 24, &spec, &error), CAPPY_OK);
    json_object_del(spec, "post_processor");
    temp_make(&temp);
    assert_int_equal(json_dump_file(spec, temp_path(&temp, "tokenizer.json"), 0), 0);
    json_decref(spec);
    assert_int_equal(cappy_tokenizer_open(temp.directory, &plain.tokenizer, &error), CAPPY_OK);
    assert_int_equal(cappy_pair_prefix(plain.tokenizer, 5), 0);
    assert_refused(cappy_model_check_mask(&plain, CAPPY_MASK_PREFIX, &error), &error,
                   CAPPY_UNSUPPORTED, "prefix mask");
    assert_int_equal(cappy_model_check_mask(&plain, CAPPY_MASK_FULL, &error), CAPPY_OK);
    cappy_tokenizer_close(plain.tokenizer);
    temp_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_batch_invariance),
        cmocka_unit_test(test_batch_invariance_default),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
