/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to choose among responses to one instruction. */
#include <math.h>
#include <string.h>

#include "task/likeness.h"

/* ---- Consensus ------------------------------------------------------------------------------- */

void cappy_consensus_read(const float *likeness, size_t n, double *consensus)
{
    static const double PLACES = 1e6; /* what the likeness of floats can tell: ties stay ties */
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) {
            sum += j == i ? 0 : (double)likeness[i * n + j];
        }
        consensus[i] = n > 1 ? round(sum / (double)(n - 1) * PLACES) / PLACES : 0;
    }
}

static cappy_status find_consensus(const cappy_text *texts, size_t n, double *consensus,
                                   cappy_error *error)
{
    struct cappy_word_list words;
    float *likeness = NULL;
    cappy_status status = cappy_word_list_read(texts, n, &words, error);
    if (status == CAPPY_OK) {
        status = cappy_likeness_make(&words, &likeness, error);
    }
    if (status == CAPPY_OK) {
        cappy_consensus_read(likeness, n, consensus);
    }
    cappy_word_list_free(&words);
    cappy_free(likeness);
    return status;
}

static cappy_status mix(const cappy_text *texts, const float *scores, size_t n, double weight,
                        double *keys, cappy_error *error)
{
    CAPPY_TRY(find_consensus(texts, n, keys, error));
    for (size_t i = 0; i < n; i++) {
        keys[i] = (double)scores[i] + weight * keys[i];
    }
    return CAPPY_OK;
}

/* ---- The vote -------------------------------------------------------------------------------- */

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static const char spaces[] = " \t\r\n";
static const char quotes[] = "\"'`*";
static const char ends[] = ".,;:!?";

/* The text without what does not matter around it. */
static cappy_text trim(cappy_text text)
{
    for (size_t before = text.size + 1; text.size < before;) {
        before = text.size;
        if (text.size > 0 && is_one_of(text.data[text.size - 1], spaces)) {
            text.size--;
        } else if (text.size > 1 && is_one_of(text.data[text.size - 1], ends)) {
            text.size--;
        } else if (text.size > 0 && is_one_of(text.data[0], spaces)) {
            text.data++;
            text.size--;
        } else if (text.size > 2 && is_one_of(text.data[0], quotes) &&
                   text.data[0] == text.data[text.size - 1]) {
            text.data++;
            text.size -= 2;
        }
    }
    return text;
}

/* The character at text[*i] as it counts, *i behind it: small, and a space for any number of
 * them. */
static char next_character(cappy_text text, size_t *i)
{
    char c = text.data[(*i)++];
    if (!is_one_of(c, spaces)) {
        return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    while (*i < text.size && is_one_of(text.data[*i], spaces)) {
        *i += 1;
    }
    return ' ';
}

static bool is_same_answer(cappy_text a, cappy_text b)
{
    size_t i = 0;
    size_t j = 0;
    a = trim(a);
    b = trim(b);
    while (i < a.size && j < b.size) {
        if (next_character(a, &i) != next_character(b, &j)) {
            return false;
        }
    }
    return i == a.size && j == b.size;
}

/* keys[i] becomes the sum of the scores of those who say the same as i. A score below 0 counts as
 * next to nothing, and not against the answer; where all are, the most frequent one has the highest
 * sum. */
static void vote(const cappy_text *texts, const float *scores, size_t n, double *keys)
{
    static const double LEAST = 1e-6;
    for (size_t i = 0; i < n; i++) {
        keys[i] = 0;
        for (size_t j = 0; j < n; j++) {
            if (j == i || is_same_answer(texts[i], texts[j])) {
                keys[i] += (double)scores[j] > LEAST ? (double)scores[j] : LEAST;
            }
        }
    }
}

/* ---- Choosing -------------------------------------------------------------------------------- */

cappy_status cappy_select(enum cappy_selection selection, const cappy_text *texts,
                          const float *scores, size_t n, double weight, double *keys, size_t *best,
                          cappy_error *error)
{
    switch (selection) {
    case CAPPY_SELECT_SCORE:
        for (size_t i = 0; i < n; i++) {
            keys[i] = (double)scores[i];
        }
        break;
    case CAPPY_SELECT_CONSENSUS:
        CAPPY_TRY(find_consensus(texts, n, keys, error));
        break;
    case CAPPY_SELECT_VOTE:
        vote(texts, scores, n, keys);
        break;
    case CAPPY_SELECT_MIX:
        CAPPY_TRY(mix(texts, scores, n, weight, keys, error));
        break;
    }
    const bool by_score = selection == CAPPY_SELECT_VOTE;
    *best = 0;
    for (size_t i = 1; i < n; i++) {
        if (keys[i] > keys[*best] ||
            (by_score && keys[i] >= keys[*best] && scores[i] > scores[*best])) {
            *best = i;
        }
    }
    return CAPPY_OK;
}
