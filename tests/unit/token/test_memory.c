/* SPDX-License-Identifier: Apache-2.0 */
/* Allocations: each one may fail without a leak or a crash, and an encoder that has seen a text
 * makes none for it.
 *
 * The functions of base/alloc.h are defined here, in place of the library's, to count and to
 * fail. */
#include "golden.h"

#include <stdlib.h>

static size_t n_live;  /* allocations not yet freed */
static size_t n_made;  /* allocations so far */
static size_t fail_at; /* the number of the one that fails; 0: none */

/* Counts an allocation; true where it is to fail. */
static bool fails(void)
{
    return ++n_made == fail_at;
}

static void *count(void *memory)
{
    n_live += memory != NULL ? 1 : 0;
    return memory;
}

void *cappy_alloc(size_t n, size_t size)
{
    return fails() ? NULL : count(calloc(n != 0 ? n : 1, size != 0 ? size : 1));
}

void *cappy_alloc_aligned(size_t n, size_t size)
{
    return fails() ? NULL : count(aligned_alloc(64, (n * size + 63) / 64 * 64 + 64));
}

void *cappy_realloc(void *memory, size_t n, size_t size)
{
    if (fails()) {
        return NULL;
    }
    n_live -= memory != NULL ? 1 : 0;
    return count(realloc(memory, n * size != 0 ? n * size : 1));
}

char *cappy_strndup(const char *text, size_t size)
{
    char *copy = cappy_alloc(size + 1, 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

void cappy_free(void *memory)
{
    n_live -= memory != NULL ? 1 : 0;
    free(memory);
}

/* jansson's own allocations are counted for leaks but never fail: 2.14 loses characters, silently,
 * and then writes out of bounds where the buffer of its lexer cannot grow, which nothing here can
 * mend. */
static void *json_alloc(size_t size)
{
    return count(malloc(size));
}

static void start(size_t number)
{
    n_made = 0;
    fail_at = number;
}

/* Opens `directory` and encodes a text; whatever was made is freed again. */
static cappy_status run(const char *directory, cappy_error *error)
{
    static const char text[] = "A naïve word, doesn't it?   <mask> e\u0301\u0323 \xff 中文 [SEP] "
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct cappy_tokenizer *tokenizer = NULL;
    struct cappy_encoder *encoder = NULL;
    struct cappy_ids ids = {0};
    cappy_status status = cappy_tokenizer_open(directory, &tokenizer, error);
    if (status == CAPPY_OK) {
        status = cappy_encoder_create(tokenizer, &encoder, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_encode_text(encoder, (cappy_text){text, sizeof text - 1}, &ids, error);
    }
    cappy_ids_free(&ids);
    cappy_encoder_free(encoder);
    cappy_tokenizer_close(tokenizer);
    return status;
}

static void test_failures(void **state)
{
    (void)state;
    static const char *const directories[] = {GOLDEN "bpe", GOLDEN "wordpiece", GOLDEN "files"};
    for (size_t k = 0; k < 3; k++) {
        cappy_error error = {0};
        start(0);
        assert_int_equal(run(directories[k], &error), CAPPY_OK);
        assert_int_equal(n_live, 0);
        size_t n = n_made;
        assert_true(n > 10);
        for (size_t i = 1; i <= n; i++) {
            start(i);
            cappy_status status = run(directories[k], &error);
            fail_at = 0;
            if (status != CAPPY_NO_MEMORY) {
                fail_msg("allocation %zu of %zu failing gives %d: %s", i, n, (int)status,
                         error.message);
            }
            assert_int_equal(n_live, 0);
        }
    }
}

static void test_no_allocation(void **state)
{
    (void)state;
    json_t *lines = read_golden("lines.json");
    static const char *const directories[] = {GOLDEN "bpe", GOLDEN "wordpiece"};
    for (size_t k = 0; k < 2; k++) {
        struct cappy_tokenizer *tokenizer = open_good(directories[k]);
        struct cappy_encoder *encoder = make_encoder(tokenizer);
        struct cappy_ids ids = {0};
        for (int round = 0; round < 2; round++) {
            start(0);
            for (size_t i = 0; i < json_array_size(lines); i++) {
                unsigned char bytes[4096];
                const json_t *line = json_array_get(lines, i);
                size_t size =
                    from_hex(json_string_value(json_object_get(line, "text")), bytes, sizeof bytes);
                encode(encoder, bytes, size, &ids);
            }
            assert_true(round == 0 || n_made == 0);
        }
        cappy_ids_free(&ids);
        cappy_encoder_free(encoder);
        cappy_tokenizer_close(tokenizer);
    }
    json_decref(lines);
    assert_int_equal(n_live, 0);
}

int main(void)
{
    json_set_alloc_funcs(json_alloc, cappy_free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_no_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
