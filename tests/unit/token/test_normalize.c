/* SPDX-License-Identifier: Apache-2.0 */
/* Normalised text against the reference, for every code point and each kind of normalizer. */
#include "golden.h"

static uint64_t digest_block(const struct cappy_normalizer *normalizer, uint32_t start,
                             size_t block, struct cappy_normalize_memory *memory,
                             struct cappy_buffer *out)
{
    uint64_t digest = FNV_START;
    for (uint32_t c = start; c < start + block && c < 0x110000; c++) {
        if (c >= 0xd800 && c <= 0xdfff) {
            continue;
        }
        unsigned char text[4];
        size_t size = cappy_utf8_encode(c, text);
        assert_int_equal(cappy_normalize(normalizer, memory, (const char *)text, size, out, NULL),
                         CAPPY_OK);
        int32_t n = (int32_t)out->size - 1;
        digest = fnv(digest, &n, sizeof n);
        digest = fnv(digest, out->data + 1, out->size - 1);
    }
    return digest;
}

static void test_code_points(void **state)
{
    (void)state;
    json_t *golden = read_golden("digests.json");
    size_t block = (size_t)json_integer_value(json_object_get(golden, "block"));
    const json_t *list = json_object_get(golden, "normalized");
    struct cappy_normalize_memory memory = {.between.limit = SIZE_MAX / 2};
    struct cappy_buffer out;
    cappy_buffer_init(&out, SIZE_MAX / 2);
    assert_int_equal(json_array_size(list), 5);
    for (size_t i = 0; i < 5; i++) {
        const json_t *entry = json_array_get(list, i);
        struct cappy_normalizer normalizer;
        assert_int_equal(
            cappy_normalizer_read(json_object_get(entry, "normalizer"), &normalizer, NULL),
            CAPPY_OK);
        for (uint32_t c = 0; c < 0x110000; c += (uint32_t)block) {
            check_digest("a normalised code point", json_object_get(entry, "digests"), block, c,
                         digest_block(&normalizer, c, block, &memory, &out));
        }
    }
    cappy_buffer_free(&out);
    cappy_normalize_memory_free(&memory);
    json_decref(golden);
}

/* Normalises `text` with the normalizer `spec` spells and compares. */
static void check(const char *spec, const char *text, const char *expected)
{
    json_t *part;
    struct cappy_normalizer normalizer;
    struct cappy_normalize_memory memory = {.between.limit = SIZE_MAX / 2};
    struct cappy_buffer out;
    cappy_buffer_init(&out, SIZE_MAX / 2);
    assert_int_equal(cappy_json_parse(spec, strlen(spec), &part, NULL), CAPPY_OK);
    assert_int_equal(cappy_normalizer_read(part, &normalizer, NULL), CAPPY_OK);
    assert_int_equal(cappy_normalize(&normalizer, &memory, text, strlen(text), &out, NULL),
                     CAPPY_OK);
    assert_string_equal(out.data + 1, expected);
    cappy_buffer_free(&out);
    cappy_normalize_memory_free(&memory);
    json_decref(part);
}

#define BERT                                                                                       \
    "{\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, "        \
    "\"strip_accents\": null, \"lowercase\": true}"

static void test_marks(void **state)
{
    (void)state;
    const char *nfd = "{\"type\": \"NFD\"}";
    check(nfd, "", "");
    check(nfd, "\u00e9", "e\u0301");
    check(nfd, "\uac01", "\u1100\u1161\u11a8");
    /* Marks are put in the order of their classes (230 behind 220), also across a control that BERT
     * removes. */
    check(nfd, "a\u0301\u0323b", "a\u0323\u0301b");
    check(BERT, "a\u0301\x01\u302e\u0323b", "a\u302eb");
    check(BERT, "\u00c9A\u030a \x01x\t\u4e2d\x42", "ea x  \u4e2d b");
    check("{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFD\"}, {\"type\": "
          "\"Lowercase\"}, {\"type\": \"StripAccents\"}]}",
          "\u00c9t\u00c9\u0903", "ete");
    check(BERT, "x\u4e2d\u6587y\u2003Z", "x \u4e2d  \u6587 y z");
    check("{\"type\": \"Lowercase\"}", "\u0130\u03a3", "i\u0307\u03c3");
}

/* Long runs of marks are put in order too, and in linear time. */
static void test_long_run(void **state)
{
    (void)state;
    enum { N = 1000000 };
    char *text = cappy_alloc(4 * N + 1, 1);
    char *expected = cappy_alloc(4 * N + 1, 1);
    for (size_t i = 0; i < N; i++) {
        memcpy(text + 4 * i, i % 2 == 0 ? "\u0301\u0323" : "\u0323\u0301", 4);
        memcpy(expected + 2 * i, "\u0323", 2);
        memcpy(expected + 2 * (N + i), "\u0301", 2);
    }
    check("{\"type\": \"NFD\"}", text, expected);
    cappy_free(text);
    cappy_free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_points),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_long_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
