/* SPDX-License-Identifier: Apache-2.0 */
/* Merging, against the plainest way to do it. */
#include <time.h>

#include "golden.h"

/* Merges ids[0..n) by the definition: always the pair of lowest rank, of those the leftmost.
 * Returns how many are left. */
static size_t merge_plainly(const struct cappy_bpe *bpe, int32_t *ids, size_t n)
{
    for (;;) {
        size_t best = n;
        uint32_t best_rank = UINT32_MAX;
        for (size_t i = 0; i + 1 < n; i++) {
            const struct cappy_merge *merge = cappy_bpe_find(bpe, ids[i], ids[i + 1]);
            if (merge->pair != 0 && merge->rank < best_rank) {
                best = i;
                best_rank = merge->rank;
            }
        }
        if (best == n) {
            return n;
        }
        ids[best] = cappy_bpe_find(bpe, ids[best], ids[best + 1])->id;
        n--;
        memmove(&ids[best + 1], &ids[best + 2], (n - best - 1) * sizeof *ids);
    }
}

#if defined(CAPPY_TEST_EMULATED)
enum { STEP = 11, LONG = 1000000 }; /* a hundred times slower */
#else
enum { STEP = 1, LONG = 10000000 };
#endif

/* Words of all lengths around the one from which a heap is used. */
static void test_lengths(void **state)
{
    (void)state;
    struct cappy_tokenizer *tokenizer = open_good(GOLDEN "bpe");
    struct cappy_bpe_memory memory = {0};
    struct cappy_ids ids = {0};
    uint64_t random = 7;
    for (size_t size = 0; size < 300; size += STEP) {
        for (int k = 0; k < 20; k++) {
            unsigned char word[300];
            int32_t expected[300];
            for (size_t i = 0; i < size; i++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                word[i] = k < 10 ? (unsigned char)"etaoinshr"[(random >> 33) % 9]
                                 : (unsigned char)(random >> 56);
                expected[i] = tokenizer->bpe.byte_ids[word[i]];
            }
            size_t n = merge_plainly(&tokenizer->bpe, expected, size);
            ids.n = 0;
            assert_int_equal(cappy_bpe_encode(&tokenizer->bpe, &memory, word, size, &ids, NULL),
                             CAPPY_OK);
            assert_int_equal(ids.n, n);
            assert_memory_equal(ids.data, expected, n * sizeof *expected);
        }
    }
    cappy_ids_free(&ids);
    cappy_bpe_memory_free(&memory);
    cappy_tokenizer_close(tokenizer);
}

/* A line of ten million equal letters takes seconds at most, not hours. */
static void test_long_word(void **state)
{
    (void)state;
    enum { SIZE = LONG };
    struct cappy_tokenizer *tokenizer = NULL;
    const char *spec =
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"aa\": 1, \"aaaa\": 2, "
        "\"aaaaaaaa\": 3}, \"merges\": [\"a a\", \"aa aa\", \"aaaa aaaa\"]}, "
        "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}}";
    assert_int_equal(read_text(spec, &tokenizer, NULL), CAPPY_OK);
    struct cappy_encoder *encoder = make_encoder(tokenizer);
    struct cappy_ids ids = {0};
    char *text = cappy_alloc(SIZE, 1);
    memset(text, 'a', SIZE);
    clock_t start = clock();
    encode(encoder, text, SIZE, &ids);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 60);
    assert_int_equal(ids.n, SIZE / 8);
    assert_int_equal(ids.data[0], 3);
    cappy_free(text);
    cappy_ids_free(&ids);
    cappy_encoder_free(encoder);
    cappy_tokenizer_close(tokenizer);
}

/* Bytes without a token, by the model's settings; expected values are the reference's. */
static void test_unknown_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *settings;
        int32_t expected[6];
        size_t n;
    } cases[] = {
        {"", {2, 2}, 2}, /* x is dropped, so that a and b become neighbours */
        {"\"unk_token\": \"?\", ", {0, 3, 3, 1, 2}, 5},
        {"\"unk_token\": \"?\", \"fuse_unk\": true, ", {0, 3, 1, 2}, 4},
    };
    for (size_t i = 0; i < 3; i++) {
        char spec[1000];
        struct cappy_tokenizer *tokenizer = NULL;
        snprintf(spec, sizeof spec,
                 "{\"model\": {\"type\": \"BPE\", %s\"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2, "
                 "\"?\": 3}, \"merges\": [[\"a\", \"b\"]]}, \"pre_tokenizer\": {\"type\": "
                 "\"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}}",
                 cases[i].settings);
        assert_int_equal(read_text(spec, &tokenizer, NULL), CAPPY_OK);
        struct cappy_encoder *encoder = make_encoder(tokenizer);
        struct cappy_ids ids = {0};
        encode(encoder, "axxbab", 6, &ids);
        assert_int_equal(ids.n, cases[i].n);
        assert_memory_equal(ids.data, cases[i].expected, cases[i].n * sizeof(int32_t));
        cappy_ids_free(&ids);
        cappy_encoder_free(encoder);
        cappy_tokenizer_close(tokenizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_long_word),
        cmocka_unit_test(test_unknown_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
