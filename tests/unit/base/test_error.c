/* SPDX-License-Identifier: Apache-2.0 */
/* Error messages: one printable line of UTF-8, whatever went into them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void test_set(void **state)
{
    (void)state;
    cappy_error error;
    assert_int_equal(cappy_error_set(&error, CAPPY_IO, "file %s, line %d", "a", 7), CAPPY_IO);
    assert_int_equal(error.code, CAPPY_IO);
    assert_string_equal(error.message, "file a, line 7");
    assert_int_equal(cappy_error_set(NULL, CAPPY_FORMAT, "nobody hears"), CAPPY_FORMAT);
    assert_int_equal(cappy_error_no_memory(&error), CAPPY_NO_MEMORY);
    assert_int_equal(error.code, CAPPY_NO_MEMORY);
    assert_int_equal(cappy_error_no_memory(NULL), CAPPY_NO_MEMORY);
}

static void test_at(void **state)
{
    (void)state;
    cappy_error error;
    cappy_error_set(&error, CAPPY_FORMAT, "too short");
    assert_int_equal(cappy_error_at(&error, CAPPY_FORMAT, "100% file"), CAPPY_FORMAT);
    assert_string_equal(error.message, "100% file: too short");
    assert_int_equal(cappy_error_at(NULL, CAPPY_IO, "file"), CAPPY_IO);
}

static void test_too_long(void **state)
{
    (void)state;
    cappy_error error;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cappy_error_set(&error, CAPPY_FORMAT, "%s", text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    cappy_error_at(&error, CAPPY_FORMAT, text);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

/* Text from files, and what it looks like in a message. */
static void test_printable(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *shown;
    } cases[] = {
        {"plain", "plain"},
        {"a\nb\tc\r", "a?b?c?"},
        {"\033[31mred\x7f", "?[31mred?"},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xc2\x9b"
         "31m",
         "??31m"},          /* a control character of two bytes */
        {"\xff\xfe", "??"}, /* never in UTF-8 */
        {"\x80x", "?x"},    /* a tail without a head */
        {"\xc3", "?"},      /* cut off at the end */
        {"\xe2\x82", "??"},
        {"\xf0\x9f\x98", "???"},
        {"\xe2\x82x", "??x"},
        {"\xc0\x80", "??"}, /* overlong */
        {"\xe0\x9f\xbf", "???"},
        {"\xf0\x8f\xbf\xbf", "????"},
        {"\xed\xa0\x80", "???"},      /* a surrogate */
        {"\xf4\x90\x80\x80", "????"}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", "????"},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"\xee\x80\x80", "\xee\x80\x80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cappy_error error;
        cappy_error_set(&error, CAPPY_FORMAT, "%s", cases[i].text);
        assert_string_equal(error.message, cases[i].shown);
    }
}

/* A message that is cut inside a character stays UTF-8. */
static void test_cut_inside_character(void **state)
{
    (void)state;
    char text[2000];
    for (size_t i = 0; i + 3 < sizeof text; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 4);
    }
    for (size_t shift = 0; shift < 3; shift++) {
        cappy_error error;
        cappy_error_set(&error, CAPPY_FORMAT, "%.*s%s", (int)shift, "xx", text);
        size_t size = strlen(error.message);
        size_t partial = (size - shift) % 3;
        for (size_t i = size - partial; i < size; i++) {
            assert_int_equal(error.message[i], '?');
        }
    }
}

static void test_status_text(void **state)
{
    (void)state;
    assert_string_equal(cappy_status_text(CAPPY_OK), "ok");
    assert_string_equal(cappy_status_text(CAPPY_NO_MEMORY), "out of memory");
    assert_non_null(cappy_status_text((cappy_status)1234));
    assert_string_equal(cappy_version(), CAPPY_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_at),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_cut_inside_character),
        cmocka_unit_test(test_status_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
