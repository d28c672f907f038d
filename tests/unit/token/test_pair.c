/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"

/* The value of a hexadecimal digit of the golden rows. */
static size_t digit(char c)
{
    return c <= '9' ? (size_t)(c - '0') : (size_t)(c - 'a' + 10);
}

/* Every room of 0 to 12 tokens with every pair of lengths up to 12. */
static void test_truncate(void **state)
{
    (void)state;
    struct cappy_tokenizer *tokenizer = open_good(GOLDEN "bpe");
    json_t *rows = read_golden("truncation.json");
    assert_int_equal(cappy_tokenizer_pair_overhead(tokenizer), 4);
    for (size_t room = 0; room < 13; room++) {
        const char *row = json_string_value(json_array_get(rows, room));
        for (size_t first = 0; first < 13; first++) {
            for (size_t second = 0; second < 13; second++, row += 2) {
                size_t n_first = first;
                size_t n_second = second;
                bool cut = cappy_pair_truncate(tokenizer, room + 4, &n_first, &n_second);
                assert_int_equal(n_first, digit(row[0]));
                assert_int_equal(n_second, digit(row[1]));
                assert_int_equal(cut, first + second > room);
            }
        }
    }
    json_decref(rows);
    cappy_tokenizer_close(tokenizer);
}

/* Lengths whose sum overflows are no trouble. */
static void test_truncate_huge(void **state)
{
    (void)state;
    struct cappy_tokenizer *tokenizer = open_good(GOLDEN "bpe");
    size_t n_first = SIZE_MAX;
    size_t n_second = SIZE_MAX - 1;
    assert_true(cappy_pair_truncate(tokenizer, 15, &n_first, &n_second));
    assert_int_equal(n_first, 6);
    assert_int_equal(n_second, 5);
    n_first = 3;
    n_second = SIZE_MAX;
    assert_true(cappy_pair_truncate(tokenizer, 15, &n_first, &n_second));
    assert_int_equal(n_first, 3);
    assert_int_equal(n_second, 8);
    cappy_tokenizer_close(tokenizer);
}

#define SPECIALS                                                                                   \
    "\"special_tokens\": {\"<\": {\"id\": \"<\", \"ids\": [7], \"tokens\": [\"<\"]}, \"||\": "     \
    "{\"id\": \"||\", \"ids\": [8, 9], \"tokens\": [\"|\", \"|\"]}}"

static const struct {
    const char *processor;
    int32_t ids[12]; /* of the pair of {1, 2} and {3} */
    int32_t segments[12];
    size_t n;
} pairs[] = {
    {"null", {1, 2, 3}, {0, 0, 1}, 3},
    {"{\"type\": \"ByteLevel\", \"trim_offsets\": false, \"add_prefix_space\": true}",
     {1, 2, 3},
     {0, 0, 1},
     3},
    {"{\"type\": \"RobertaProcessing\", \"sep\": [\"s\", 6], \"cls\": [\"c\", 5], "
     "\"trim_offsets\": true, \"add_prefix_space\": true}",
     {5, 1, 2, 6, 6, 3, 6},
     {0},
     7},
    {"{\"type\": \"BertProcessing\", \"sep\": [\"s\", 6], \"cls\": [\"c\", 5]}",
     {5, 1, 2, 6, 3, 6},
     {0, 0, 0, 0, 1, 1},
     6},
    {"{\"type\": \"TemplateProcessing\", \"single\": [], \"pair\": [{\"SpecialToken\": {\"id\": "
     "\"||\", \"type_id\": 2}}, {\"Sequence\": {\"id\": \"B\", \"type_id\": 3}}, "
     "{\"SpecialToken\": {\"id\": \"<\", \"type_id\": 1}}, {\"Sequence\": {\"id\": \"A\", "
     "\"type_id\": 0}}], " SPECIALS "}",
     {8, 9, 3, 7, 1, 2},
     {2, 2, 3, 1, 0, 0},
     6},
    {"{\"type\": \"Sequence\", \"processors\": [{\"type\": \"ByteLevel\"}, {\"type\": "
     "\"BertProcessing\", \"sep\": [\"s\", 6], \"cls\": [\"c\", 5]}]}",
     {5, 1, 2, 6, 3, 6},
     {0, 0, 0, 0, 1, 1},
     6},
};

static void test_build(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char spec[2000];
        struct cappy_tokenizer *tokenizer = NULL;
        const int32_t first[] = {1, 2};
        const int32_t second[] = {3};
        int32_t ids[12];
        int32_t segments[12];
        snprintf(spec, sizeof spec,
                 "{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"[UNK]\": 0}}, "
                 "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, \"post_processor\": %s}",
                 pairs[i].processor);
        assert_int_equal(read_text(spec, &tokenizer, NULL), CAPPY_OK);
        assert_int_equal(cappy_tokenizer_pair_overhead(tokenizer), pairs[i].n - 3);
        assert_int_equal(cappy_pair_build(tokenizer, first, 2, second, 1, ids, segments),
                         pairs[i].n);
        assert_memory_equal(ids, pairs[i].ids, pairs[i].n * sizeof *ids);
        assert_memory_equal(segments, pairs[i].segments, pairs[i].n * sizeof *ids);
        assert_int_equal(cappy_pair_build(tokenizer, NULL, 0, NULL, 0, ids, NULL), pairs[i].n - 3);
        int32_t largest = 0;
        for (size_t k = 0; k < pairs[i].n; k++) {
            largest = pairs[i].ids[k] > 3 && pairs[i].ids[k] > largest ? pairs[i].ids[k] : largest;
        }
        assert_int_equal(cappy_tokenizer_n_ids(tokenizer), largest + 1);
        cappy_tokenizer_close(tokenizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncate),
        cmocka_unit_test(test_truncate_huge),
        cmocka_unit_test(test_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
