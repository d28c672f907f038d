/* SPDX-License-Identifier: Apache-2.0 */
/* Spoilt answers: what each kind does, over many random numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "task/corrupt.h"

static cappy_text text_of(const char *text)
{
    return (cappy_text){text, strlen(text)};
}

/* Spoils `text` into *out. */
static void corrupt(enum cappy_corruption corruption, const char *text, uint64_t seed,
                    struct cappy_buffer *out)
{
    struct cappy_random random = cappy_random_begin(seed, 0);
    cappy_buffer_clear(out);
    assert_int_equal(
        cappy_corrupt(corruption, text_of(text), text_of("other words"), &random, out, NULL),
        CAPPY_OK);
}

static size_t count_words(const char *text)
{
    size_t n = 0;
    for (const char *at = text + strspn(text, " \n"); *at != '\0'; at += strspn(at, " \n")) {
        at += strcspn(at, " \n");
        n++;
    }
    return n;
}

static const char ten[] = "one  two three\nfour five six seven eight nine ten.";

static void test_cut(void **state)
{
    (void)state;
    struct cappy_buffer out;
    cappy_buffer_init(&out, 1000);
    size_t seen = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        corrupt(CAPPY_CORRUPTION_CUT, ten, seed, &out);
        assert_memory_equal(out.data, ten, out.size);
        const size_t n = count_words(out.data);
        assert_in_range(n, 3, 7);
        assert_true(out.data[out.size - 1] != ' ');
        seen |= (size_t)1 << n;
    }
    assert_int_equal(seen, 0xf8);
    corrupt(CAPPY_CORRUPTION_CUT, "a b", 1, &out);
    assert_string_equal(out.data, "a");
    cappy_buffer_free(&out);
}

static void test_shuffled(void **state)
{
    (void)state;
    struct cappy_buffer out;
    cappy_buffer_init(&out, 1000);
    for (uint64_t seed = 0; seed < 200; seed++) {
        corrupt(CAPPY_CORRUPTION_SHUFFLED, ten, seed, &out);
        assert_int_equal(count_words(out.data), 10);
        assert_non_null(strstr(out.data, "seven"));
        assert_non_null(strstr(out.data, "ten."));
        assert_int_equal(out.size, strlen(ten) - 1); /* single spaces */
    }
    cappy_buffer_free(&out);
}

static void test_repeated(void **state)
{
    (void)state;
    struct cappy_buffer out;
    cappy_buffer_init(&out, 1000);
    for (uint64_t seed = 0; seed < 200; seed++) {
        corrupt(CAPPY_CORRUPTION_REPEATED, ten, seed, &out);
        assert_in_range(count_words(out.data), 12, 10 + 8 * 4);
        assert_memory_equal(out.data, "one", 3);
        assert_string_equal(out.data + out.size - 4, "ten.");
    }
    corrupt(CAPPY_CORRUPTION_REPEATED, "yes", 1, &out);
    assert_memory_equal(out.data, "yes yes yes", 11);
    cappy_buffer_free(&out);
}

static void test_extended(void **state)
{
    (void)state;
    struct cappy_buffer out;
    cappy_buffer_init(&out, 1000);
    corrupt(CAPPY_CORRUPTION_EXTENDED, "yes", 1, &out);
    assert_string_equal(out.data, "yes other words");
    cappy_buffer_free(&out);
}

/* Texts with too few words are left out. */
static void test_short(void **state)
{
    (void)state;
    static const char *const texts[] = {"", " ", "\n \t", "yes", " yes "};
    struct cappy_buffer out;
    cappy_buffer_init(&out, 1000);
    for (size_t i = 0; i < 5; i++) {
        corrupt(CAPPY_CORRUPTION_CUT, texts[i], 1, &out);
        assert_int_equal(out.size, 0);
        corrupt(CAPPY_CORRUPTION_SHUFFLED, texts[i], 1, &out);
        assert_int_equal(out.size, 0);
        corrupt(CAPPY_CORRUPTION_REPEATED, texts[i], 1, &out);
        assert_int_equal(out.size == 0, i < 3);
        corrupt(CAPPY_CORRUPTION_EXTENDED, texts[i], 1, &out);
        assert_int_equal(out.size == 0, i < 3);
    }
    cappy_buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),      cmocka_unit_test(test_shuffled),
        cmocka_unit_test(test_repeated), cmocka_unit_test(test_extended),
        cmocka_unit_test(test_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
