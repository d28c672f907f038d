/* SPDX-License-Identifier: Apache-2.0 */
/* The BPE model of tokenizer.json. */
#include <stdlib.h>
#include <string.h>

#include "token/bpe.h"
#include "token/spec.h"
#include "token/unicode.h"

/* The id of token text[0..size), or -1. */
static int32_t find_token(const json_t *vocabulary, const char *text, size_t size)
{
    const json_t *id = json_object_getn(vocabulary, text, size);
    return id != NULL ? (int32_t)json_integer_value(id) : -1;
}

/* The code point that stands for a byte in the vocabulary of a byte-level model: itself where it is
 * printable, else the next one from U+0100 on (bytes_to_unicode of GPT-2). */
static uint32_t byte_symbol(unsigned byte)
{
    uint32_t next = 0x100;
    for (unsigned b = 0; b <= byte; b++) {
        bool printable = (b > ' ' && b < 0x7f) || (b >= 0xa1 && b != 0xad);
        if (b == byte) {
            return printable ? b : next;
        }
        next += printable ? 0 : 1;
    }
    return next;
}

/* Finds the symbol of each byte. Returns whether every byte has one. */
static bool find_bytes(struct cappy_bpe *bpe, const json_t *vocabulary)
{
    bool complete = true;
    for (unsigned byte = 0; byte < 256; byte++) {
        unsigned char text[4];
        size_t size = cappy_utf8_encode(byte_symbol(byte), text);
        bpe->byte_ids[byte] = find_token(vocabulary, (const char *)text, size);
        complete = complete && bpe->byte_ids[byte] >= 0;
    }
    return complete;
}

/* Settings that matter only for bytes the vocabulary does not have. */
static cappy_status read_unknown(const json_t *model, const json_t *vocabulary,
                                 struct cappy_bpe *bpe, cappy_error *error)
{
    const char *unknown;
    bool byte_fallback;
    CAPPY_TRY(cappy_json_get_string(model, "unk_token", NULL, &unknown, error));
    CAPPY_TRY(cappy_json_get_bool(model, "fuse_unk", false, &bpe->fuse_unknown, error));
    CAPPY_TRY(cappy_json_get_bool(model, "byte_fallback", false, &byte_fallback, error));
    bpe->unknown_id = -1;
    if (find_bytes(bpe, vocabulary)) {
        return CAPPY_OK;
    }
    if (byte_fallback) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "the model has \"byte_fallback\" and lacks tokens for some bytes, "
                               "which cappy does not implement");
    }
    if (unknown != NULL) {
        bpe->unknown_id = find_token(vocabulary, unknown, strlen(unknown));
        if (bpe->unknown_id < 0) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "the unk_token \"%.100s\" is not in the vocabulary", unknown);
        }
    }
    return CAPPY_OK;
}

/* Refuses the settings that cappy does not implement, unless they have no effect. */
static cappy_status refuse_settings(const json_t *model, cappy_error *error)
{
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    double dropout;
    CAPPY_TRY(cappy_json_get_real(model, "dropout", 0, &dropout, error));
    if (dropout != 0) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "the model has \"dropout\", which makes its ids random; set it to "
                               "null");
    }
    for (size_t i = 0; i < 2; i++) {
        const char *affix;
        CAPPY_TRY(cappy_json_get_string(model, affixes[i], "", &affix, error));
        if (affix[0] != '\0') {
            return cappy_error_set(error, CAPPY_UNSUPPORTED,
                                   "the model has \"%s\", which cappy does not implement for BPE",
                                   affixes[i]);
        }
    }
    return CAPPY_OK;
}

static int compare_ids(const void *left, const void *right)
{
    int32_t a = *(const int32_t *)left;
    int32_t b = *(const int32_t *)right;
    return (a > b) - (a < b);
}

/* Two tokens with one id would make it ambiguous which neighbours merge. */
static cappy_status check_unique(const json_t *vocabulary, cappy_error *error)
{
    size_t n = json_object_size(vocabulary);
    int32_t *ids = cappy_alloc(n, sizeof *ids);
    if (ids == NULL) {
        return cappy_error_no_memory(error);
    }
    json_t *object = (json_t *)(uintptr_t)vocabulary;
    size_t k = 0;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        ids[k++] = (int32_t)json_integer_value(json_object_iter_value(i));
    }
    qsort(ids, n, sizeof *ids, compare_ids);
    cappy_status status = CAPPY_OK;
    for (size_t i = 1; i < n && status == CAPPY_OK; i++) {
        if (ids[i] == ids[i - 1]) {
            status = cappy_error_set(error, CAPPY_FORMAT, "two tokens have the id %d", (int)ids[i]);
        }
    }
    cappy_free(ids);
    return status;
}

/* The two halves of a merge. */
struct halves {
    const char *left;
    const char *right;
    size_t left_size;
    size_t right_size;
};

/* Reads a merge, "left right" or ["left", "right"]. Returns whether it is one. */
static bool read_merge(const json_t *merge, struct halves *halves)
{
    if (json_is_string(merge)) {
        halves->left = json_string_value(merge);
        size_t size = json_string_length(merge);
        const char *space = memchr(halves->left, ' ', size);
        if (space == NULL) {
            return false;
        }
        halves->left_size = (size_t)(space - halves->left);
        halves->right = space + 1;
        halves->right_size = size - halves->left_size - 1;
        return memchr(halves->right, ' ', halves->right_size) == NULL;
    }
    const json_t *left = json_array_get(merge, 0);
    const json_t *right = json_array_get(merge, 1);
    if (json_array_size(merge) != 2 || !json_is_string(left) || !json_is_string(right)) {
        return false;
    }
    *halves = (struct halves){json_string_value(left), json_string_value(right),
                              json_string_length(left), json_string_length(right)};
    return true;
}

/* Adds merge number `rank`; of two merges of one pair the later holds, as in the reference.
 * `joined` is a scratch. */
static cappy_status add_merge(struct cappy_bpe *bpe, const json_t *vocabulary, const json_t *merge,
                              size_t rank, struct cappy_buffer *joined, cappy_error *error)
{
    struct halves halves;
    if (!read_merge(merge, &halves)) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "merge %zu must be two tokens with one space between them",
                               rank + 1);
    }
    cappy_buffer_clear(joined);
    CAPPY_TRY(cappy_buffer_append(joined, halves.left, halves.left_size, error));
    CAPPY_TRY(cappy_buffer_append(joined, halves.right, halves.right_size, error));
    int32_t left = find_token(vocabulary, halves.left, halves.left_size);
    int32_t right = find_token(vocabulary, halves.right, halves.right_size);
    int32_t id = joined->size != 0 ? find_token(vocabulary, joined->data, joined->size) : -1;
    if (left < 0 || right < 0 || id < 0) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "merge %zu, of \"%.60s\", has a part or a result that is not in the "
                               "vocabulary",
                               rank + 1, joined->size != 0 ? joined->data : "");
    }
    struct cappy_merge *slot = cappy_bpe_find(bpe, left, right);
    *slot = (struct cappy_merge){cappy_bpe_pair(left, right), (uint32_t)rank, id};
    return CAPPY_OK;
}

static cappy_status read_merges(struct cappy_bpe *bpe, const json_t *vocabulary,
                                const json_t *merges, cappy_error *error)
{
    size_t n = json_array_size(merges);
    size_t n_slots = 16;
    while (n_slots < 2 * n) {
        n_slots *= 2;
    }
    bpe->merges = cappy_alloc_aligned(n_slots, sizeof *bpe->merges);
    if (bpe->merges == NULL || n >= UINT32_MAX) {
        return cappy_error_no_memory(error);
    }
    memset(bpe->merges, 0, n_slots * sizeof *bpe->merges);
    bpe->mask = n_slots - 1;
    struct cappy_buffer joined;
    cappy_buffer_init(&joined, SIZE_MAX / 2);
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; i < n && status == CAPPY_OK; i++) {
        status = add_merge(bpe, vocabulary, json_array_get(merges, i), i, &joined, error);
    }
    cappy_buffer_free(&joined);
    return status;
}

/* The byte whose symbol is code point c, or -1. */
static int symbol_byte(uint32_t c)
{
    for (unsigned byte = 0; byte < 256 && c < 0x200; byte++) {
        if (byte_symbol(byte) == c) {
            return (int)byte;
        }
    }
    return -1;
}

/* Adds to bpe->words the bytes that token `text` stands for; nothing where it is not made of byte
 * symbols. */
static cappy_status add_word(struct cappy_bpe *bpe, const char *text, int32_t id,
                             struct cappy_buffer *bytes, cappy_error *error)
{
    cappy_buffer_clear(bytes);
    for (size_t i = 0, step; text[i] != '\0'; i += step) {
        int byte = symbol_byte(cappy_utf8_decode((const unsigned char *)text + i, &step));
        if (byte < 0) {
            return CAPPY_OK;
        }
        char c = (char)byte;
        CAPPY_TRY(cappy_buffer_append(bytes, &c, 1, error));
    }
    return cappy_trie_add(&bpe->words, bytes->data, bytes->size, id, error);
}

static cappy_status read_words(struct cappy_bpe *bpe, const json_t *vocabulary, cappy_error *error)
{
    CAPPY_TRY(cappy_trie_init(&bpe->words, error));
    struct cappy_buffer bytes;
    cappy_buffer_init(&bytes, SIZE_MAX / 2);
    cappy_status status = CAPPY_OK;
    json_t *object = (json_t *)(uintptr_t)vocabulary;
    for (void *i = json_object_iter(object); i != NULL && status == CAPPY_OK;
         i = json_object_iter_next(object, i)) {
        status = add_word(bpe, json_object_iter_key(i),
                          (int32_t)json_integer_value(json_object_iter_value(i)), &bytes, error);
    }
    cappy_buffer_free(&bytes);
    return status;
}

static cappy_status read_model(const json_t *model, struct cappy_bpe *bpe, cappy_error *error)
{
    static const char *const known[] = {"type",
                                        "dropout",
                                        "unk_token",
                                        "continuing_subword_prefix",
                                        "end_of_word_suffix",
                                        "fuse_unk",
                                        "byte_fallback",
                                        "ignore_merges",
                                        "vocab",
                                        "merges",
                                        NULL};
    const json_t *vocabulary = json_object_get(model, "vocab");
    const json_t *merges;
    CAPPY_TRY(cappy_spec_check(model, "the model", known, error));
    CAPPY_TRY(refuse_settings(model, error));
    CAPPY_TRY(cappy_spec_vocabulary(vocabulary, &bpe->largest_id, error));
    CAPPY_TRY(cappy_spec_get_array(model, "the model", "merges", &merges, error));
    CAPPY_TRY(check_unique(vocabulary, error));
    CAPPY_TRY(read_unknown(model, vocabulary, bpe, error));
    CAPPY_TRY(read_merges(bpe, vocabulary, merges, error));
    CAPPY_TRY(cappy_json_get_bool(model, "ignore_merges", false, &bpe->whole_words, error));
    return bpe->whole_words ? read_words(bpe, vocabulary, error) : CAPPY_OK;
}

cappy_status cappy_bpe_read(const json_t *model, struct cappy_bpe *bpe, cappy_error *error)
{
    *bpe = (struct cappy_bpe){0};
    cappy_status status = read_model(model, bpe, error);
    if (status != CAPPY_OK) {
        cappy_bpe_free(bpe);
    }
    return status;
}

void cappy_bpe_free(struct cappy_bpe *bpe)
{
    cappy_free(bpe->merges);
    cappy_trie_free(&bpe->words);
    *bpe = (struct cappy_bpe){0};
}
