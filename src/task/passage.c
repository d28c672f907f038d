/* SPDX-License-Identifier: Apache-2.0 */
#include "task/passage.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* ---- Words ----------------------------------------------------------------------------------- */

/* The end of the word or of the spaces that begin at `at`. */
static size_t skip(cappy_text text, size_t at, bool space)
{
    while (at < text.size && is_space(text.data[at]) == space) {
        at++;
    }
    return at;
}

size_t cappy_passage_count_words(cappy_text text)
{
    size_t n = 0;
    for (size_t at = skip(text, 0, true); at < text.size; at = skip(text, at, true)) {
        at = skip(text, at, false);
        n++;
    }
    return n;
}

static bool is_mark(char c)
{
    return c != '\0' && (is_space(c) || strchr(",.;:!?\"'()[]", c) != NULL);
}

static cappy_text trim(cappy_text text)
{
    while (text.size > 0 && is_mark(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_mark(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

cappy_text cappy_passage_draw(cappy_text text, size_t n, struct cappy_random *random)
{
    const size_t all = cappy_passage_count_words(text);
    const size_t wanted = n < all ? n : all;
    const size_t first = cappy_random_below(random, all - wanted + 1);
    size_t begin = skip(text, 0, true);
    for (size_t i = 0; i < first; i++) {
        begin = skip(text, skip(text, begin, false), true);
    }
    size_t end = begin;
    for (size_t i = 0; i < wanted; i++) {
        end = skip(text, skip(text, end, true), false);
    }
    return trim((cappy_text){text.data + begin, end - begin});
}

/* ---- Sentences ------------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool cappy_passage_has(cappy_text text, cappy_text answer)
{
    for (size_t at = 0; at + answer.size <= text.size; at++) {
        size_t n = 0;
        while (n < answer.size && lower(text.data[at + n]) == lower(answer.data[n])) {
            n++;
        }
        if (n == answer.size) {
            return true;
        }
    }
    return false;
}

/* The end of the sentence that begins at `at`, with the spaces behind it. */
static size_t find_end(cappy_text text, size_t at)
{
    for (; at < text.size; at++) {
        const char c = text.data[at];
        const bool is_last = at + 1 == text.size;
        if (c == '\n' ||
            ((c == '.' || c == '?' || c == '!') && !is_last && is_space(text.data[at + 1]))) {
            break;
        }
    }
    return at < text.size ? skip(text, at + 1, true) : at;
}

static bool is_question(cappy_text sentence)
{
    return memchr(sentence.data, '?', sentence.size) != NULL;
}

cappy_status cappy_passage_remove(cappy_text text, const cappy_text *answers, size_t n,
                                  struct cappy_buffer *out, bool *removed, cappy_error *error)
{
    *removed = false;
    for (size_t at = 0; at < text.size;) {
        const size_t end = find_end(text, at);
        const cappy_text sentence = {text.data + at, end - at};
        bool stays = true;
        for (size_t i = 0; i < n && stays && !is_question(sentence); i++) {
            stays = !cappy_passage_has(sentence, answers[i]);
        }
        if (stays) {
            CAPPY_TRY(cappy_buffer_append(out, sentence.data, sentence.size, error));
        }
        *removed |= !stays;
        at = end;
    }
    return CAPPY_OK;
}
