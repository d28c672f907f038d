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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stem),
        cmocka_unit_test(test_rouge_l),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
