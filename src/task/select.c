/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to choose among responses to one instruction. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "task/likeness.h"

/* What the likeness of floats can tell: ties stay ties. */
static const double PLACES = 1e6;

/* ---- Consensus ------------------------------------------------------------------------------- */

void cappy_consensus_read(const float *likeness, size_t n, double *consensus)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) {
            sum += j == i ? 0 : (double)likeness[i * n + j];
        }
        consensus[i] = n > 1 ? round(sum / (double)(n - 1) * PLACES) / PLACES : 0;
    }
}

/* ---- The mix --------------------------------------------------------------------------------- */

/* The standard deviation of the scores, and the highest of them. */
static double measure_scores(const float *scores, size_t n, double *highest)
{
    double mean = 0;
    double squares = 0;
    *highest = (double)scores[0];
    for (size_t i = 0; i < n; i++) {
        mean += (double)scores[i] / (double)n;
        *highest = fmax(*highest, (double)scores[i]);
    }
    for (size_t i = 0; i < n; i++) {
        squares += ((double)scores[i] - mean) * ((double)scores[i] - mean);
    }
    return sqrt(squares / (double)n);
}

void cappy_mix_read(const float *likeness, const float *scores, size_t n, double temperature,
                    double *keys)
{
    static const double COLDEST = 1e-3;
    double highest;
    double all = 0;
    const double unit = measure_scores(scores, n, &highest) * fmax(temperature, COLDEST);
    memset(keys, 0, n * sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        const double chance = unit > 0 ? exp(((double)scores[i] - highest) / unit) : 1;
        all += chance;
        for (size_t j = 0; j < n; j++) {
            keys[j] += chance * (j == i ? 1 : (double)likeness[i * n + j]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        keys[i] = round(keys[i] / all * PLACES) / PLACES;
    }
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

const char *const cappy_selection_names[] = {[CAPPY_SELECT_AUTO] = "auto",
                                             [CAPPY_SELECT_SCORE] = "score",
                                             [CAPPY_SELECT_CONSENSUS] = "consensus",
                                             [CAPPY_SELECT_VOTE] = "vote",
                                             [CAPPY_SELECT_MIX] = "mix",
                                             NULL};

struct cappy_choosing cappy_choosing_settle(struct cappy_choosing asked, double fitted)
{
    if (asked.by == CAPPY_SELECT_AUTO) {
        asked.by = fitted >= 0 ? CAPPY_SELECT_MIX : CAPPY_SELECT_SCORE;
    }
    if (!asked.has_temperature) {
        asked.temperature = fitted >= 0 ? fitted : 1;
    }
    return asked;
}

bool cappy_choosing_compares(const struct cappy_choosing *how)
{
    return how->by == CAPPY_SELECT_CONSENSUS || how->by == CAPPY_SELECT_MIX;
}

size_t cappy_select(const struct cappy_choosing *how, const cappy_text *texts, const float *scores,
                    const float *likeness, size_t n, double *keys)
{
    assert(how->by != CAPPY_SELECT_AUTO);
    size_t best = 0;
    if (how->by == CAPPY_SELECT_VOTE) {
        vote(texts, scores, n, keys);
    } else if (how->by == CAPPY_SELECT_CONSENSUS) {
        cappy_consensus_read(likeness, n, keys);
    } else if (how->by == CAPPY_SELECT_MIX) {
        cappy_mix_read(likeness, scores, n, how->temperature, keys);
    }
    for (size_t i = 0; i < n; i++) {
        if (how->by == CAPPY_SELECT_SCORE) {
            keys[i] = (double)scores[i];
        }
        if (keys[i] > keys[best] || (keys[i] >= keys[best] && scores[i] > scores[best])) {
            best = i;
        }
    }
    return best;
}

/* ---- Choosing again and again ---------------------------------------------------------------- */

static cappy_status make_room(struct cappy_chooser *chooser, size_t n, cappy_error *error)
{
    if (n <= chooser->capacity) {
        return CAPPY_OK;
    }
    cappy_chooser_free(chooser);
    chooser->texts = cappy_alloc(n, sizeof *chooser->texts);
    chooser->keys = cappy_alloc(n, sizeof *chooser->keys);
    if (chooser->texts == NULL || chooser->keys == NULL) {
        return cappy_error_no_memory(error);
    }
    chooser->capacity = n;
    return CAPPY_OK;
}

static cappy_status compare(struct cappy_chooser *chooser, cappy_error *error)
{
    struct cappy_word_list words;
    cappy_free(chooser->likeness);
    chooser->likeness = NULL;
    cappy_status status = cappy_word_list_read(chooser->texts, chooser->n, &words, error);
    if (status == CAPPY_OK) {
        status = cappy_likeness_make(&words, &chooser->likeness, error);
    }
    cappy_word_list_free(&words);
    return status;
}

cappy_status cappy_chooser_read(struct cappy_chooser *chooser, const cappy_pair *pairs, size_t n,
                                cappy_error *error)
{
    CAPPY_TRY(make_room(chooser, n, error));
    chooser->n = n;
    for (size_t i = 0; i < n; i++) {
        chooser->texts[i] = pairs[i].response;
    }
    return cappy_choosing_compares(&chooser->how) ? compare(chooser, error) : CAPPY_OK;
}

size_t cappy_chooser_choose(struct cappy_chooser *chooser, const float *scores)
{
    return cappy_select(&chooser->how, chooser->texts, scores, chooser->likeness, chooser->n,
                        chooser->keys);
}

void cappy_chooser_free(struct cappy_chooser *chooser)
{
    cappy_free(chooser->texts);
    cappy_free(chooser->likeness);
    cappy_free(chooser->keys);
    *chooser = (struct cappy_chooser){.how = chooser->how};
}
