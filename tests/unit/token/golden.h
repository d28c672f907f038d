/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of token share: reading the golden files of tests/golden/token, which
 * tools/token_golden.py writes. */
#ifndef CAPPY_TESTS_TOKEN_GOLDEN_H
#define CAPPY_TESTS_TOKEN_GOLDEN_H

/* cmocka wants these before it, in any order. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "token/tokenizer.h"
#include "token/unicode.h"

#define GOLDEN CAPPY_TEST_DATA "/golden/token/"

/* A parsed golden file; the caller json_decrefs it. */
static inline json_t *read_golden(const char *name)
{
    char path[1000];
    json_t *value = NULL;
    cappy_error error = {0};
    snprintf(path, sizeof path, GOLDEN "%s", name);
    if (cappy_json_read(path, (size_t)16 << 20, &value, &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
    return value;
}

/* Opens a tokenizer that must be good. */
static inline struct cappy_tokenizer *open_good(const char *directory)
{
    struct cappy_tokenizer *tokenizer = NULL;
    cappy_error error = {0};
    if (cappy_tokenizer_open(directory, &tokenizer, &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
    return tokenizer;
}

/* Makes a tokenizer of a tokenizer.json in memory. */
static inline cappy_status read_text(const char *text, struct cappy_tokenizer **tokenizer,
                                     cappy_error *error)
{
    json_t *spec;
    cappy_status status = cappy_json_parse(text, strlen(text), &spec, error);
    if (status == CAPPY_OK) {
        status = cappy_tokenizer_read(spec, tokenizer, error);
        json_decref(spec);
    }
    return status;
}

static inline struct cappy_encoder *make_encoder(const struct cappy_tokenizer *tokenizer)
{
    struct cappy_encoder *encoder = NULL;
    assert_int_equal(cappy_encoder_create(tokenizer, &encoder, NULL), CAPPY_OK);
    return encoder;
}

/* The ids of a text in a buffer that is used again. */
static inline void encode(struct cappy_encoder *encoder, const void *text, size_t size,
                          struct cappy_ids *ids)
{
    ids->n = 0;
    assert_int_equal(cappy_encode_text(encoder, (cappy_text){text, size}, ids, NULL), CAPPY_OK);
}

/* Fails, showing the text, unless `ids` are those of the array `expected`. */
static inline void check_ids(const char *text, const struct cappy_ids *ids, const json_t *expected)
{
    bool equal = ids->n == json_array_size(expected);
    for (size_t i = 0; equal && i < ids->n; i++) {
        equal = ids->data[i] == json_integer_value(json_array_get(expected, i));
    }
    if (!equal) {
        fail_msg("other ids than the reference for %s", text);
    }
}

/* The bytes that `hex` spells, in out[]; returns how many. */
static inline size_t from_hex(const char *hex, unsigned char *out, size_t capacity)
{
    size_t n = 0;
    for (; hex[2 * n] != '\0'; n++) {
        const char digits[3] = {hex[2 * n], hex[2 * n + 1], '\0'};
        assert_true(n < capacity);
        out[n] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return n;
}

/* FNV-1a, as tools/token_golden.py computes it. */
static const uint64_t FNV_START = 0xcbf29ce484222325u;

static inline uint64_t fnv(uint64_t state, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        state = (state ^ ((const unsigned char *)data)[i]) * 0x100000001b3u;
    }
    return state;
}

/* Fails unless the digest of the block of code points that begins at `start` is the one in
 * `digests`. */
static inline void check_digest(const char *what, const json_t *digests, size_t block,
                                uint32_t start, uint64_t digest)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)digest);
    if (strcmp(text, json_string_value(json_array_get(digests, start / block))) != 0) {
        fail_msg("%s differs from the reference between U+%04X and U+%04X", what, (unsigned)start,
                 (unsigned)(start + block - 1));
    }
}

#endif
