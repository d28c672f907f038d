/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/eval.h"

static uint64_t digest(cappy_text task, cappy_text answer)
{
    return cappy_hash(cappy_hash(0, task.data, task.size), answer.data, answer.size);
}

cappy_status cappy_majority_add(struct cappy_majority *majority, cappy_text task, cappy_text answer,
                                cappy_error *error)
{
    size_t *count;
    CAPPY_TRY(cappy_map_place(&majority->counts, digest(task, answer), &count, error));
    ++*count;
    return CAPPY_OK;
}

size_t cappy_majority_count(const struct cappy_majority *majority, cappy_text task,
                            cappy_text answer)
{
    return cappy_map_get(&majority->counts, digest(task, answer));
}

void cappy_majority_free(struct cappy_majority *majority)
{
    cappy_map_free(&majority->counts);
}

/* ---- Suites ---------------------------------------------------------------------------------- */

/* The one of n counted ones that is counted most, the first of those. */
struct most {
    size_t index;
    size_t count;
};

static void consider(struct most *most, size_t index, size_t count)
{
    if (count > most->count) {
        *most = (struct most){index, count};
    }
}

void cappy_suite_set_usual(struct cappy_suite *suite, const struct cappy_majority *majority)
{
    for (size_t i = 0; i < suite->n_used; i++) {
        struct cappy_case *item = &suite->cases[i];
        const struct cappy_question *question = &item->question;
        struct most most = {0};
        for (size_t j = 0; question->is_closed && j < question->n; j++) {
            consider(&most, j,
                     cappy_majority_count(majority, question->task, question->responses[j]));
        }
        item->usual = most.index;
    }
}

/* A template's name, and a place among choices as the text of an answer. */
static cappy_status name_place(const struct cappy_case *item, size_t place,
                               struct cappy_buffer *name, cappy_error *error)
{
    cappy_buffer_clear(name);
    CAPPY_TRY(cappy_buffer_append(name, item->prompt.data, item->prompt.size, error));
    return cappy_buffer_format(name, error, "/%zu", place);
}

static cappy_status count_places(const struct cappy_suite *suite, struct cappy_majority *majority,
                                 struct cappy_buffer *name, cappy_error *error)
{
    for (size_t i = 0; i < suite->n_used; i++) {
        const struct cappy_case *item = &suite->cases[i];
        if (item->question.is_closed) {
            CAPPY_TRY(name_place(item, item->question.answer, name, error));
            CAPPY_TRY(cappy_majority_add(majority, item->question.task,
                                         (cappy_text){name->data, name->size}, error));
        }
    }
    return CAPPY_OK;
}

static cappy_status choose_places(struct cappy_suite *suite, const struct cappy_majority *majority,
                                  struct cappy_buffer *name, cappy_error *error)
{
    for (size_t i = 0; i < suite->n_used; i++) {
        struct cappy_case *item = &suite->cases[i];
        struct most most = {0};
        for (size_t j = 0; item->question.is_closed && j < item->question.n; j++) {
            CAPPY_TRY(name_place(item, j, name, error));
            consider(&most, j,
                     cappy_majority_count(majority, item->question.task,
                                          (cappy_text){name->data, name->size}));
        }
        item->usual = most.index;
    }
    return CAPPY_OK;
}

cappy_status cappy_suite_find_usual(struct cappy_suite *suite, cappy_error *error)
{
    struct cappy_majority majority = {0};
    struct cappy_buffer name;
    cappy_buffer_init(&name, SIZE_MAX / 2);
    cappy_status status = count_places(suite, &majority, &name, error);
    if (status == CAPPY_OK) {
        status = choose_places(suite, &majority, &name, error);
    }
    cappy_buffer_free(&name);
    cappy_majority_free(&majority);
    return status;
}
