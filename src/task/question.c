/* SPDX-License-Identifier: Apache-2.0 */
/* Task rows as questions, to see what a choice among their responses is worth. */
#include <string.h>

#include "task/likeness.h"
#include "task/task_row.h"

static cappy_status reserve(struct cappy_question *question, size_t n, cappy_error *error)
{
    question->responses = cappy_alloc(n, sizeof *question->responses);
    question->qualities = cappy_alloc(n, sizeof *question->qualities);
    if (question->responses == NULL || question->qualities == NULL) {
        return cappy_error_no_memory(error);
    }
    question->n = n;
    return CAPPY_OK;
}

/* ---- Candidates ------------------------------------------------------------------------------ */

/* The best ROUGE-L of each response over the references. */
static cappy_status grade(struct cappy_question *question, const struct cappy_word_list *responses,
                          const struct cappy_word_list *references, cappy_error *error)
{
    for (size_t i = 0; i < question->n; i++) {
        question->qualities[i] = 0;
        for (size_t j = 0; j < references->n; j++) {
            double f;
            CAPPY_TRY(cappy_rouge_l(&references->data[j], &responses->data[i], &f, error));
            question->qualities[i] = f > question->qualities[i] ? f : question->qualities[i];
        }
    }
    return CAPPY_OK;
}

static cappy_status grade_by_references(struct cappy_question *question,
                                        const struct cappy_task_row *row,
                                        const struct cappy_word_list *responses, cappy_error *error)
{
    cappy_text *texts = cappy_alloc(row->n_references, sizeof *texts);
    if (texts == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < row->n_references; i++) {
        texts[i] = row->references[i].text;
    }
    struct cappy_word_list references;
    cappy_status status = cappy_word_list_read(texts, row->n_references, &references, error);
    if (status == CAPPY_OK) {
        status = grade(question, responses, &references, error);
    }
    cappy_word_list_free(&references);
    cappy_free(texts);
    return status;
}

/* Whether the candidates are worth their own quality, and not their ROUGE-L. */
static cappy_status choose_grading(const struct cappy_task_row *row, enum cappy_grading grading,
                                   bool *by_quality, cappy_error *error)
{
    *by_quality =
        grading == CAPPY_GRADING_QUALITY || (grading == CAPPY_GRADING_ANY && row->is_graded);
    if (!*by_quality && row->n_references == 0) {
        return cappy_row_error(&row->row, error, "the row has no \"references\" to grade by");
    }
    return CAPPY_OK;
}

static cappy_status take_candidates(struct cappy_question *question,
                                    const struct cappy_task_row *row, enum cappy_grading grading,
                                    cappy_error *error)
{
    bool by_quality;
    CAPPY_TRY(choose_grading(row, grading, &by_quality, error));
    CAPPY_TRY(reserve(question, row->n_candidates, error));
    for (size_t i = 0; i < question->n; i++) {
        CAPPY_TRY(cappy_row_get_item(&row->row, "candidates", i, &question->responses[i], error));
        if (by_quality) {
            CAPPY_TRY(cappy_task_row_get_quality(row, i, &question->qualities[i], error));
        }
    }
    struct cappy_word_list words;
    cappy_status status = cappy_word_list_read(question->responses, question->n, &words, error);
    if (status == CAPPY_OK && !by_quality) {
        status = grade_by_references(question, row, &words, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_likeness_make(&words, &question->likeness, error);
    }
    cappy_word_list_free(&words);
    return status;
}

/* ---- Choices --------------------------------------------------------------------------------- */

static cappy_status take_choices(struct cappy_question *question, const struct cappy_task_row *row,
                                 cappy_error *error)
{
    CAPPY_TRY(reserve(question, row->n_choices, error));
    question->is_closed = true;
    for (size_t i = 0; i < question->n; i++) {
        CAPPY_TRY(cappy_row_get_item(&row->row, "choices", i, &question->responses[i], error));
    }
    const cappy_text right = question->responses[row->answer];
    for (size_t i = 0; i < question->n; i++) {
        const cappy_text text = question->responses[i];
        question->qualities[i] =
            text.size == right.size && memcmp(text.data, right.data, text.size) == 0 ? 1 : 0;
    }
    return CAPPY_OK;
}

cappy_status cappy_question_mismatch(struct cappy_question *question, const cappy_text *references,
                                     size_t n, struct cappy_random *random, cappy_error *error)
{
    CAPPY_TRY(reserve(question, n + 1, error));
    const size_t right = cappy_random_below(random, n + 1);
    question->is_closed = true;
    question->answer = right;
    for (size_t i = 0; i <= n; i++) {
        question->responses[i] =
            i == right ? question->reference : references[i < right ? i : i - 1];
        question->qualities[i] = i == right ? 1 : 0;
    }
    return CAPPY_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static cappy_status take(struct cappy_question *question, struct cappy_task_row *row,
                         enum cappy_grading grading, cappy_error *error)
{
    question->task = row->task;
    question->instruction = row->instruction;
    question->answer = row->answer;
    if (row->n_references > 0) {
        question->reference = row->references[0].text;
        question->key = row->references[0].key;
    }
    CAPPY_TRY(cappy_task_row_check_quality(row, error));
    if (row->n_candidates > 1) {
        return take_candidates(question, row, grading, error);
    }
    return row->n_choices > 0 ? take_choices(question, row, error) : CAPPY_OK;
}

cappy_status cappy_question_read(struct cappy_row *row, enum cappy_grading grading, bool any_scale,
                                 struct cappy_question *question, cappy_error *error)
{
    struct cappy_task_row made;
    struct cappy_words words = {0};
    *question = (struct cappy_question){0};
    cappy_status status = cappy_task_row_read(row, 0, any_scale, &words, &made, error);
    cappy_words_free(&words);
    CAPPY_TRY(status);
    status = take(question, &made, grading, error);
    if (status == CAPPY_OK) {
        question->row = made.row;
        question->name = made.name;
        made.row = (struct cappy_row){0};
        made.name = NULL;
    } else {
        cappy_question_free(question);
    }
    cappy_task_row_free(&made);
    return status;
}

void cappy_question_free(struct cappy_question *question)
{
    cappy_row_free(&question->row);
    json_decref(question->name);
    cappy_free(question->responses);
    cappy_free(question->qualities);
    cappy_free(question->likeness);
    *question = (struct cappy_question){0};
}
