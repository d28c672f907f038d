/* SPDX-License-Identifier: Apache-2.0 */
/* How like one another several texts are. */
#ifndef CAPPY_TASK_LIKENESS_H
#define CAPPY_TASK_LIKENESS_H

#include "task/task.h"

/* The words of several texts. */
struct cappy_word_list {
    struct cappy_words *data; /* [n] */
    size_t n;
};

/* The caller frees *list, also after a failure. */
cappy_status cappy_word_list_read(const cappy_text *texts, size_t n, struct cappy_word_list *list,
                                  cappy_error *error);
void cappy_word_list_free(struct cappy_word_list *list);

/* ROUGE-L of each two texts, in new memory: *likeness[n, n]. */
cappy_status cappy_likeness_make(const struct cappy_word_list *list, float **likeness,
                                 cappy_error *error);

#endif
