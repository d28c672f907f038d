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
    if (words->n == words->capacity) {
        const size_t capacity = words->capacity * 2 + 32;
        uint64_t *data = cappy_realloc(words->data, capacity, sizeof *data);
        if (data == NULL) {
            return cappy_error_no_memory(error);
        }
        words->data = data;
        words->capacity = capacity;
    }
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

/* Row by row of the table of common subsequences of a's and b's first words; row[j] is overwritten
 * from left to right. */
static size_t common_length(const struct cappy_words *a, const struct cappy_words *b, size_t *row)
{
    memset(row, 0, (b->n + 1) * sizeof *row);
    for (size_t i = 0; i < a->n; i++) {
        size_t corner = 0; /* above and to the left */
        for (size_t j = 0; j < b->n; j++) {
            const size_t above = row[j + 1];
            if (a->data[i] == b->data[j]) {
                row[j + 1] = corner + 1;
            } else if (row[j] > above) {
                row[j + 1] = row[j];
            }
            corner = above;
        }
    }
    return row[b->n];
}

cappy_status cappy_rouge_l(const struct cappy_words *reference, const struct cappy_words *response,
                           double *f, cappy_error *error)
{
    *f = 0;
    if (reference->n == 0 || response->n == 0) {
        return CAPPY_OK;
    }
    enum { SHORT = 512 };
    size_t few[SHORT];
    size_t *row = response->n < SHORT ? few : cappy_alloc(response->n + 1, sizeof *row);
    if (row == NULL) {
        return cappy_error_no_memory(error);
    }
    const double common = (double)common_length(reference, response, row);
    const double precision = common / (double)response->n;
    const double recall = common / (double)reference->n;
    if (common > 0) {
        *f = 2 * precision * recall / (precision + recall);
    }
    if (row != few) {
        cappy_free(row);
    }
    return CAPPY_OK;
}
