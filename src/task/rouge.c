/* SPDX-License-Identifier: Apache-2.0 */
/* ROUGE-L (Lin, ROUGE: a package for automatic evaluation of summaries, 2004), word for word as
 * PyPI's rouge-score counts it. */
#include <string.h>

#include "task/task.h"

/* ---- Words ---- */

enum { LONGEST_UNSTEMMED = 3 };

/* The letter or digit that text[*i] begins, lowercased, with *i set behind it; 0 for anything
 * else. Two characters outside of ASCII have lowercase letters within it: the Kelvin sign, and
 * the capital I with a dot, whose dot then ends the word. */
static char next_letter(cappy_text text, size_t *i)
{
    const unsigned char *at = (const unsigned char *)text.data + *i;
    const size_t left = text.size - *i;
    *i += 1;
    if ((at[0] >= 'a' && at[0] <= 'z') || (at[0] >= '0' && at[0] <= '9')) {
        return (char)at[0];
    }
    if (at[0] >= 'A' && at[0] <= 'Z') {
        return (char)(at[0] - 'A' + 'a');
    }
    if (left >= 3 && memcmp(at, "\xe2\x84\xaa", 3) == 0) {
        *i += 2;
        return 'k';
    }
    if (left >= 2 && memcmp(at, "\xc4\xb0", 2) == 0) {
        return 'i'; /* the second byte is no letter: it stands for the dot */
    }
    return 0;
}

static cappy_status add_word(struct cappy_words *words, char *word, size_t n, cappy_error *error)
{
    uint64_t *data = cappy_grow(words->data, words->n, &words->capacity, sizeof *data);
    if (data == NULL) {
        return cappy_error_no_memory(error);
    }
    words->data = data;
    words->data[words->n++] = cappy_hash(0, word, n > LONGEST_UNSTEMMED ? cappy_stem(word, n) : n);
    return CAPPY_OK;
}

cappy_status cappy_words_read(struct cappy_words *words, cappy_text text, cappy_error *error)
{
    words->n = 0;
    struct cappy_buffer letters;
    cappy_buffer_init(&letters, text.size + 1);
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; status == CAPPY_OK && i < text.size;) {
        const char letter = next_letter(text, &i);
        if (letter != 0) {
            status = cappy_buffer_append(&letters, &letter, 1, error);
        }
        if (status == CAPPY_OK && letters.size != 0 && (letter == 0 || i == text.size)) {
            status = add_word(words, letters.data, letters.size, error);
            cappy_buffer_clear(&letters);
        }
    }
    cappy_buffer_free(&letters);
    return status;
}

void cappy_words_free(struct cappy_words *words)
{
    cappy_free(words->data);
    *words = (struct cappy_words){0};
}

/* ---- The longest common subsequence ---- */

enum { BLOCK = 64, SLOTS = 2 * BLOCK, SHORT = 512 };

/* Where the words of a block stand in it, one bit a place; found by hash. */
struct places {
    uint64_t words[SLOTS];
    uint64_t bits[SLOTS]; /* 0: the slot is free */
};

static size_t find_slot(const struct places *places, uint64_t word)
{
    size_t slot = word % SLOTS;
    while (places->bits[slot] != 0 && places->words[slot] != word) {
        slot = (slot + 1) % SLOTS;
    }
    return slot;
}

static void read_places(struct places *places, const uint64_t *words, size_t n)
{
    memset(places->bits, 0, sizeof places->bits);
    for (size_t i = 0; i < n; i++) {
        const size_t slot = find_slot(places, words[i]);
        places->words[slot] = words[i];
        places->bits[slot] |= UINT64_C(1) << i;
    }
}

/* Hyyro, Bit-parallel LCS-length computation revisited (2004): each column of the table of common
 * subsequences grows by 0 or 1 from one row to the next, so that it is kept as bits, 0 where it
 * grows; a row is an addition. b is worked off in blocks of 64 words; carry[a->n] is what one block
 * hands to the next in each row. */
static size_t common_length(const struct cappy_words *a, const struct cappy_words *b,
                            unsigned char *carry)
{
    size_t length = 0;
    memset(carry, 0, a->n);
    for (size_t begin = 0; begin < b->n; begin += BLOCK) {
        const size_t n = b->n - begin < BLOCK ? b->n - begin : BLOCK;
        struct places places;
        read_places(&places, b->data + begin, n);
        uint64_t flat = UINT64_MAX;
        for (size_t i = 0; i < a->n; i++) {
            const uint64_t match = flat & places.bits[find_slot(&places, a->data[i])];
            uint64_t sum;
            const bool over = __builtin_add_overflow(flat, match, &sum);
            carry[i] = __builtin_add_overflow(sum, (uint64_t)carry[i], &sum) || over;
            flat = sum | (flat & ~match);
        }
        const uint64_t grown = ~flat;
        length +=
            (size_t)__builtin_popcountll(n < BLOCK ? grown & ((UINT64_C(1) << n) - 1) : grown);
    }
    return length;
}

cappy_status cappy_rouge_l(const struct cappy_words *reference, const struct cappy_words *response,
                           double *f, cappy_error *error)
{
    *f = 0;
    if (reference->n == 0 || response->n == 0) {
        return CAPPY_OK;
    }
    unsigned char few[SHORT];
    unsigned char *carry = reference->n <= SHORT ? few : cappy_alloc(reference->n, 1);
    if (carry == NULL) {
        return cappy_error_no_memory(error);
    }
    const double common = (double)common_length(reference, response, carry);
    const double precision = common / (double)response->n;
    const double recall = common / (double)reference->n;
    if (common > 0) {
        *f = 2 * precision * recall / (precision + recall);
    }
    if (carry != few) {
        cappy_free(carry);
    }
    return CAPPY_OK;
}
