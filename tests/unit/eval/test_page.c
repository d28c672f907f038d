/* SPDX-License-Identifier: Apache-2.0 */
/* Text from anywhere in a page: nothing of it is markup, and no character is cut in two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eval/page.h"

static void assert_page_text(const char *text, size_t limit, const char *want)
{
    struct cappy_buffer out;
    cappy_buffer_init(&out, 1 << 20);
    assert_int_equal(cappy_page_text((cappy_text){text, strlen(text)}, limit, &out, NULL),
                     CAPPY_OK);
    assert_int_equal(out.size, strlen(want));
    assert_memory_equal(out.data, want, out.size);
    cappy_buffer_free(&out);
}

static void test_text(void **state)
{
    (void)state;
    assert_page_text("plain", SIZE_MAX, "plain");
    assert_page_text("<script>&\"quoted\"</script>", SIZE_MAX,
                     "&lt;script&gt;&amp;&quot;quoted&quot;&lt;/script&gt;");
    assert_page_text("a\tb\nc\rd\x01"
                     "e\x7f",
                     SIZE_MAX, "a\tb\nc d e ");
    assert_page_text("abcdef", 6, "abcdef");
    assert_page_text("abcdef", 5, "abcde …");
    assert_page_text("a\u00e9\u20ac", 2, "a …"); /* within the second character */
    assert_page_text("a\u00e9\u20ac", 3, "a\u00e9 …");
    assert_page_text("a\u00e9\u20ac", 5, "a\u00e9 …");
    assert_page_text("a\u00e9\u20ac", 6, "a\u00e9\u20ac");
    assert_page_text("\u20ac", 1, " …");
    assert_page_text("", 0, "");
}

static void test_frame(void **state)
{
    const cappy_text title = CAPPY_TEXT("a<b");
    struct cappy_buffer out;
    (void)state;
    cappy_buffer_init(&out, 1 << 20);
    assert_int_equal(cappy_page_begin(title, &out, NULL), CAPPY_OK);
    assert_int_equal(cappy_page_end(&out, NULL), CAPPY_OK);
    assert_int_equal(cappy_buffer_append(&out, "", 1, NULL), CAPPY_OK);
    assert_non_null(strstr(out.data, "<title>a&lt;b</title>"));
    assert_null(strstr(out.data, "http"));
    assert_null(strstr(out.data, "@import"));
    cappy_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
