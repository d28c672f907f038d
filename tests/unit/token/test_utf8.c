/* SPDX-License-Identifier: Apache-2.0 */
#include "token/utf8.h"

#include "golden.h"

#define R "\xef\xbf\xbd"

/* Expected values are those of Python's bytes.decode("utf-8", "replace"). */
static void test_repair(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"", ""},
        {"plain ASCII text", "plain ASCII text"},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\x80", R},
        {"a\x80\x80z", "a" R R "z"},
        {"\xc0\xaf", R R},
        {"\xc3", R},
        {"\xc3(", R "("},
        {"\xe2\x82", R},
        {"\xe2\x82z", R "z"},
        {"\xe2(\xa1", R "(" R},
        {"\xe0\x80\x80", R R R},
        {"\xed\xa0\x80", R R R},
        {"\xed\x9f\xbf", "\xed\x9f\xbf"},
        {"\xf0\x9f\x92", R},
        {"\xf0\x9f\x92z", R "z"},
        {"\xf0\x8f\xbf\xbf", R R R R},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"\xf4\x90\x80\x80", R R R R},
        {"\xf5\x80\x80\x80", R R R R},
        {"\xf8\x88\x80\x80\x80", R R R R R},
        {"\xfe\xff", R R},
        {"\xc3\xc3\xa9", R "\xc3\xa9"},
        {"12345678\xff"
         "12345678",
         "12345678" R "12345678"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[100];
        size_t size = strlen(cases[i].text);
        size_t n = cappy_utf8_repair(cases[i].text, size, out);
        assert_int_equal(n, strlen(cases[i].expected));
        assert_memory_equal(out, cases[i].expected, n);
        assert_int_equal(cappy_utf8_valid(cases[i].text, size),
                         strcmp(cases[i].text, cases[i].expected) == 0);
    }
}

static void test_code_points(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        unsigned char text[4];
        size_t size = cappy_utf8_encode(c, text);
        size_t read;
        size_t read_last;
        assert_int_equal(cappy_utf8_decode(text, &read), c);
        assert_int_equal(cappy_utf8_decode_last(text + size, &read_last), c);
        assert_int_equal(read, size);
        assert_int_equal(read_last, size);
        assert_int_equal(cappy_utf8_valid((const char *)text, size), c < 0xd800 || c > 0xdfff);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repair),
        cmocka_unit_test(test_code_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
