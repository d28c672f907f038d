/* SPDX-License-Identifier: Apache-2.0 */
/* Where added tokens are found. Expected parts are the reference's. */
#include "golden.h"

/* A token of id `id`; flags: w single_word, l lstrip, r rstrip. */
struct token {
    const char *content;
    const char *flags;
};

static const struct {
    struct token tokens[4];
    const char *text;
    const char *expected; /* "start-end:id", id -1 for what lies between, with spaces between */
} cases[] = {
    {{{"<s>", ""}}, "a<s>b<s>", "0-1:-1 1-4:0 4-5:-1 5-8:0"},
    {{{"<s>", ""}}, "", ""},
    {{{"<s>", ""}}, "none", "0-4:-1"},
    {{{NULL, ""}}, "none", "0-4:-1"},
    /* The leftmost, and of those that begin there the longest. */
    {{{"ab", ""}, {"abcd", ""}, {"bcde", ""}}, "abcde", "0-4:1 4-5:-1"},
    {{{"ab", ""}, {"abcd", ""}, {"bcde", ""}}, "abcx", "0-2:0 2-4:-1"},
    {{{"abcd", ""}, {"bc", ""}}, "abce", "0-1:-1 1-3:1 3-4:-1"},
    {{{"a", ""}, {"b", ""}}, "xab", "0-1:-1 1-2:0 2-3:1"},
    /* single_word: also what is discarded is passed over. */
    {{{"aa", "w"}}, "aaa aa aa", "0-4:-1 4-6:0 6-7:-1 7-9:0"},
    {{{"aa", "w"}}, "\u00e9aa -aa- _aa", "0-6:-1 6-8:0 8-13:-1"},
    {{{"<x>", "w"}, {"x", ""}}, "a<x>", "0-4:-1"},
    /* Stripping takes all white space, of any kind. */
    {{{"<m>", "l"}}, "a \n\u3000<m> b", "0-1:-1 1-9:0 9-11:-1"},
    {{{"<m>", "r"}}, "a <m> \u2003\tb", "0-2:-1 2-10:0 10-11:-1"},
    {{{"<m>", "lr"}}, "  <m>  <m>  ", "0-7:0 7-12:0"},
    {{{"<m>", "r"}, {"<n>", "l"}}, "<m>  <n>", "0-5:0 5-8:1"},
    /* A token made of white space inside white space that another took. */
    {{{"<m>", "r"}, {" ", "l"}}, "<m> x", "0-4:0 4-5:-1"},
    {{{"<m>", "r"}, {" ", ""}}, "<m>  x", "0-5:0 3-4:1 4-5:1 5-6:-1"},
};

/* Makes a tokenizer with these tokens. */
static struct cappy_tokenizer *make(const struct token *tokens)
{
    json_t *list = json_array();
    json_t *model = json_pack("{s:s, s:{s:i}}", "type", "WordPiece", "vocab", "[UNK]", 9);
    for (size_t i = 0; i < 4 && tokens[i].content != NULL; i++) {
        json_object_set_new(json_object_get(model, "vocab"), tokens[i].content,
                            json_integer((json_int_t)i));
        json_array_append_new(
            list, json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (int)i, "content",
                            tokens[i].content, "single_word", strchr(tokens[i].flags, 'w') != NULL,
                            "lstrip", strchr(tokens[i].flags, 'l') != NULL, "rstrip",
                            strchr(tokens[i].flags, 'r') != NULL, "normalized", 0, "special", 0));
    }
    json_t *spec = json_pack("{s:o, s:o, s:{s:s}}", "added_tokens", list, "model", model,
                             "pre_tokenizer", "type", "BertPreTokenizer");
    struct cappy_tokenizer *tokenizer = NULL;
    assert_int_equal(cappy_tokenizer_read(spec, &tokenizer, NULL), CAPPY_OK);
    json_decref(spec);
    return tokenizer;
}

static void test_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cappy_tokenizer *tokenizer = make(cases[i].tokens);
        struct cappy_added_walk walk = {.set = &tokenizer->added.raw,
                                        .text = (const unsigned char *)cases[i].text,
                                        .size = strlen(cases[i].text)};
        struct cappy_added_part part;
        char found[200] = "";
        size_t n = 0;
        while (cappy_added_next(&walk, &part)) {
            n += (size_t)snprintf(found + n, sizeof found - n, "%s%zu-%zu:%d", n != 0 ? " " : "",
                                  part.start, part.end, (int)part.id);
            assert_true(n < sizeof found);
        }
        assert_string_equal(found, cases[i].expected);
        cappy_tokenizer_close(tokenizer);
    }
}

/* Many tokens with a common beginning. */
static void test_many(void **state)
{
    (void)state;
    enum { N = 500 };
    json_t *list = json_array();
    for (int i = 0; i < N; i++) {
        char content[20];
        snprintf(content, sizeof content, "<extra_%d>", i);
        json_array_append_new(list, json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", i,
                                              "content", content, "single_word", 0, "lstrip", 0,
                                              "rstrip", 0, "normalized", 0, "special", 1));
    }
    json_t *spec =
        json_pack("{s:o, s:{s:s, s:{s:i}}, s:{s:s}}", "added_tokens", list, "model", "type",
                  "WordPiece", "vocab", "[UNK]", 0, "pre_tokenizer", "type", "BertPreTokenizer");
    struct cappy_tokenizer *tokenizer = NULL;
    assert_int_equal(cappy_tokenizer_read(spec, &tokenizer, NULL), CAPPY_OK);
    json_decref(spec);
    assert_int_equal(cappy_tokenizer_n_ids(tokenizer), N + 1);
    struct cappy_encoder *encoder = make_encoder(tokenizer);
    struct cappy_ids ids = {0};
    for (int i = 0; i < N; i++) {
        char text[30];
        snprintf(text, sizeof text, "<extra_%d><extra_", i);
        encode(encoder, text, strlen(text), &ids);
        assert_true(ids.n > 1);
        assert_int_equal(ids.data[0], i + 1);
        assert_int_equal(ids.data[1], 0);
    }
    cappy_ids_free(&ids);
    cappy_encoder_free(encoder);
    cappy_tokenizer_close(tokenizer);
}

/* Long runs of white space that several tokens want take linear time. */
static void test_long_space(void **state)
{
    (void)state;
    enum { SIZE = 2000000 };
    const struct token tokens[4] = {{"\t", "l"}, {"\n", "r"}, {"<x>", "lr"}};
    struct cappy_tokenizer *tokenizer = make(tokens);
    struct cappy_encoder *encoder = make_encoder(tokenizer);
    struct cappy_ids ids = {0};
    char *text = cappy_alloc(SIZE, 1);
    for (size_t i = 0; i < SIZE; i++) {
        text[i] = "\t\n "[i % 3];
    }
    encode(encoder, text, SIZE, &ids);
    assert_true(ids.n > 0);
    cappy_free(text);
    cappy_ids_free(&ids);
    cappy_encoder_free(encoder);
    cappy_tokenizer_close(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_long_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
