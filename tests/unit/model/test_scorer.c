/* SPDX-License-Identifier: Apache-2.0 */
/* Scores against the reference's, and promise 2: the same bits in every batch, order, number of
 * threads and kernel set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden_scores.h"

static void open_golden(struct golden *golden, const char *name, cappy_precision precision)
{
    golden_open(golden, name, "golden.json", name, precision);
}

static void check_ids(const struct golden *golden, cappy_scorer *scorer)
{
    for (size_t i = 0; i < golden->n; i++) {
        const json_t *row = json_array_get(golden->rows, i);
        const json_t *ids = json_object_get(row, "ids");
        const json_t *segments = json_object_get(row, "segments");
        int32_t got[512];
        int32_t types[512];
        size_t n = 0;
        assert_int_equal(cappy_tokenize(scorer, &golden->pairs[i], got, types, 512, &n, NULL), 0);
        assert_int_equal(n, json_array_size(ids));
        for (size_t j = 0; j < n; j++) {
            assert_int_equal(got[j], json_integer_value(json_array_get(ids, j)));
            assert_int_equal(types[j], json_integer_value(json_array_get(segments, j)));
        }
        size_t counted = 0;
        size_t whole = 0;
        assert_int_equal(cappy_measure(scorer, &golden->pairs[i], 1, &counted, &whole, NULL), 0);
        assert_int_equal(counted, n);
        assert_true(whole >= counted);
        assert_int_equal(cappy_tokenize(scorer, &golden->pairs[i], got, types, n - 1, &n, NULL),
                         CAPPY_ARGUMENT);
    }
}

static const char *const models[] = {"bert", "roberta"};

static void check_reference(void)
{
    for (size_t m = 0; m < 2; m++) {
        struct golden golden;
        float scores[MAX_PAIRS * MAX_LABELS];
        open_golden(&golden, models[m], CAPPY_PRECISION_FP32);
        cappy_scorer *scorer = golden_scorer(&golden, 1, 0);
        check_ids(&golden, scorer);
        assert_int_equal(cappy_score(scorer, golden.pairs, golden.n, scores, NULL), CAPPY_OK);
        const double worst = golden_worst(&golden, scores);
        print_message("%s, %s: worst |score - reference| %.1e\n", models[m], getenv("CAPPY_ISA"),
                      worst);
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
enum { ROUNDS = 60, MOST = 700 };
#endif

/* Random pairs in random order. */
static size_t draw(const struct golden *golden, size_t round, size_t most, size_t *which)
{
    const size_t n = round % 3 == 0 ? (size_t)random() % most : (size_t)random() % 20;
    for (size_t i = 0; i < n; i++) {
        which[i] = (size_t)random() % golden->n;
    }
    return n;
}

static void check_batch_invariance(const char *name, const char *model, cappy_precision precision)
{
    struct golden golden;
    golden_open(&golden, name, "golden.json", model, precision);
    golden_check_batches(&golden, 0, 4, ROUNDS, MOST, draw);
    golden_close(&golden);
}

static void check_precisions(void)
{
    for (size_t m = 0; m < 2; m++) {
        for (cappy_precision p = CAPPY_PRECISION_FP32; p <= CAPPY_PRECISION_INT8; p++) {
            check_batch_invariance(models[m], models[m], p);
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

/* Of a model with enough layers that some are int8 as a whole. */
static void test_batch_invariance_int8(void **state)
{
    (void)state;
#if defined(CAPPY_TEST_EMULATED)
    print_message("SKIPPED: too slow in an emulator\n");
    skip();
#endif
    srandom(4);
    check_batch_invariance("bert", "../../models/default", CAPPY_PRECISION_INT8);
}

/* The narrow precisions stay near fp32: these random models are far more sensitive than trained
 * ones, so the bounds are wide; tools/precision_loss.py measures what matters. */
static void test_narrow(void **state)
{
    (void)state;
    for (size_t m = 0; m < 2; m++) {
        for (int p = CAPPY_PRECISION_BF16; p <= CAPPY_PRECISION_INT8; p++) {
            struct golden golden;
            float scores[MAX_PAIRS * MAX_LABELS];
            open_golden(&golden, models[m], (cappy_precision)p);
            cappy_model_info info = {.struct_size = sizeof info};
            assert_int_equal(cappy_model_describe(golden.model, &info, NULL), CAPPY_OK);
            assert_int_equal(info.precision, p);
            cappy_scorer *scorer = golden_scorer(&golden, 2, 0);
            assert_int_equal(cappy_score(scorer, golden.pairs, golden.n, scores, NULL), CAPPY_OK);
            const double worst = golden_worst(&golden, scores);
            print_message("%s, %s: worst |score - reference| %.1e\n", models[m],
                          p == CAPPY_PRECISION_BF16 ? "bf16" : "int8", worst);
            assert_true(worst > 0 && worst < (p == CAPPY_PRECISION_BF16 ? 0.2 : 1.5));
            cappy_scorer_free(scorer);
            golden_close(&golden);
        }
    }
}

static void test_rank(void **state)
{
    (void)state;
    struct golden golden;
    open_golden(&golden, "bert", CAPPY_PRECISION_DEFAULT);
    cappy_scorer *scorer = golden_scorer(&golden, 2, 0);
    enum { N = 600 };
    static cappy_text candidates[N];
    static float scores[N];
    float expected[N];
    static cappy_pair pairs[N];
    for (size_t i = 0; i < N; i++) {
        candidates[i] = golden.pairs[i % golden.n].response;
        pairs[i] = (cappy_pair){golden.pairs[0].instruction, candidates[i]};
    }
    size_t best = N;
    assert_int_equal(
        cappy_rank(scorer, golden.pairs[0].instruction, candidates, N, scores, &best, NULL),
        CAPPY_OK);
    assert_int_equal(cappy_score(scorer, pairs, N, expected, NULL), CAPPY_OK);
    assert_memory_equal(scores, expected, sizeof expected);
    for (size_t i = 0; i < N; i++) {
        assert_true(scores[i] <= scores[best]);
        assert_true(i >= best || scores[i] < scores[best]); /* the first of equals */
    }
    cappy_error error;
    assert_int_equal(
        cappy_rank(scorer, golden.pairs[0].instruction, candidates, 0, scores, &best, &error),
        CAPPY_ARGUMENT);
    cappy_scorer_free(scorer);
    golden_close(&golden);

    open_golden(&golden, "roberta", CAPPY_PRECISION_DEFAULT); /* three labels: nothing to rank by */
    scorer = golden_scorer(&golden, 1, 0);
    assert_int_equal(
        cappy_rank(scorer, golden.pairs[0].instruction, candidates, 1, scores, &best, &error),
        CAPPY_ARGUMENT);
    assert_non_null(strstr(error.message, "3 numbers"));
    cappy_scorer_free(scorer);
    golden_close(&golden);
}

static void test_options(void **state)
{
    (void)state;
    struct golden golden;
    cappy_error error;
    open_golden(&golden, "bert", CAPPY_PRECISION_DEFAULT);
    cappy_scorer *scorer = NULL;
    cappy_scorer_options options = {.struct_size = sizeof options, .max_length = 7};
    assert_int_equal(cappy_scorer_create(golden.model, &options, &scorer, &error), CAPPY_ARGUMENT);
    options.max_length = 65; /* the model has 64 positions */
    assert_int_equal(cappy_scorer_create(golden.model, &options, &scorer, &error), CAPPY_ARGUMENT);
    options.max_length = 0;
    options.threads = 100000;
    assert_int_equal(cappy_scorer_create(golden.model, &options, &scorer, &error), CAPPY_ARGUMENT);
    options.struct_size = 0;
    assert_int_equal(cappy_scorer_create(golden.model, &options, &scorer, &error), CAPPY_ARGUMENT);
    assert_null(scorer);

    options = (cappy_scorer_options){.struct_size = sizeof options, .max_length = 16};
    assert_int_equal(cappy_scorer_create(golden.model, &options, &scorer, &error), CAPPY_OK);
    float scores[MAX_PAIRS];
    assert_int_equal(cappy_score(scorer, golden.pairs, golden.n, scores, &error), CAPPY_OK);
    assert_int_equal(cappy_score(scorer, NULL, 0, NULL, &error), CAPPY_OK);
    cappy_scorer_counts counts = {.struct_size = sizeof counts};
    assert_int_equal(cappy_scorer_count(scorer, &counts, &error), CAPPY_OK);
    assert_int_equal(counts.pairs, golden.n);
    assert_in_range(counts.truncated, 5, golden.n - 5);
    assert_in_range(counts.tokens, 3 * golden.n, 16 * golden.n);
    cappy_scorer_free(scorer);
    golden_close(&golden);
}

/* A pair that is too long, its beginning cut off: the last tokens of each text, as many as are left
 * of each when the end is cut off. */
static void test_truncation(void **state)
{
    (void)state;
    enum { ROOM = 64, LIMIT = 12 };
    static const cappy_pair pair = {CAPPY_TEXT("a b c d e f g h i"),
                                    CAPPY_TEXT("i h g f e d c b a")};
    static const cappy_pair end = {CAPPY_TEXT("f g h i"), CAPPY_TEXT("e d c b a")};
    const cappy_scorer_options options = {.struct_size = sizeof options, .max_length = LIMIT};
    struct golden golden;
    cappy_scorer *scorer = NULL;
    int32_t ids[3][ROOM];
    size_t n[3];
    float scores[3];
    open_golden(&golden, "bert", CAPPY_PRECISION_FP32);
    cappy_scorer *whole = golden_scorer(&golden, 1, 0);
    assert_int_equal(cappy_scorer_create(golden.model, &options, &scorer, NULL), CAPPY_OK);
    assert_int_equal(cappy_tokenize(scorer, &pair, ids[0], NULL, ROOM, &n[0], NULL), CAPPY_OK);
    cappy_scorer_set_truncation(scorer, CAPPY_TRUNCATION_LEFT);
    assert_int_equal(cappy_tokenize(scorer, &pair, ids[1], NULL, ROOM, &n[1], NULL), CAPPY_OK);
    assert_int_equal(cappy_tokenize(whole, &end, ids[2], NULL, ROOM, &n[2], NULL), CAPPY_OK);
    assert_int_equal(n[0], LIMIT);
    assert_int_equal(n[1], LIMIT);
    assert_memory_not_equal(ids[0], ids[1], sizeof ids[0][0] * LIMIT);
    assert_int_equal(n[2], LIMIT);
    assert_memory_equal(ids[1], ids[2], sizeof ids[0][0] * LIMIT);
    assert_int_equal(cappy_score(scorer, &pair, 1, &scores[0], NULL), CAPPY_OK);
    assert_int_equal(cappy_score(whole, &end, 1, &scores[1], NULL), CAPPY_OK);
    assert_memory_equal(&scores[0], &scores[1], sizeof scores[0]);
    assert_int_equal(cappy_score(scorer, &end, 1, &scores[2], NULL), CAPPY_OK);
    assert_memory_equal(&scores[2], &scores[1], sizeof scores[0]);
    cappy_scorer_free(scorer);
    cappy_scorer_free(whole);
    golden_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_batch_invariance),
        cmocka_unit_test(test_batch_invariance_int8),
        cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_rank),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
