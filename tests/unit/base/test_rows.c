/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: what is read from them, what is said about bad ones, and that the rest of a row leaves byte
 * for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

static void parse(const char *text, struct cappy_row *row)
{
    cappy_error error;
    if (cappy_row_parse("f", 7, text, strlen(text), row, &error) != CAPPY_OK) {
        fail_msg("%s: %s", text, error.message);
    }
}

static void refuse(const char *text, size_t size, const char *part)
{
    struct cappy_row row;
    cappy_error error;
    assert_int_equal(cappy_row_parse("f", 7, text, size, &row, &error), CAPPY_FORMAT);
    assert_memory_equal(error.message, "f:7: ", 5);
    if (strstr(error.message, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, error.message);
    }
}

static void test_bad_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } bad[] = {
        {"nonsense", "not valid JSON"},
        {"[1, 2]", "not a JSON object"},
        {"\"text\"", "not a JSON object"},
        {"7", "not a JSON object"},
        {"{\"a\": 1", "not valid JSON"},
        {"{\"a\": 1} {}", "end of file expected"},
        {"{\"a\": NaN}", "leave out what is not a number"},
        {"{\"a\": [1, Infinity]}", "leave out what is not a number"},
        {"{\"a\": 01}", "not valid JSON"},
        {"{\"a\": 1,}", "not valid JSON"},
        {"{\"a\": 1, \"a\": 2}",
         "duplicate object key near '\"a\"': a row may have each field once"},
        {"{\"a\": \"\xff\"}", "byte 8 of the line is not UTF-8"},
        {"{\"a\": \"\xed\xa0\x80\"}", "byte 8 of the line is not UTF-8"},
        {"{\"a\": \"\\ud800\"}", "not valid JSON"},
        {"{\"a\": \"tab\there\"}", "control character"},
        {"{\"a\": 1e999}", "write so large a number as a string"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse(bad[i].text, strlen(bad[i].text), bad[i].message);
    }
    refuse("{}\0", 3, "not valid JSON");
    refuse("", 0, "not valid JSON");
}

static void test_depth(void **state)
{
    (void)state;
    char text[300] = "{\"a\": ";
    size_t used = strlen(text);
    for (size_t i = 0; i < 64; i++) {
        text[used++] = '[';
    }
    for (size_t i = 0; i < 64; i++) {
        text[used++] = ']';
    }
    text[used++] = '}';
    refuse(text, used, "nested 65 deep");
}

/* Checks that `text` with {"score": 0.5, "best": 2} added is `expected`. */
static void expect_written(const char *text, const char *expected)
{
    struct cappy_row row;
    struct cappy_buffer out;
    json_t *added = json_pack("{s:f, s:i}", "score", 0.5, "best", 2);
    cappy_buffer_init(&out, 10000);
    parse(text, &row);
    assert_int_equal(cappy_row_write(&row, added, &out, NULL), CAPPY_OK);
    assert_string_equal(out.data, expected);
    cappy_buffer_free(&out);
    cappy_row_free(&row);
    json_decref(added);
}

static void test_write(void **state)
{
    (void)state;
#define ADDED "\"score\": 0.5, \"best\": 2}\n"
    expect_written("{}", "{" ADDED);
    expect_written(" { } \r", "{" ADDED);
    expect_written("{\"a\":1}", "{\"a\":1, " ADDED);
    expect_written("{ \"a\" : 1 , \"b\":2 }", "{\"a\" : 1 , \"b\":2, " ADDED);
    /* Old members of the same names go, wherever they stand. */
    expect_written("{\"score\":1}", "{" ADDED);
    expect_written("{\"score\":1,\"a\":2}", "{\"a\":2, " ADDED);
    expect_written("{\"a\":2,\"score\":[1,{\"best\":2}]}", "{\"a\":2, " ADDED);
    expect_written("{\"a\":2, \"best\":{\"x\":\"}\\\"\"}, \"b\":3}", "{\"a\":2, \"b\":3, " ADDED);
    expect_written("{\"best\":1,\"score\":2}", "{" ADDED);
    expect_written("{\"\\u0073core\":1,\"a\":2}", "{\"a\":2, " ADDED);
    expect_written("{\"scor\":1,\"scores\":2}", "{\"scor\":1,\"scores\":2, " ADDED);
    /* Everything else keeps its spelling. */
    expect_written("{\"n\":123456789012345678901234567890,\"f\":1.500e+03,\"z\":-0}",
                   "{\"n\":123456789012345678901234567890,\"f\":1.500e+03,\"z\":-0, " ADDED);
    expect_written("{\"s\":\"\\u00e9\\/\\n\",\"e\":\"\xc3\xa9\",\"\\\"k\\\\\":\"\\\\\"}",
                   "{\"s\":\"\\u00e9\\/\\n\",\"e\":\"\xc3\xa9\",\"\\\"k\\\\\":\"\\\\\", " ADDED);
    expect_written("{\"nul\":\"a\\u0000b\",\"o\":{\"score\":9},\"l\":[ 1 ,2 ]}",
                   "{\"nul\":\"a\\u0000b\",\"o\":{\"score\":9},\"l\":[ 1 ,2 ], " ADDED);
#undef ADDED
}

/* Nine digits bring every float back. */
static void test_write_floats(void **state)
{
    (void)state;
    static const float values[] = {0.1F, 1.0F / 3, -1e-30F, 3.4028235e38F, 1.17549435e-38F, 7};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct cappy_buffer out;
        json_t *number = json_real((double)values[i]);
        json_t *back = NULL;
        cappy_buffer_init(&out, 100);
        assert_int_equal(cappy_json_write(number, &out, NULL), CAPPY_OK);
        assert_int_equal(cappy_json_parse(out.data, out.size, &back, NULL), CAPPY_OK);
        assert_true((float)json_real_value(back) == values[i]);
        json_decref(number);
        json_decref(back);
        cappy_buffer_free(&out);
    }
}

static void test_write_nothing(void **state)
{
    (void)state;
    struct cappy_row row;
    struct cappy_buffer out;
    json_t *added = json_object();
    cappy_buffer_init(&out, 100);
    parse("{ \"a\" : 1 }", &row);
    assert_int_equal(cappy_row_write(&row, added, &out, NULL), CAPPY_OK);
    assert_string_equal(out.data, "{\"a\" : 1}\n");
    cappy_buffer_free(&out);
    cappy_row_free(&row);
    json_decref(added);
}

static void test_fields(void **state)
{
    (void)state;
    struct cappy_row row;
    cappy_text text;
    cappy_error error;
    size_t n;
    parse("{\"t\":\"a\\u0000b\",\"l\":[\"x\",{\"text\":\"y\",\"q\":1},{\"text\":2}],\"e\":[],"
          "\"n\":3,\"z\":null}",
          &row);
    assert_int_equal(cappy_row_get_text(&row, "t", &text, &error), CAPPY_OK);
    assert_int_equal(text.size, 3);
    assert_memory_equal(text.data, "a\0b", 3);
    assert_int_equal(cappy_row_get_text(&row, "no", &text, &error), CAPPY_FORMAT);
    assert_string_equal(error.message, "f:7: the row has no \"no\": add it, as a string");
    assert_int_equal(cappy_row_get_text(&row, "n", &text, &error), CAPPY_FORMAT);
    assert_string_equal(error.message, "f:7: \"n\" must be a string");

    assert_int_equal(cappy_row_get_count(&row, "l", &n, &error), CAPPY_OK);
    assert_int_equal(n, 3);
    assert_int_equal(cappy_row_get_item(&row, "l", 0, &text, &error), CAPPY_OK);
    assert_memory_equal(text.data, "x", 1);
    assert_int_equal(cappy_row_get_item(&row, "l", 1, &text, &error), CAPPY_OK);
    assert_memory_equal(text.data, "y", 1);
    assert_int_equal(cappy_row_get_item(&row, "l", 2, &text, &error), CAPPY_FORMAT);
    assert_non_null(strstr(error.message, "\"l\"[2] must be a string"));
    assert_int_equal(cappy_row_get_count(&row, "e", &n, &error), CAPPY_FORMAT);
    assert_non_null(strstr(error.message, "\"e\" is empty"));
    assert_int_equal(cappy_row_get_count(&row, "t", &n, &error), CAPPY_FORMAT);
    assert_int_equal(cappy_row_get_count(&row, "no", &n, &error), CAPPY_FORMAT);

    assert_true(cappy_row_has(&row, "t"));
    assert_false(cappy_row_has(&row, "z"));
    assert_false(cappy_row_has(&row, "no"));
    cappy_row_free(&row);
}

static void expect_json(const struct cappy_row *row, const char *key, const char *expected)
{
    cappy_text json;
    assert_int_equal(cappy_row_get_json(row, key, &json, NULL), CAPPY_OK);
    if (json.size != strlen(expected) || memcmp(json.data, expected, json.size) != 0) {
        fail_msg("%s: \"%.*s\", not \"%s\"", key, (int)json.size, json.data, expected);
    }
}

static void test_json(void **state)
{
    (void)state;
    struct cappy_row row;
    parse(" { \"n\" : 123456789012345678901 , \"o\":{\"n\":[1,2]},\"e\\u0061\":\"x\\\",y\" "
          ",\"z\":null}",
          &row);
    expect_json(&row, "n", "123456789012345678901");
    expect_json(&row, "o", "{\"n\":[1,2]}");
    expect_json(&row, "ea", "\"x\\\",y\"");
    expect_json(&row, "z", "null");
    expect_json(&row, "no", "");
    cappy_row_free(&row);
    parse("{ }", &row);
    expect_json(&row, "n", "");
    cappy_row_free(&row);
}

static void test_index(void **state)
{
    (void)state;
    struct cappy_row row;
    cappy_error error;
    size_t index;
    parse("{\"a\":2,\"b\":2.5,\"c\":-1,\"d\":\"1\",\"e\":1e300}", &row);
    assert_int_equal(cappy_row_get_index(&row, "a", 3, &index, &error), CAPPY_OK);
    assert_int_equal(index, 2);
    assert_int_equal(cappy_row_get_index(&row, "a", 2, &index, &error), CAPPY_FORMAT);
    assert_string_equal(error.message, "f:7: \"a\" must be a whole number from 0 to 1");
    for (const char *key = "bcdex"; *key != '\0'; key++) {
        const char name[] = {*key, '\0'};
        assert_int_equal(cappy_row_get_index(&row, name, 9, &index, &error), CAPPY_FORMAT);
    }
    cappy_row_free(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_rows),      cmocka_unit_test(test_depth),
        cmocka_unit_test(test_write),         cmocka_unit_test(test_write_floats),
        cmocka_unit_test(test_write_nothing), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_json),          cmocka_unit_test(test_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
