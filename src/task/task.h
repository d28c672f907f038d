/* SPDX-License-Identifier: Apache-2.0 */
/* The face of task: what a response is worth where there are references, or other responses, to
 * hold it against. Knows nothing of models. */
#ifndef CAPPY_TASK_H
#define CAPPY_TASK_H

#include <stdint.h>

#include "base/base.h"

/* ---- ROUGE-L ---- */

/* The words of a text as ROUGE counts them: lowercased runs of a-z and 0-9, those of more than
 * three letters stemmed. A word is kept as a hash of 64 bits, so texts compare without their
 * letters. Starts as {0}. */
struct cappy_words {
    uint64_t *data;
    size_t n;
    size_t capacity;
};

/* Replaces *words by the words of a text. */
cappy_status cappy_words_read(struct cappy_words *words, cappy_text text, cappy_error *error);
void cappy_words_free(struct cappy_words *words);

/* ROUGE-L's F measure of a response against a reference, 0 to 1: the harmonic mean of the shares of
 * either text's words in their longest common subsequence; 0 where one has none. Equal to that of
 * PyPI's rouge-score with use_stemmer=True. */
cappy_status cappy_rouge_l(const struct cappy_words *reference, const struct cappy_words *response,
                           double *f, cappy_error *error);

/* Cuts word[0..n), n > 0, lowercase letters and digits, down to its stem, in place; returns the
 * stem's length. Porter's algorithm (1980) as NLTK changed it, which is what rouge-score uses. */
size_t cappy_stem(char *word, size_t n);

#endif
