/* SPDX-License-Identifier: Apache-2.0 */
/* Ids against the reference: the golden lines, every code point, the golden models. */
#include "golden.h"

#include "../temp.h"

static const char *const names[] = {"bpe", "wordpiece"};

static void test_lines(void **state)
{
    (void)state;
    json_t *lines = read_golden("lines.json");
    struct cappy_ids ids = {0};
    for (size_t k = 0; k < 2; k++) {
        char path[1000];
        snprintf(path, sizeof path, GOLDEN "%s", names[k]);
        struct cappy_tokenizer *tokenizer = open_good(path);
        struct cappy_encoder *encoder = make_encoder(tokenizer);
        for (size_t i = 0; i < json_array_size(lines); i++) {
            unsigned char bytes[4096];
            const json_t *line = json_array_get(lines, i);
            const char *hex = json_string_value(json_object_get(line, "text"));
            size_t size = from_hex(hex, bytes, sizeof bytes);
            encode(encoder, bytes, size, &ids);
            check_ids(hex, &ids, json_object_get(line, names[k]));
            /* Once more, from the cache; and as a copy of exactly its size, for the sanitizer. */
            unsigned char *exact = malloc(size + 1);
            memcpy(exact + 1, bytes, size);
            encode(encoder, exact + 1, size, &ids);
            check_ids(hex, &ids, json_object_get(line, names[k]));
            free(exact);
        }
        cappy_encoder_free(encoder);
        cappy_tokenizer_close(tokenizer);
    }
    assert_true(json_array_size(lines) > 400);
    cappy_ids_free(&ids);
    json_decref(lines);
}

/* The digest of the ids of a block's code points, each between `before` and `behind`. */
static uint64_t digest_block(struct cappy_encoder *encoder, uint32_t start, size_t block,
                             const json_t *context, struct cappy_ids *ids)
{
    const char *before = json_string_value(json_object_get(context, "before"));
    const char *behind = json_string_value(json_object_get(context, "behind"));
    uint64_t digest = FNV_START;
    for (uint32_t c = start; c < start + block && c < 0x110000; c++) {
        if (c >= 0xd800 && c <= 0xdfff) {
            continue;
        }
        unsigned char text[16];
        size_t size = strlen(before);
        memcpy(text, before, size);
        size += cappy_utf8_encode(c, text + size);
        memcpy(text + size, behind, strlen(behind));
        encode(encoder, text, size + strlen(behind), ids);
        int32_t n = (int32_t)ids->n;
        digest = fnv(digest, &n, sizeof n);
        digest = fnv(digest, ids->data, ids->n * sizeof *ids->data);
    }
    return digest;
}

#if defined(CAPPY_TEST_EMULATED)
enum { BLOCKS = 8 }; /* every eighth, where it would take minutes */
#else
enum { BLOCKS = 1 };
#endif

static void test_code_points(void **state)
{
    (void)state;
    json_t *golden = read_golden("digests.json");
    size_t block = (size_t)json_integer_value(json_object_get(golden, "block"));
    const json_t *contexts = json_object_get(golden, "ids");
    struct cappy_ids ids = {0};
    assert_int_equal(json_array_size(contexts), 6);
    for (size_t i = 0; i < 6; i++) {
        const json_t *context = json_array_get(contexts, i);
        char path[1000];
        snprintf(path, sizeof path, GOLDEN "%s",
                 json_string_value(json_object_get(context, "tokenizer")));
        struct cappy_tokenizer *tokenizer = open_good(path);
        struct cappy_encoder *encoder = make_encoder(tokenizer);
        for (uint32_t c = 0; c < 0x110000; c += BLOCKS * (uint32_t)block) {
            check_digest("the ids of a code point", json_object_get(context, "digests"), block, c,
                         digest_block(encoder, c, block, context, &ids));
        }
        cappy_encoder_free(encoder);
        cappy_tokenizer_close(tokenizer);
    }
    cappy_ids_free(&ids);
    json_decref(golden);
}

/* Encodes, truncates and builds one golden pair; false where its ids are others. */
static void check_pair(struct cappy_encoder *encoder, const struct cappy_tokenizer *tokenizer,
                       const json_t *pair, struct cappy_ids parts[3])
{
    const char *first = json_string_value(json_object_get(pair, "text"));
    const char *second = json_string_value(json_object_get(pair, "pair"));
    const json_t *segments = json_object_get(pair, "token_type_ids");
    const json_t *expected = json_object_get(pair, "input_ids");
    int32_t made[1024];
    encode(encoder, first, strlen(first), &parts[0]);
    encode(encoder, second, strlen(second), &parts[1]);
    size_t n_first = parts[0].n;
    size_t n_second = parts[1].n;
    cappy_pair_truncate(tokenizer, 512, &n_first, &n_second);
    size_t room = n_first + n_second + cappy_tokenizer_pair_overhead(tokenizer);
    assert_int_equal(cappy_ids_reserve(&parts[2], room, NULL), CAPPY_OK);
    assert_true(room <= 1024);
    parts[2].n = cappy_pair_build(tokenizer, parts[0].data, n_first, parts[1].data, n_second,
                                  parts[2].data, made);
    assert_int_equal(parts[2].n, room);
    check_ids(first, &parts[2], expected);
    for (size_t i = 0; i < json_array_size(segments); i++) {
        assert_int_equal(made[i], json_integer_value(json_array_get(segments, i)));
    }
    parts[2].n = 0;
}

/* The golden models of the data folder, from each form of their files. */
static void test_golden_models(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *files[3]; /* the vocabulary files, where tokenizer.json is left out */
    } models[] = {
        {"tiny_roberta", {NULL}},
        {"tiny_bert", {NULL}},
        {"tiny_roberta", {"vocab.json", "merges.txt"}},
        {"tiny_bert", {"vocab.txt", "tokenizer_config.json"}},
    };
    const char *shared = getenv("CAPPY_SHARED");
    if (shared == NULL) {
        print_message("CAPPY_SHARED is not set: the golden models are not compared\n");
        skip();
    }
    for (size_t k = 0; k < sizeof models / sizeof models[0]; k++) {
        char directory[1000];
        char path[1100];
        struct temp temp;
        json_t *golden = NULL;
        snprintf(directory, sizeof directory, "%s/golden/%s", shared, models[k].name);
        snprintf(path, sizeof path, "%s/golden.json", directory);
        assert_int_equal(cappy_json_read(path, (size_t)16 << 20, &golden, NULL), CAPPY_OK);
        temp_make(&temp);
        for (const char *const *file = models[k].files; *file != NULL; file++) {
            snprintf(path, sizeof path, "%s/%s", directory, *file);
            temp_link(&temp, path, *file);
        }
        struct cappy_tokenizer *tokenizer =
            open_good(models[k].files[0] != NULL ? temp.directory : directory);
        struct cappy_encoder *encoder = make_encoder(tokenizer);
        struct cappy_ids parts[3] = {{0}};
        const json_t *pairs = json_object_get(golden, "pairs");
        assert_true(json_array_size(pairs) >= 20);
        for (size_t i = 0; i < json_array_size(pairs); i++) {
            check_pair(encoder, tokenizer, json_array_get(pairs, i), parts);
        }
        for (size_t i = 0; i < 3; i++) {
            cappy_ids_free(&parts[i]);
        }
        temp_remove(&temp);
        cappy_encoder_free(encoder);
        cappy_tokenizer_close(tokenizer);
        json_decref(golden);
    }
}

/* What the cache holds does not matter: an encoder that has seen many words gives what a new one
 * gives. */
static void test_cache(void **state)
{
    (void)state;
    struct cappy_tokenizer *tokenizer = open_good(GOLDEN "bpe");
    struct cappy_encoder *used = make_encoder(tokenizer);
    struct cappy_ids ids = {0};
    struct cappy_ids again = {0};
    uint64_t random = 1;
    for (int i = 0; i < 400; i++) {
        char text[600];
        size_t size = 0;
        for (int k = 0; k < 500; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            text[size++] = (random >> 60) == 0 ? ' ' : (char)('a' + (random >> 33) % 7);
        }
        encode(used, text, size, &ids);
        struct cappy_encoder *fresh = make_encoder(tokenizer);
        encode(fresh, text, size, &again);
        cappy_encoder_free(fresh);
        assert_int_equal(ids.n, again.n);
        assert_memory_equal(ids.data, again.data, ids.n * sizeof *ids.data);
    }
    cappy_ids_free(&ids);
    cappy_ids_free(&again);
    cappy_encoder_free(used);
    cappy_tokenizer_close(tokenizer);
}

/* Texts come one behind the other in one cappy_ids; an empty text has no ids. */
static void test_append(void **state)
{
    (void)state;
    struct cappy_tokenizer *tokenizer = open_good(GOLDEN "wordpiece");
    struct cappy_encoder *encoder = make_encoder(tokenizer);
    struct cappy_ids ids = {0};
    encode(encoder, NULL, 0, &ids);
    assert_int_equal(ids.n, 0);
    encode(encoder, "[MASK]", 6, &ids);
    assert_int_equal(ids.n, 1);
    assert_int_equal(ids.data[0], 4);
    assert_int_equal(cappy_encode_text(encoder, (cappy_text){" \t[SEP]\n", 8}, &ids, NULL),
                     CAPPY_OK);
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.data[0], 4);
    assert_int_equal(ids.data[1], 3);
    cappy_ids_free(&ids);
    cappy_encoder_free(encoder);
    cappy_tokenizer_close(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),         cmocka_unit_test(test_code_points),
        cmocka_unit_test(test_golden_models), cmocka_unit_test(test_cache),
        cmocka_unit_test(test_append),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
