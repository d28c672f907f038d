/* SPDX-License-Identifier: Apache-2.0 */
/* Stretches of a text, and texts without their answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "task/passage.h"

static cappy_text text_of(const char *text)
{
    return (cappy_text){text, strlen(text)};
}

static void test_draw(void **state)
{
    (void)state;
    const cappy_text text = text_of("  (One, two)\nthree. four");
    static const char *const wanted[] = {"One, two", "two)\nthree", "three. four"};
    size_t seen[3] = {0};
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct cappy_random random = cappy_random_begin(seed, 0);
        const cappy_text span = cappy_passage_draw(text, 2, &random);
        size_t which = 3;
        for (size_t i = 0; i < 3; i++) {
            if (span.size == strlen(wanted[i]) && memcmp(span.data, wanted[i], span.size) == 0) {
                which = i;
            }
        }
        assert_true(which < 3);
        seen[which]++;
    }
    assert_true(seen[0] > 60 && seen[1] > 60 && seen[2] > 60);
    struct cappy_random random = cappy_random_begin(0, 0);
    assert_int_equal(cappy_passage_draw(text, 9, &random).size, strlen("One, two)\nthree. four"));
    assert_int_equal(cappy_passage_draw(text_of(" .. "), 1, &random).size, 0);
    assert_int_equal(cappy_passage_draw(text_of(""), 3, &random).size, 0);
    assert_int_equal(cappy_passage_count_words(text), 4);
    assert_int_equal(cappy_passage_count_words(text_of(" \n")), 0);
}

static void test_has(void **state)
{
    (void)state;
    assert_true(cappy_passage_has(text_of("It is NORTH sea oil"), text_of("North Sea")));
    assert_true(cappy_passage_has(text_of("oil"), text_of("oil")));
    assert_false(cappy_passage_has(text_of("oi"), text_of("oil")));
    assert_false(cappy_passage_has(text_of(""), text_of("o")));
}

static void remove_from(const char *text, const char *answer, const char *wanted)
{
    struct cappy_buffer out;
    bool removed;
    const cappy_text answers[] = {text_of("nowhere"), text_of(answer)};
    cappy_buffer_init(&out, 1000);
    assert_int_equal(cappy_passage_remove(text_of(text), answers, 2, &out, &removed, NULL),
                     CAPPY_OK);
    assert_string_equal(out.size > 0 ? out.data : "", wanted);
    assert_true(removed == (strcmp(text, wanted) != 0));
    cappy_buffer_free(&out);
}

static void test_remove(void **state)
{
    (void)state;
    remove_from("Oil was found. It was in the Sea.  Then it was sold!\nWhere?", "the sea",
                "Oil was found. Then it was sold!\nWhere?");
    remove_from("Was it 3.5 miles? It was 3.5 miles", "3.5 miles", "Was it 3.5 miles? ");
    remove_from("One line\nanother one\n\nlast", "another", "One line\nlast");
    remove_from("Nothing here.", "oil", "Nothing here.");
    remove_from("All of it.", "all", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draw),
        cmocka_unit_test(test_has),
        cmocka_unit_test(test_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
