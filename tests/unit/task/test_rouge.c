/* SPDX-License-Identifier: Apache-2.0 */
/* Stems and ROUGE-L against the values of NLTK and rouge-score in tests/golden/task. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "task/task.h"

/* Lines of a word and its stem. */
static void test_stem(void **state)
{
    (void)state;
    struct cappy_lines *lines;
    const char *line;
    size_t size;
    size_t n = 0;
    const char *path = CAPPY_TEST_DATA "/golden/task/stems.txt";
    assert_int_equal(cappy_lines_open(path, 100, &lines, NULL), CAPPY_OK);
    while (cappy_lines_next(lines, &line, &size, NULL) == CAPPY_OK && line != NULL) {
        const size_t length = strcspn(line, " ");
        char word[100];
        memcpy(word, line, length);
        const size_t stem = cappy_stem(word, length);
        if (stem != size - length - 1 || memcmp(word, line + length + 1, stem) != 0) {
            fail_msg("%s: %.*s", line, (int)stem, word);
        }
        n++;
    }
    cappy_lines_close(lines);
    assert_true(n > 1000);
}

static cappy_text text_of(const json_t *string)
{
    return (cappy_text){json_string_value(string), json_string_length(string)};
}

/* The best over a row's references. */
static double rouge_of(const json_t *row, struct cappy_words *reference,
                       struct cappy_words *response)
{
    double best = 0;
    size_t i;
    json_t *string;
    const cappy_text text = text_of(json_object_get(row, "response"));
    assert_int_equal(cappy_words_read(response, text, NULL), CAPPY_OK);
    json_array_foreach(json_object_get(row, "references"), i, string)
    {
        double f;
        assert_int_equal(cappy_words_read(reference, text_of(string), NULL), CAPPY_OK);
        assert_int_equal(cappy_rouge_l(reference, response, &f, NULL), CAPPY_OK);
        best = f > best ? f : best;
    }
    return best;
}

static void test_rouge_l(void **state)
{
    (void)state;
    struct cappy_lines *lines;
    const char *line;
    size_t size;
    size_t n = 0;
    struct cappy_words reference = {0};
    struct cappy_words response = {0};
    const char *path = CAPPY_TEST_DATA "/golden/task/rouge.jsonl";
    assert_int_equal(cappy_lines_open(path, 1 << 16, &lines, NULL), CAPPY_OK);
    while (cappy_lines_next(lines, &line, &size, NULL) == CAPPY_OK && line != NULL) {
        json_t *row = json_loadb(line, size, 0, NULL);
        const double got = rouge_of(row, &reference, &response);
        const double wanted = json_number_value(json_object_get(row, "rouge_l"));
        if (fabs(got - wanted) > 1e-12) {
            fail_msg("row %zu: %.17g, not %.17g", n, got, wanted);
        }
        json_decref(row);
        n++;
    }
    cappy_lines_close(lines);
    cappy_words_free(&reference);
    cappy_words_free(&response);
    assert_true(n > 50);
}

/* The length by the recurrence that it is defined by. */
static size_t count_common(const struct cappy_words *a, const struct cappy_words *b, size_t *table)
{
    const size_t width = b->n + 1;
    memset(table, 0, (a->n + 1) * width * sizeof *table);
    for (size_t i = 1; i <= a->n; i++) {
        for (size_t j = 1; j <= b->n; j++) {
            const size_t left = table[i * width + j - 1];
            const size_t above = table[(i - 1) * width + j];
            table[i * width + j] = a->data[i - 1] == b->data[j - 1]
                                       ? table[(i - 1) * width + j - 1] + 1
                                   : left > above ? left
                                                  : above;
        }
    }
    return table[a->n * width + b->n];
}

/* Random texts of any length around the 64 words that are worked off at once, with few different
 * words and with many; words whose hashes end alike. */
static void test_common_length(void **state)
{
    enum { MOST = 300 };
    static uint64_t words[2][MOST];
    static size_t table[(MOST + 1) * (MOST + 1)];
    struct cappy_random random = cappy_random_begin(1, 0);
    (void)state;
    for (size_t round = 0; round < 400; round++) {
        struct cappy_words texts[2];
        const size_t different = (size_t)1 << cappy_random_below(&random, 9);
        for (size_t side = 0; side < 2; side++) {
            texts[side] = (struct cappy_words){.data = words[side],
                                               .n = 1 + cappy_random_below(&random, MOST)};
            for (size_t i = 0; i < texts[side].n; i++) {
                words[side][i] = (uint64_t)cappy_random_below(&random, different)
                                 << (round % 2 * 20);
            }
        }
        const double common = (double)count_common(&texts[0], &texts[1], table);
        double f;
        assert_int_equal(cappy_rouge_l(&texts[0], &texts[1], &f, NULL), CAPPY_OK);
        assert_true(fabs(f - 2 * common / (double)(texts[0].n + texts[1].n)) < 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stem),
        cmocka_unit_test(test_rouge_l),
        cmocka_unit_test(test_common_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
