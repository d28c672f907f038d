/* SPDX-License-Identifier: Apache-2.0 */
/* Where words begin and end. */
#include "golden.h"

/* Writes the words of `text` to out[], with a bar behind each. */
static void split(const char *text, bool bert, char *out)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t size = strlen(text);
    for (size_t i = 0, skip = 0; i < size;) {
        size_t length = bert ? cappy_split_bert(p + i, size - i, &skip)
                             : cappy_split_byte_level(p + i, size - i);
        if (length == 0) {
            break;
        }
        memcpy(out, p + i + skip, length);
        out[length] = '|';
        out += length + 1;
        i += skip + length;
    }
    *out = '\0';
}

static void check(const char *text, const char *byte_level, const char *bert)
{
    char out[200];
    split(text, false, out);
    assert_string_equal(out, byte_level);
    split(text, true, out);
    assert_string_equal(out, bert);
}

static void test_words(void **state)
{
    (void)state;
    check("", "", "");
    check(" ", " |", "");
    check("one two", "one| two|", "one|two|");
    check("it's we'll 'tis 'Sir", "it|'s| we|'ll| '|tis| '|Sir|", "it|'|s|we|'|ll|'|tis|'|Sir|");
    check("'re've'm'd't'x'", "'re|'ve|'m|'d|'t|'|x|'|", "'|re|'|ve|'|m|'|d|'|t|'|x|'|");
    check("a  b   ", "a| | b|   |", "a|b|");
    check("a\n\nb \n", "a|\n|\n|b| \n|", "a|b|");
    check("a\u3000\u3000b", "a|\u3000|\u3000|b|", "a|b|");
    check("x2y \u0663\u00bd $5.00", "x|2|y| \u0663\u00bd| $|5|.|00|", "x2y|\u0663\u00bd|$|5|.|00|");
    check("...--- \u2014\u00a1", "...---| \u2014\u00a1|", ".|.|.|-|-|-|\u2014|\u00a1|");
    check("\u00e9t\u00e9 e\u0301", "\u00e9t\u00e9| e|\u0301|", "\u00e9t\u00e9|e\u0301|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
