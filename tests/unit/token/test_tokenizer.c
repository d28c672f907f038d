/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: what is refused and how, and tokenizers from vocabulary files. */
#include "golden.h"

#include "../temp.h"

/* A tokenizer.json with one part replaced. Quotes are written as ' here. */
struct parts {
    const char *extra;
    const char *normalizer;
    const char *pre_tokenizer;
    const char *post_processor;
    const char *model;
    const char *added;
};

#define WORDPIECE "{'type': 'WordPiece', 'unk_token': '[UNK]', 'vocab': {'[UNK]': 0, 'a': 1}}"
#define BERT_NORMALIZER(more)                                                                      \
    "{'type': 'BertNormalizer', 'clean_text': true, 'handle_chinese_chars': true, "                \
    "'strip_accents': null, 'lowercase': true" more "}"
#define BYTE_LEVEL "{'type': 'ByteLevel', 'add_prefix_space': false}"
#define BPE(more)  "{'type': 'BPE', " more "'vocab': {'a': 0, 'b': 1, 'ab': 2}, 'merges': []}"
#define TOKEN(content, more)                                                                       \
    "{'id': 5, 'content': '" content "', 'single_word': false, 'lstrip': false, 'rstrip': false, " \
    "'normalized': false, 'special': true" more "}"
#define TEMPLATE(pair)                                                                             \
    "{'type': 'TemplateProcessing', 'single': [], 'pair': [" pair "], 'special_tokens': {}}"
#define A_PIECE "{'Sequence': {'id': 'A', 'type_id': 0}}"
#define B_PIECE "{'Sequence': {'id': 'B', 'type_id': 0}}"

static const struct {
    struct parts parts;
    cappy_status status;
    const char *word; /* in the message */
} refusals[] = {
    {{.extra = "'version': '2.0', "}, CAPPY_UNSUPPORTED, "2.0"},
    {{.extra = "'shuffle': true, "}, CAPPY_UNSUPPORTED, "shuffle"},
    {{.normalizer = "{'type': 'Nmt'}"}, CAPPY_UNSUPPORTED, "Nmt"},
    {{.normalizer = "{'type': 'NFKC'}"}, CAPPY_UNSUPPORTED, "NFKC"},
    {{.normalizer = "{'type': 'Precompiled'}"}, CAPPY_UNSUPPORTED, "Precompiled"},
    {{.normalizer = BERT_NORMALIZER(", 'shout': 1")}, CAPPY_UNSUPPORTED, "shout"},
    {{.normalizer = "{'type': 'BertNormalizer'}"}, CAPPY_FORMAT, "clean_text"},
    {{.normalizer = "{'type': 'Sequence', 'normalizers': [{'type': 'Replace'}]}"},
     CAPPY_UNSUPPORTED,
     "Replace"},
    {{.normalizer = "{}"}, CAPPY_FORMAT, "type"},
    {{.normalizer = "[]"}, CAPPY_FORMAT, "object"},
    {{.normalizer = "{'type': 7}"}, CAPPY_FORMAT, "type"},
    {{.pre_tokenizer = "null"}, CAPPY_UNSUPPORTED, "pre_tokenizer"},
    {{.pre_tokenizer = "{'type': 'Metaspace'}"}, CAPPY_UNSUPPORTED, "Metaspace"},
    {{.pre_tokenizer = "{'type': 'Split', 'pattern': {'Regex': 'x'}}"}, CAPPY_UNSUPPORTED, "Split"},
    {{.pre_tokenizer = "{'type': 'Sequence', 'pretokenizers': [{'type': 'Digits'}]}"},
     CAPPY_UNSUPPORTED,
     "Digits"},
    {{.pre_tokenizer = "{'type': 'Sequence', 'pretokenizers': []}"}, CAPPY_UNSUPPORTED, "Sequence"},
    {{.pre_tokenizer = "{'type': 'BertPreTokenizer', 'also': 0}"}, CAPPY_UNSUPPORTED, "also"},
    {{.pre_tokenizer = BYTE_LEVEL}, CAPPY_UNSUPPORTED, "ByteLevel"},
    {{.model = BPE("")}, CAPPY_UNSUPPORTED, "BertPreTokenizer"},
    {{.pre_tokenizer = "{'type': 'ByteLevel'}", .model = BPE("")},
     CAPPY_FORMAT,
     "add_prefix_space"},
    {{.post_processor = "{'type': 'Other'}"}, CAPPY_UNSUPPORTED, "Other"},
    {{.post_processor = "{'type': 'BertProcessing', 'sep': ['x', 1]}"}, CAPPY_FORMAT, "cls"},
    {{.post_processor = "{'type': 'BertProcessing', 'sep': ['x', -1], 'cls': ['x', 1]}"},
     CAPPY_FORMAT,
     "id"},
    {{.post_processor = TEMPLATE(A_PIECE)}, CAPPY_UNSUPPORTED, "once"},
    {{.post_processor = TEMPLATE(A_PIECE ", " A_PIECE ", " B_PIECE)}, CAPPY_UNSUPPORTED, "once"},
    {{.post_processor = TEMPLATE("{'Sequence': {'id': 'C', 'type_id': 0}}")}, CAPPY_FORMAT, "C"},
    {{.post_processor = TEMPLATE("{'SpecialToken': {'id': '<x>', 'type_id': 0}}")},
     CAPPY_FORMAT,
     "<x>"},
    {{.post_processor = TEMPLATE("{'Other': {'id': 'A', 'type_id': 0}}")},
     CAPPY_UNSUPPORTED,
     "Other"},
    {{.post_processor = "{'type': 'Sequence', 'processors': [" TEMPLATE(
          A_PIECE ", " B_PIECE) ", " TEMPLATE(A_PIECE ", " B_PIECE) "]}"},
     CAPPY_UNSUPPORTED,
     "TemplateProcessing"},
    {{.model = "null"}, CAPPY_FORMAT, "model"},
    {{.model = "{'type': 'Unigram', 'vocab': []}"}, CAPPY_UNSUPPORTED, "Unigram"},
    {{.model = "{'type': 'WordLevel', 'vocab': {}}"}, CAPPY_UNSUPPORTED, "WordLevel"},
    {{.model = "{'type': 'WordPiece', 'vocab': {'[UNK]': 0}, 'speed': 9}"},
     CAPPY_UNSUPPORTED,
     "speed"},
    {{.model = "{'type': 'WordPiece', 'vocab': {'a': 0}}"}, CAPPY_FORMAT, "[UNK]"},
    {{.model = "{'type': 'WordPiece', 'vocab': []}"}, CAPPY_FORMAT, "vocab"},
    {{.model = "{'type': 'WordPiece'}"}, CAPPY_FORMAT, "vocab"},
    {{.model = "{'type': 'WordPiece', 'vocab': {'[UNK]': -1}}"}, CAPPY_FORMAT, "id"},
    {{.model = "{'type': 'WordPiece', 'vocab': {'[UNK]': 2147483647}}"}, CAPPY_FORMAT, "id"},
    {{.model = "{'type': 'WordPiece', 'vocab': {'[UNK]': 1.5}}"}, CAPPY_FORMAT, "[UNK]"},
    {{.model = "{'type': 'WordPiece', 'vocab': {'[UNK]': 0}, 'max_input_chars_per_word': -1}"},
     CAPPY_FORMAT,
     "max_input_chars_per_word"},
    {{.pre_tokenizer = BYTE_LEVEL, .model = BPE("'dropout': 0.1, ")}, CAPPY_UNSUPPORTED, "dropout"},
    {{.pre_tokenizer = BYTE_LEVEL, .model = BPE("'byte_fallback': true, ")},
     CAPPY_UNSUPPORTED,
     "byte_fallback"},
    {{.pre_tokenizer = BYTE_LEVEL, .model = BPE("'end_of_word_suffix': '</w>', ")},
     CAPPY_UNSUPPORTED,
     "end_of_word_suffix"},
    {{.pre_tokenizer = BYTE_LEVEL, .model = BPE("'continuing_subword_prefix': '##', ")},
     CAPPY_UNSUPPORTED,
     "continuing_subword_prefix"},
    {{.pre_tokenizer = BYTE_LEVEL, .model = BPE("'unk_token': '<unk>', ")}, CAPPY_FORMAT, "<unk>"},
    {{.pre_tokenizer = BYTE_LEVEL, .model = BPE("'speed': 9, ")}, CAPPY_UNSUPPORTED, "speed"},
    {{.pre_tokenizer = BYTE_LEVEL,
      .model = "{'type': 'BPE', 'vocab': {'a': 0, 'b': 1}, 'merges': ['a b']}"},
     CAPPY_FORMAT,
     "ab"},
    {{.pre_tokenizer = BYTE_LEVEL,
      .model = "{'type': 'BPE', 'vocab': {'a': 0, 'b': 1, 'ab': 2}, 'merges': ['ab']}"},
     CAPPY_FORMAT,
     "merge 1"},
    {{.pre_tokenizer = BYTE_LEVEL,
      .model = "{'type': 'BPE', 'vocab': {'a': 0, 'b': 1, 'ab': 2}, 'merges': [['a', 'b', 'c']]}"},
     CAPPY_FORMAT,
     "merge 1"},
    {{.pre_tokenizer = BYTE_LEVEL,
      .model = "{'type': 'BPE', 'vocab': {'a': 0, 'b': 1, 'ab': 2}, 'merges': [7]}"},
     CAPPY_FORMAT,
     "merge 1"},
    {{.pre_tokenizer = BYTE_LEVEL,
      .model = "{'type': 'BPE', 'vocab': {'a': 0, 'b': 0}, 'merges': []}"},
     CAPPY_FORMAT,
     "two tokens have the id 0"},
    {{.pre_tokenizer = BYTE_LEVEL, .model = "{'type': 'BPE', 'vocab': {'a': 0}}"},
     CAPPY_FORMAT,
     "merges"},
    {{.added = "{}"}, CAPPY_FORMAT, "added_tokens"},
    {{.added = "[3]"}, CAPPY_FORMAT, "added token"},
    {{.added = "[{'id': 5, 'content': 'x'}]"}, CAPPY_FORMAT, "single_word"},
    {{.added = "[" TOKEN("x", ", 'sticky': true") "]"}, CAPPY_UNSUPPORTED, "sticky"},
    {{.normalizer = BERT_NORMALIZER(""),
      .added = "[{'id': 5, 'content': '\\u0301', 'single_word': false, 'lstrip': false, "
               "'rstrip': false, 'normalized': true, 'special': false}]"},
     CAPPY_UNSUPPORTED,
     "empty"},
};

/* Writes the tokenizer.json of `parts` to `spec`, with its quotes. */
static void write_spec(const struct parts *parts, char *spec, size_t capacity)
{
    snprintf(spec, capacity,
             "{%s'normalizer': %s, 'pre_tokenizer': %s, 'post_processor': %s, 'model': %s, "
             "'added_tokens': %s}",
             parts->extra != NULL ? parts->extra : "",
             parts->normalizer != NULL ? parts->normalizer : "null",
             parts->pre_tokenizer != NULL ? parts->pre_tokenizer : "{'type': 'BertPreTokenizer'}",
             parts->post_processor != NULL ? parts->post_processor : "null",
             parts->model != NULL ? parts->model : WORDPIECE,
             parts->added != NULL ? parts->added : "[]");
    for (char *p = spec; *p != '\0'; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
}

static void test_refusals(void **state)
{
    (void)state;
    char spec[4000];
    struct cappy_tokenizer *tokenizer = NULL;
    struct parts good = {0};
    write_spec(&good, spec, sizeof spec);
    assert_int_equal(read_text(spec, &tokenizer, NULL), CAPPY_OK);
    assert_string_equal(cappy_tokenizer_kind(tokenizer), "WordPiece");
    assert_int_equal(cappy_tokenizer_n_ids(tokenizer), 2);
    cappy_tokenizer_close(tokenizer);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        cappy_error error = {0};
        write_spec(&refusals[i].parts, spec, sizeof spec);
        cappy_status status = read_text(spec, &tokenizer, &error);
        if (status != refusals[i].status || error.code != status ||
            strstr(error.message, refusals[i].word) == NULL) {
            fail_msg("%s: status %d, message \"%s\"", spec, (int)status, error.message);
        }
    }
}

/* An added token's id is the model's, or the next free one, whatever the file says. */
static void test_added_ids(void **state)
{
    (void)state;
    char spec[4000];
    struct cappy_tokenizer *tokenizer = NULL;
    struct parts parts = {.added = "[" TOKEN("a", "") ", " TOKEN("new", "") ", " TOKEN(
                              "newer", "") ", " TOKEN("new", "") "]"};
    write_spec(&parts, spec, sizeof spec);
    assert_int_equal(read_text(spec, &tokenizer, NULL), CAPPY_OK);
    assert_int_equal(cappy_tokenizer_n_ids(tokenizer), 4);
    struct cappy_encoder *encoder = make_encoder(tokenizer);
    struct cappy_ids ids = {0};
    const int32_t expected[] = {3, 2, 1, 0};
    encode(encoder, "newernewab", 10, &ids);
    assert_int_equal(ids.n, 4);
    assert_memory_equal(ids.data, expected, sizeof expected);
    cappy_ids_free(&ids);
    cappy_encoder_free(encoder);
    cappy_tokenizer_close(tokenizer);
}

/* ---- Directories ----------------------------------------------------------------------------- */

/* Opening must fail with `status` and `word` in the message. */
static void check_refused(struct temp *temp, cappy_status status, const char *word)
{
    struct cappy_tokenizer *tokenizer = NULL;
    cappy_error error = {0};
    cappy_status got = cappy_tokenizer_open(temp->directory, &tokenizer, &error);
    if (got != status || strstr(error.message, word) == NULL) {
        fail_msg("wanted %d with \"%s\", got %d: %s", (int)status, word, (int)got, error.message);
    }
    assert_null(tokenizer);
}

static void test_directories(void **state)
{
    (void)state;
    struct temp temp;
    temp_make(&temp);
    check_refused(&temp, CAPPY_IO, "tokenizer.json");
    temp_write_text(&temp, "vocab.txt", "[UNK]\n[CLS]\nx\xff\n");
    check_refused(&temp, CAPPY_FORMAT, "vocab.txt");
    temp_write_text(&temp, "vocab.txt", "[UNK]\n[CLS]\nx\n");
    check_refused(&temp, CAPPY_FORMAT, "[SEP]");
    temp_write_text(&temp, "tokenizer_config.json", "{\"tokenizer_class\": \"MPNetTokenizer\"}");
    check_refused(&temp, CAPPY_UNSUPPORTED, "MPNetTokenizer");
    temp_write_text(&temp, "tokenizer_config.json", "{\"split_special_tokens\": true}");
    check_refused(&temp, CAPPY_UNSUPPORTED, "split_special_tokens");
    temp_write_text(&temp, "tokenizer_config.json", "[]");
    check_refused(&temp, CAPPY_FORMAT, "tokenizer_config.json");
    temp_write_text(&temp, "tokenizer_config.json", "{\"model_max_length\": \"x\"}");
    check_refused(&temp, CAPPY_FORMAT, "model_max_length");
    temp_write_text(&temp, "tokenizer_config.json", "{}");
    temp_write_text(&temp, "vocab.json", "{\"<s>\": 0, \"</s>\": 1}");
    check_refused(&temp, CAPPY_IO, "merges.txt");
    temp_write_text(&temp, "merges.txt", "#version: 0.2\na b\n");
    check_refused(&temp, CAPPY_FORMAT, "merge 1");
    temp_write_text(&temp, "vocab.json", "{\"<s>\": 0}");
    check_refused(&temp, CAPPY_FORMAT, "</s>");
    temp_write_text(&temp, "vocab.json", "{");
    check_refused(&temp, CAPPY_FORMAT, "vocab.json");
    temp_write_text(&temp, "tokenizer.json", "{\"model\": 1, \"model\": 2}");
    check_refused(&temp, CAPPY_FORMAT, "tokenizer.json");
    temp_write_text(&temp, "tokenizer.json", "{\"version\": \"3.0\"}");
    check_refused(&temp, CAPPY_UNSUPPORTED, "tokenizer.json");
    temp_remove(&temp);
}

/* Writes the settings files of a golden case. */
static void write_settings(struct temp *temp, const json_t *settings)
{
    json_t *object = (json_t *)(uintptr_t)settings;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        temp_write_text(temp, json_object_iter_key(i),
                        json_string_value(json_object_iter_value(i)));
    }
}

/* The vocabulary files with each of the golden settings, against transformers. */
static void test_files(void **state)
{
    (void)state;
    json_t *golden = read_golden("files/cases.json");
    const json_t *texts = json_object_get(golden, "texts");
    const json_t *cases = json_object_get(golden, "cases");
    struct cappy_ids ids = {0};
    assert_true(json_array_size(cases) >= 10);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *test = json_array_get(cases, i);
        const json_t *files = json_object_get(test, "files");
        struct temp temp;
        temp_make(&temp);
        for (size_t k = 0; k < json_array_size(files); k++) {
            const char *name = json_string_value(json_array_get(files, k));
            char from[1000];
            snprintf(from, sizeof from, GOLDEN "files/%s", name);
            temp_link(&temp, from, name);
        }
        write_settings(&temp, json_object_get(test, "settings"));
        struct cappy_tokenizer *tokenizer = open_good(temp.directory);
        struct cappy_encoder *encoder = make_encoder(tokenizer);
        for (size_t k = 0; k < json_array_size(texts); k++) {
            const json_t *text = json_array_get(texts, k);
            encode(encoder, json_string_value(text), json_string_length(text), &ids);
            check_ids(json_string_value(text), &ids,
                      json_array_get(json_object_get(test, "ids"), k));
        }
        assert_true(cappy_tokenizer_max_length(tokenizer) == (i == 1 ? 512 : 0));
        cappy_encoder_free(encoder);
        cappy_tokenizer_close(tokenizer);
        temp_remove(&temp);
    }
    cappy_ids_free(&ids);
    json_decref(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_added_ids),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
