/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that hold a text to answer from: stretches of it, and what it is without its
 * answer. */
#ifndef CAPPY_TASK_PASSAGE_H
#define CAPPY_TASK_PASSAGE_H

#include <stdbool.h>

#include "base/base.h"

/* A stretch of `n` words of `text`, or of all where it has fewer, without spaces and punctuation
 * around it. Empty where there is nothing else. Words are what is between spaces. */
cappy_text cappy_passage_draw(cappy_text text, size_t n, struct cappy_random *random);

size_t cappy_passage_count_words(cappy_text text);

/* Whether `answer`, which is not empty, stands in `text`, in capitals (A to Z) or not. */
bool cappy_passage_has(cappy_text text, cappy_text answer);

/* Appends `text` to `out` without the sentences in which one of answers[n] stands; *removed tells
 * whether there were any. A sentence ends with a line, or with a full stop, question or exclamation
 * mark in front of a space; questions stay. */
cappy_status cappy_passage_remove(cappy_text text, const cappy_text *answers, size_t n,
                                  struct cappy_buffer *out, bool *removed, cappy_error *error);

#endif
