/* SPDX-License-Identifier: Apache-2.0 */
/* The safetensors reader: files by the reference writer, and each rule of the format broken
 * once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../refusal.h"
#include "weights/formats.h"

/* A file of this header and n_data zero bytes. The caller frees it. */
static unsigned char *build(const char *header, size_t header_size, size_t n_data, size_t *size)
{
    *size = 8 + header_size + n_data;
    unsigned char *file = cappy_alloc(*size, 1);
    assert_non_null(file);
    for (size_t i = 0; i < 8; i++) {
        file[i] = (unsigned char)((uint64_t)header_size >> (8 * i));
    }
    memcpy(file + 8, header, header_size);
    return file;
}

static cappy_status read_built(const char *header, size_t header_size, size_t n_data,
                               struct cappy_tensors *tensors, cappy_error *error)
{
    size_t size;
    unsigned char *file = build(header, header_size, n_data, &size);
    *tensors = (struct cappy_tensors){0};
    cappy_status status = cappy_safetensors_read(file, size, tensors, error);
    for (size_t i = 0; status == CAPPY_OK && i < tensors->n; i++) {
        const struct cappy_tensor *tensor = &tensors->items[i];
        assert_true(tensor->data >= file && tensor->size <= size - (size_t)(tensor->data - file));
    }
    cappy_free(file);
    return status;
}

struct bad_case {
    const char *header;
    size_t n_data;
    const char *word; /* in the message */
};

#define T(name, dtype, shape, begin, end)                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end   \
    "]}"

static const struct bad_case bad_cases[] = {
    /* The header as a whole. */
    {"", 8, "begin with '{'"},
    {" {}", 0, "begin with '{'"},
    {"[]", 0, "begin with '{'"},
    {"{", 0, "header: not valid JSON"},
    {"{}{}", 0, "header: not valid JSON"},
    {"{} x", 0, "header: not valid JSON"},
    {"{\"a\":1,}", 0, "header: not valid JSON"},
    {"{\"\xff\":{}}", 0, "header: not valid JSON"},
    {"{\"\\ud800\":{}}", 0, "header: not valid JSON"},
    {"{\"\\u0000\":{}}", 0, "header: not valid JSON"},
    {"{" T("a", "F32", "[1]", "0", "4") "," T("a", "F32", "[1]", "0", "4") "}", 4, "duplicate"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "duplicate"},
    {"{\"a\":{\"b\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
     0, "nested"},
    /* __metadata__ */
    {"{\"__metadata__\":1}", 0, "__metadata__"},
    {"{\"__metadata__\":{\"format\":1}}", 0, "\"format\" must be a string"},
    {"{\"__metadata__\":{\"a\":{}}}", 0, "\"a\" must be a string"},
    {"{\"__metadata__\":{\"a\":\"x\",\"a\":\"y\"}}", 0, "duplicate"},
    /* A tensor's entry. */
    {"{\"a\":1}", 0, "tensor \"a\": must be an object"},
    {"{\"a\":[]}", 0, "tensor \"a\": must be an object"},
    {"{\"a\":{}}", 0, "tensor \"a\": dtype"},
    {"{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"dtype\" must be a string"},
    {"{" T("a", "F31", "[1]", "0", "4") "}", 4, "dtype \"F31\" is not known"},
    {"{" T("a", "f32", "[1]", "0", "4") "}", 4, "not known"},
    {"{" T("a", "", "[1]", "0", "4") "}", 4, "not known"},
    {"{" T("ok", "F32", "[1]", "0", "4") "," T("a", "Q4_0", "[1]", "4", "8") "}", 8, "\"Q4_0\""},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "\"shape\" must be an array"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "\"data_offsets\" must be an array"},
    {"{" T("a", "F32", "4", "0", "4") "}", 4, "\"shape\" must be an array"},
    {"{" T("a", "F32", "[-1]", "0", "4") "}", 4, "not negative"},
    {"{" T("a", "F32", "[1.0]", "0", "4") "}", 4, "whole numbers"},
    {"{" T("a", "F32", "[\"1\"]", "0", "4") "}", 4, "whole numbers"},
    {"{" T("a", "F32", "[null]", "0", "4") "}", 4, "whole numbers"},
    {"{" T("a", "F32", "[true]", "0", "4") "}", 4, "whole numbers"},
    {"{" T("a", "F32", "[1e0]", "0", "4") "}", 4, "whole numbers"},
    {"{" T("a", "F32", "[18446744073709551617]", "0", "4") "}", 4, "not valid JSON"},
    {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, "has 9 numbers"},
    /* Sizes that wrap around. */
    {"{" T("a", "F32", "[4611686018427387904]", "0", "0") "}", 0, "too large"},
    {"{" T("a", "F32", "[4294967296,4294967296]", "0", "0") "}", 0, "too large"},
    {"{" T("a", "F32", "[9223372036854775807,2]", "0", "4") "}", 4, "too large"},
    {"{" T("a", "F32", "[2305843009213693952,2,2]", "0", "0") "}", 0, "too large"},
    {"{" T("a", "U8", "[9223372036854775807]", "0", "1") "}", 1, "too large"},
    /* Offsets. */
    {"{" T("a", "F32", "[1]", "4", "0") "}", 4, "begin and end"},
    {"{" T("a", "F32", "[1]", "-4", "0") "}", 4, "not negative"},
    {"{" T("a", "F32", "[1]", "0", "9223372036854775807") "}", 4, "truncated"},
    {"{" T("a", "F32", "[1]", "9223372036854775804", "9223372036854775807") "}", 4, "truncated"},
    {"{" T("a", "F32", "[2]", "0", "8") "}", 4, "truncated"},
    {"{" T("a", "F32", "[1]", "0", "4") "}", 0, "truncated"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "two numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,2,4]}}", 4, "at most 2"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{}}}", 4, "must be an array"},
    /* Size against shape. */
    {"{" T("a", "F32", "[2]", "0", "4") "}", 4, "need 8 bytes"},
    {"{" T("a", "F16", "[1]", "0", "4") "}", 4, "need 2 bytes"},
    {"{" T("a", "F32", "[0]", "0", "4") "}", 4, "need 0 bytes"},
    {"{" T("a", "F32", "[]", "0", "8") "}", 8, "need 4 bytes"},
    {"{" T("a", "F4", "[1]", "0", "1") "}", 1, "whole bytes"},
    {"{" T("a", "F6_E2M3", "[2]", "0", "2") "}", 2, "whole bytes"},
    /* Layout. */
    {"{" T("a", "F32", "[1]", "4", "8") "}", 8, "hole"},
    {"{" T("a", "F32", "[1]", "0", "4") "," T("b", "F32", "[1]", "8", "12") "}", 12, "hole"},
    {"{" T("a", "F32", "[1]", "0", "4") "," T("b", "F32", "[1]", "0", "4") "}", 4, "overlapping"},
    {"{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[2]", "4", "12") "}", 12, "overlapping"},
    {"{" T("b", "F32", "[1]", "4", "8") "," T("a", "F32", "[3]", "0", "12") "}", 12, "overlapping"},
    {"{" T("a", "F32", "[1]", "0", "4") "," T("z", "F32", "[0]", "2", "2") "}", 4, "overlapping"},
    {"{" T("a", "F32", "[1]", "0", "4") "}", 5, "nothing may follow"},
    {"{" T("a", "F32", "[1]", "0", "4") "}", 4096, "nothing may follow"},
    {"{}", 1, "nothing may follow"},
};

static void test_each_rule_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        const struct bad_case *bad = &bad_cases[i];
        struct cappy_tensors tensors;
        cappy_error error;
        cappy_status status =
            read_built(bad->header, strlen(bad->header), bad->n_data, &tensors, &error);
        if (status != CAPPY_FORMAT) {
            fail_msg("accepted: %s", bad->header);
        }
        assert_refused(status, &error, CAPPY_FORMAT, bad->word);
        cappy_tensors_free(&tensors);
    }
}

/* Files whose length field is wrong, and files that are too short to have one. */
static void test_header_length(void **state)
{
    (void)state;
    static const struct {
        unsigned char bytes[16];
        size_t size;
        const char *word;
    } cases[] = {
        {{0}, 0, "too few"},
        {{2, 0, 0, 0, 0, 0, 0}, 7, "too few"},
        {{0}, 8, "begin with '{'"},
        {{3, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, 10, "only 2 follow"},
        {{0, 0, 0, 0, 0, 0, 0, 0x80, '{', '}'}, 10, "at most 100000000"},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}'}, 10, "at most 100000000"},
        {{0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}'}, 10, "at most 100000000"},
        {{0, 0, 0, 0, 1, 0, 0, 0, '{', '}'}, 10, "at most 100000000"},
        {{0x01, 0xe1, 0xf5, 0x05, 0, 0, 0, 0, '{', '}'}, 10, "at most 100000000"},
        {{0x00, 0xe1, 0xf5, 0x05, 0, 0, 0, 0, '{', '}'}, 10, "only 2 follow"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cappy_tensors tensors = {0};
        cappy_error error;
        assert_refused(cappy_safetensors_read(cases[i].bytes, cases[i].size, &tensors, &error),
                       &error, CAPPY_FORMAT, cases[i].word);
        assert_int_equal(tensors.n, 0);
    }
}

static void test_lfs_pointer(void **state)
{
    (void)state;
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:00\n";
    struct cappy_tensors tensors = {0};
    cappy_error error;
    assert_refused(cappy_safetensors_read((const unsigned char *)pointer, sizeof pointer - 1,
                                          &tensors, &error),
                   &error, CAPPY_FORMAT, "git lfs pull");
}

/* Every proper prefix of a good file is refused. */
static void test_truncation(void **state)
{
    (void)state;
    static const char header[] = "{" T("a", "F32", "[2]", "0", "8") "}";
    size_t size;
    unsigned char *file = build(header, sizeof header - 1, 8, &size);
    for (size_t n = 0; n < size; n++) {
        struct cappy_tensors tensors = {0};
        cappy_error error;
        unsigned char *prefix = cappy_alloc(n, 1);
        assert_non_null(prefix);
        memcpy(prefix, file, n);
        assert_int_equal(cappy_safetensors_read(prefix, n, &tensors, &error), CAPPY_FORMAT);
        cappy_free(prefix);
        cappy_tensors_free(&tensors);
    }
    cappy_free(file);
}

/* A very long and hostile name leaves the message whole, printable and with its reason. */
static void test_name_in_message(void **state)
{
    (void)state;
    char header[3000];
    char name[2001];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    memcpy(name, "\\u001b[31m", 9);
    int n = snprintf(header, sizeof header, "{\"%s\":{\"dtype\":\"X\"}}", name);
    struct cappy_tensors tensors;
    cappy_error error;
    assert_refused(read_built(header, (size_t)n, 0, &tensors, &error), &error, CAPPY_FORMAT,
                   "\": dtype \"X\" is not known");
    assert_null(strchr(error.message, '\033'));
    cappy_tensors_free(&tensors);
}

static void test_good(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{}",
        "{}                    ",
        "{\"__metadata__\":{}}",
        "{\"__metadata__\":{\"format\":\"pt\",\"x\":\"\\u0000\"}}",
        "{" T("a", "F32", "[]", "0", "4") "}",
        "{" T("a", "F32", "[1,2,0]", "0", "0") "}",
        "{" T("a", "F32", "[0,4611686018427387904,4611686018427387904]", "0", "0") "}",
        "{" T("b", "F16", "[1]", "2", "4") "," T("a", "BF16", "[1]", "0", "2") "}",
        "{" T("z", "I64", "[0]", "4", "4") "," T("a", "BOOL", "[4]", "0", "4") "}",
        "{" T("a", "F4", "[2,4]", "0", "4") "}",
        "{" T("a", "F32", "[1,1,1,1,1,1,1,1]", "0", "4") "}",
        "{" T("\xc3\xa9", "F32", "[1]", "0", "4") "}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":{}}}",
    };
    static const size_t n_data[] = {0, 0, 0, 0, 4, 0, 0, 4, 4, 4, 4, 4, 4};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct cappy_tensors tensors;
        cappy_error error;
        if (read_built(headers[i], strlen(headers[i]), n_data[i], &tensors, &error) != CAPPY_OK) {
            fail_msg("%s: %s", headers[i], error.message);
        }
        cappy_tensors_free(&tensors);
    }
}

static void test_views(void **state)
{
    (void)state;
    static const char header[] =
        "{" T("b", "F16", "[2,3]", "8", "20") "," T("a", "F32", "[2]", "0", "8") "}";
    size_t size;
    unsigned char *file = build(header, sizeof header - 1, 20, &size);
    struct cappy_tensors tensors = {0};
    cappy_error error;
    assert_int_equal(cappy_safetensors_read(file, size, &tensors, &error), CAPPY_OK);
    assert_int_equal(cappy_tensors_sort(&tensors, &error), CAPPY_OK);
    const struct cappy_tensor *a = cappy_tensors_find(&tensors, "a");
    const struct cappy_tensor *b = cappy_tensors_find(&tensors, "b");
    assert_non_null(a);
    assert_non_null(b);
    assert_null(cappy_tensors_find(&tensors, "c"));
    assert_int_equal(a->dtype, CAPPY_DTYPE_F32);
    assert_int_equal(b->dtype, CAPPY_DTYPE_F16);
    assert_ptr_equal(a->data, file + 8 + sizeof header - 1);
    assert_ptr_equal(b->data, a->data + 8);
    assert_int_equal(b->size, 12);
    assert_int_equal(b->rank, 2);
    assert_int_equal(b->shape[1], 3);
    assert_int_equal(cappy_tensor_n_elements(b), 6);
    cappy_tensors_free(&tensors);
    cappy_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_broken),
        cmocka_unit_test(test_header_length),
        cmocka_unit_test(test_lfs_pointer),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_name_in_message),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
