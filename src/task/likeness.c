/* SPDX-License-Identifier: Apache-2.0 */
#include "task/likeness.h"

void cappy_word_list_free(struct cappy_word_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        cappy_words_free(&list->data[i]);
    }
    cappy_free(list->data);
    *list = (struct cappy_word_list){0};
}

cappy_status cappy_word_list_read(const cappy_text *texts, size_t n, struct cappy_word_list *list,
                                  cappy_error *error)
{
    *list = (struct cappy_word_list){.data = cappy_alloc(n, sizeof *list->data)};
    if (list->data == NULL) {
        return cappy_error_no_memory(error);
    }
    list->n = n;
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(cappy_words_read(&list->data[i], texts[i], error));
    }
    return CAPPY_OK;
}

/* ROUGE-L is the same both ways round. */
static cappy_status compare(const struct cappy_word_list *list, float *likeness, cappy_error *error)
{
    const size_t n = list->n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double f;
            CAPPY_TRY(cappy_rouge_l(&list->data[i], &list->data[j], &f, error));
            likeness[i * n + j] = (float)f;
            likeness[j * n + i] = (float)f;
        }
    }
    return CAPPY_OK;
}

cappy_status cappy_likeness_make(const struct cappy_word_list *list, float **likeness,
                                 cappy_error *error)
{
    size_t size;
    if (__builtin_mul_overflow(list->n, list->n, &size)) {
        return cappy_error_no_memory(error);
    }
    float *made = cappy_alloc(size, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    const cappy_status status = compare(list, made, error);
    if (status != CAPPY_OK) {
        cappy_free(made);
        return status;
    }
    *likeness = made;
    return CAPPY_OK;
}
