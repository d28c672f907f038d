/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what strict means, and typed members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../temp.h"
#include "base/buffer.h"
#include "base/json.h"

static json_t *parse_good(const char *text)
{
    json_t *value = NULL;
    cappy_error error;
    if (cappy_json_parse(text, strlen(text), &value, &error) != CAPPY_OK) {
        fail_msg("%s: %s", text, error.message);
    }
    return value;
}

static void test_good(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        " [1, -2, 3.5e2, true, false, null] \n",
        "\"\"",
        "0",
        "null",
        "\"\\u0000\\ud83d\\ude00\"",
        "{\"\":{\"\":1}}",
        "[\"[[[[{{{{\\\"[[\"]",
        "-0",
        "1e-400",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_decref(parse_good(texts[i]));
    }
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *word;
    } cases[] = {
        {"", "not valid JSON"},
        {" ", "not valid JSON"},
        {"{", "line 1"},
        {"[1,]", "not valid JSON"},
        {"[1 2]", "not valid JSON"},
        {"{\"a\":1,}", "not valid JSON"},
        {"{a:1}", "not valid JSON"},
        {"{'a':1}", "not valid JSON"},
        {"{\"a\":1,\"a\":2}", "duplicate"},
        {"{\"x\":{\"a\":1,\"\\u0061\":2}}", "duplicate"},
        {"{\"a\\u0000\":1}", "not valid JSON"},
        {"{} {}", "not valid JSON"},
        {"[]]", "not valid JSON"},
        {"NaN", "not valid JSON"},
        {"[Infinity]", "not valid JSON"},
        {"[01]", "not valid JSON"},
        {"[+1]", "not valid JSON"},
        {"[.5]", "not valid JSON"},
        {"[1.]", "not valid JSON"},
        {"[0x10]", "not valid JSON"},
        {"[1e999]", "not valid JSON"},
        {"[9223372036854775808]", "not valid JSON"},
        {"[\"\t\"]", "not valid JSON"},
        {"[\"\\x\"]", "not valid JSON"},
        {"[\"\\ud800\"]", "not valid JSON"},
        {"[\"\\udc00\"]", "not valid JSON"},
        {"[\"\xff\"]", "not valid JSON"},
        {"[\"\xc0\x80\"]", "not valid JSON"},
        {"[\"\xed\xa0\x80\"]", "not valid JSON"},
        {"[\"\xf4\x90\x80\x80\"]", "not valid JSON"},
        {"\xef\xbb\xbf{}", "not valid JSON"},
        {"[1] // why", "not valid JSON"},
        {"/* why */ [1]", "not valid JSON"},
        {"nul", "not valid JSON"},
        {"\"abc", "not valid JSON"},
        {"[\n\n\n!]", "line 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *value = NULL;
        cappy_error error = {0};
        cappy_status status =
            cappy_json_parse(cases[i].text, strlen(cases[i].text), &value, &error);
        if (status != CAPPY_FORMAT || strstr(error.message, cases[i].word) == NULL) {
            fail_msg("%s: status %d, %s", cases[i].text, (int)status, error.message);
        }
        assert_null(value);
    }
    json_t *value = NULL;
    assert_int_equal(cappy_json_parse("{\0}", 3, &value, NULL), CAPPY_FORMAT);
    assert_int_equal(cappy_json_parse("{}\0", 3, &value, NULL), CAPPY_FORMAT);
    assert_int_equal(cappy_json_parse(NULL, 0, &value, NULL), CAPPY_FORMAT);
}

/* n opening brackets of one kind, then as many closing ones. */
static cappy_status parse_nested(size_t n, bool objects, bool closed, cappy_error *error)
{
    struct cappy_buffer text;
    cappy_buffer_init(&text, 10 << 20);
    for (size_t i = 0; i < n; i++) {
        cappy_buffer_format(&text, NULL, objects ? "{\"a\":" : "[");
    }
    for (size_t i = 0; closed && i < n; i++) {
        cappy_buffer_format(&text, NULL, "%s%s", objects && i == 0 ? "1" : "", objects ? "}" : "]");
    }
    json_t *value = NULL;
    cappy_status status = cappy_json_parse(text.data, text.size, &value, error);
    json_decref(value);
    cappy_buffer_free(&text);
    return status;
}

static void test_depth(void **state)
{
    (void)state;
    cappy_error error;
    for (int objects = 0; objects < 2; objects++) {
        assert_int_equal(parse_nested(64, objects, true, &error), CAPPY_OK);
        assert_int_equal(parse_nested(65, objects, true, &error), CAPPY_FORMAT);
        assert_non_null(strstr(error.message, "nested more than 64 deep"));
        assert_int_equal(parse_nested(1000000, objects, false, &error), CAPPY_FORMAT);
        assert_non_null(strstr(error.message, "nested"));
    }
}

static void test_int(void **state)
{
    (void)state;
    json_t *object = parse_good("{\"a\":5,\"r\":5.0,\"s\":\"5\",\"n\":null,\"b\":true}");
    cappy_error error;
    int64_t value = 0;
    assert_int_equal(cappy_json_get_int(object, "a", 0, 9, -1, &value, &error), CAPPY_OK);
    assert_int_equal(value, 5);
    assert_int_equal(cappy_json_get_int(object, "n", 0, 9, -1, &value, &error), CAPPY_OK);
    assert_int_equal(value, -1);
    assert_int_equal(cappy_json_get_int(object, "missing", 0, 9, -2, &value, &error), CAPPY_OK);
    assert_int_equal(value, -2);
    assert_int_equal(cappy_json_get_int(object, "a", 6, 9, 0, &value, &error), CAPPY_FORMAT);
    assert_string_equal(error.message, "\"a\" is 5, must be from 6 to 9");
    assert_int_equal(cappy_json_get_int(object, "a", 0, 4, 0, &value, &error), CAPPY_FORMAT);
    assert_int_equal(cappy_json_get_int(object, "r", 0, 9, 0, &value, &error), CAPPY_FORMAT);
    assert_int_equal(cappy_json_get_int(object, "s", 0, 9, 0, &value, &error), CAPPY_FORMAT);
    assert_int_equal(cappy_json_get_int(object, "b", 0, 9, 0, &value, &error), CAPPY_FORMAT);
    assert_int_equal(value, -2);
    assert_int_equal(cappy_json_get_int(NULL, "a", 0, 9, 3, &value, &error), CAPPY_OK);
    assert_int_equal(value, 3);
    json_decref(object);
}

static void test_real_bool_string(void **state)
{
    (void)state;
    json_t *object = parse_good("{\"i\":5,\"r\":1e-5,\"s\":\"five\",\"n\":null,\"t\":true,"
                                "\"z\":\"a\\u0000b\"}");
    cappy_error error;
    double real = 0;
    bool flag = false;
    const char *text = NULL;
    assert_int_equal(cappy_json_get_real(object, "r", 0, &real, &error), CAPPY_OK);
    assert_true(real == 1e-5);
    assert_int_equal(cappy_json_get_real(object, "i", 0, &real, &error), CAPPY_OK);
    assert_true(real == 5);
    assert_int_equal(cappy_json_get_real(object, "n", 2.5, &real, &error), CAPPY_OK);
    assert_true(real == 2.5);
    assert_int_equal(cappy_json_get_real(object, "s", 0, &real, &error), CAPPY_FORMAT);
    assert_string_equal(error.message, "\"s\" must be a number");

    assert_int_equal(cappy_json_get_bool(object, "t", false, &flag, &error), CAPPY_OK);
    assert_true(flag);
    assert_int_equal(cappy_json_get_bool(object, "n", true, &flag, &error), CAPPY_OK);
    assert_true(flag);
    assert_int_equal(cappy_json_get_bool(object, "i", false, &flag, &error), CAPPY_FORMAT);

    assert_int_equal(cappy_json_get_string(object, "s", NULL, &text, &error), CAPPY_OK);
    assert_string_equal(text, "five");
    assert_int_equal(cappy_json_get_string(object, "n", "else", &text, &error), CAPPY_OK);
    assert_string_equal(text, "else");
    assert_int_equal(cappy_json_get_string(object, "i", NULL, &text, &error), CAPPY_FORMAT);
    assert_int_equal(cappy_json_get_string(object, "z", NULL, &text, &error), CAPPY_FORMAT);
    assert_non_null(strstr(error.message, "without NUL"));
    json_decref(object);
}

static void test_read(void **state)
{
    (void)state;
    struct temp temp;
    json_t *value = NULL;
    cappy_error error;
    temp_make(&temp);
    assert_int_equal(cappy_json_read(temp_write_text(&temp, "a", "[1]"), 100, &value, &error),
                     CAPPY_OK);
    json_decref(value);
    value = NULL;
    assert_int_equal(cappy_json_read(temp.path, 2, &value, &error), CAPPY_FORMAT);
    assert_non_null(strstr(error.message, "/a: has 3 bytes"));
    assert_int_equal(cappy_json_read(temp_write_text(&temp, "b", "[1"), 100, &value, &error),
                     CAPPY_FORMAT);
    assert_non_null(strstr(error.message, "/b: not valid JSON"));
    assert_int_equal(cappy_json_read(temp_path(&temp, "none"), 100, &value, &error), CAPPY_IO);
    assert_null(value);
    temp_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_int),
        cmocka_unit_test(test_real_bool_string),
        cmocka_unit_test(test_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
