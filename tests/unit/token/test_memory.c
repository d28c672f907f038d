/* SPDX-License-Identifier: Apache-2.0 */
/* Allocations: each one may fail without a leak or a crash, and an encoder that has seen a text
 * makes none for it. This program is linked with --wrap, so that allocations come to the functions
 * of failing_alloc.h. */
#include "golden.h"

#include "../failing_alloc.h"

/* jansson's own allocations are counted for leaks but never fail: 2.14 loses characters, silently,
 * and then writes out of bounds where the buffer of its lexer cannot grow, which nothing here can
 * mend. */
static void *json_alloc(size_t size)
{
    void *memory = __real_cappy_alloc(1, size);
    n_live += memory != NULL;
    return memory;
}

/* Opens `directory` and encodes a text; whatever was made is freed again. */
static cappy_status run(void *directory, cappy_error *error)
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
    static char directories[][200] = {GOLDEN "bpe", GOLDEN "wordpiece", GOLDEN "files"};
    for (size_t k = 0; k < 3; k++) {
        assert_true(fail_each(run, directories[k]) > 10);
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
            n_calls = 0;
            for (size_t i = 0; i < json_array_size(lines); i++) {
                unsigned char bytes[4096];
                const json_t *line = json_array_get(lines, i);
                size_t size =
                    from_hex(json_string_value(json_object_get(line, "text")), bytes, sizeof bytes);
                encode(encoder, bytes, size, &ids);
            }
            assert_true(round == 0 || n_calls == 0);
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
