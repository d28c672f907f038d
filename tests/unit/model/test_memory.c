/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: the steady state allocates nothing; a failed allocation, whichever it is, becomes
 * CAPPY_NO_MEMORY and leaks nothing. This program is linked with --wrap, so that the library's
 * allocations come to the functions below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../allocations.h"
#include "golden.h"
#include "model/model.h"

static bool fail_after;      /* all behind the one that fails do too */
static enum cappy_mask mask; /* of models that are opened */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *memory);

static bool must_fail(void)
{
    n_calls++;
    return fail_at != 0 && (fail_after ? n_calls >= fail_at : n_calls == fail_at);
}

static void *count_live(void *memory)
{
    n_live += memory != NULL;
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : count_live(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : count_live(__real_calloc(count, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return must_fail() ? NULL : count_live(__real_aligned_alloc(alignment, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (must_fail()) {
        return NULL;
    }
    void *moved = __real_realloc(memory, size);
    n_live += memory == NULL && moved != NULL;
    return moved;
}

void __wrap_free(void *memory)
{
    n_live -= memory != NULL;
    __real_free(memory);
}

/* jansson's allocations are counted but never fail: the lexer of jansson 2.14 overlooks that its
 * token buffer could not grow, and then asserts or frees what it does not own (see
 * docs/dependencies.md). */
static void *json_malloc(size_t size)
{
    return count_live(__real_malloc(size));
}

/* Opens a golden model, makes a scorer and scores a few pairs; frees everything. */
static cappy_status run(void *name, cappy_error *error)
{
    static const cappy_pair pairs[] = {
        {CAPPY_TEXT("What is the capital of France?"), CAPPY_TEXT("Paris.")},
        {CAPPY_TEXT("What is the capital of France?"), CAPPY_TEXT("nai\xcc\x88ve \xe6\x97\xa5")},
    };
    char path[GOLDEN_PATH];
    float scores[2 * 3];
    cappy_model *model = NULL;
    cappy_scorer *scorer = NULL;
    const cappy_model_options model_options = {.struct_size = sizeof model_options, .threads = 1};
    const cappy_scorer_options options = {.struct_size = sizeof options, .threads = 1};
    golden_path(path, name, NULL);
    cappy_status status = cappy_model_open(path, &model_options, &model, error);
    if (status == CAPPY_OK) {
        model->config.mask = mask;
        status = cappy_scorer_create(model, &options, &scorer, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_score(scorer, pairs, 2, scores, error);
    }
    cappy_scorer_free(scorer);
    cappy_model_close(model);
    return status;
}

static void check_failures(char *name, bool after)
{
    fail_after = after;
    const size_t failures = fail_each(run, name);
    print_message("%s: %zu allocations failed one by one\n", name, failures);
    assert_true(failures > 50);
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    char bert[] = "bert";
    char roberta[] = "roberta";
    json_set_alloc_funcs(json_malloc, __wrap_free);
    check_failures(bert, false);
    check_failures(bert, true);
    check_failures(roberta, false);
    mask = CAPPY_MASK_PREFIX;
    check_failures(bert, false);
    check_failures(roberta, false);
    mask = CAPPY_MASK_FULL;
    json_set_alloc_funcs(__real_malloc, __real_free);
}

static void test_steady_state(void **state)
{
    (void)state;
    for (size_t m = 0; m < 4; m++) {
        const char *name = m % 2 == 0 ? "bert" : "roberta";
        json_t *document;
        const json_t *rows = golden_pairs(name, &document);
        assert_non_null(rows);
        enum { N = 200 };
        static cappy_pair pairs[N];
        static float scores[N * 3];
        for (size_t i = 0; i < N; i++) {
            const json_t *row = json_array_get(rows, i % json_array_size(rows));
            pairs[i] = (cappy_pair){golden_text(row, "instruction"), golden_text(row, "response")};
        }
        char path[GOLDEN_PATH];
        golden_path(path, name, NULL);
        cappy_model *model = NULL;
        cappy_scorer *scorer = NULL;
        const cappy_scorer_options options = {.struct_size = sizeof options, .threads = 1};
        assert_int_equal(cappy_model_open(path, NULL, &model, NULL), CAPPY_OK);
        model->config.mask = m < 2 ? CAPPY_MASK_FULL : CAPPY_MASK_PREFIX;
        assert_int_equal(cappy_scorer_create(model, &options, &scorer, NULL), CAPPY_OK);
        assert_int_equal(cappy_score(scorer, pairs, N, scores, NULL), CAPPY_OK);
        n_calls = 0;
        assert_int_equal(cappy_score(scorer, pairs, N, scores, NULL), CAPPY_OK);
        assert_int_equal(cappy_score(scorer, pairs, 3, scores, NULL), CAPPY_OK);
        assert_int_equal(n_calls, 0);
        cappy_scorer_free(scorer);
        cappy_model_close(model);
        json_decref(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steady_state),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
