/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "eval/eval.h"

/* References of other questions that one alone is told from, at most. */
enum { MISMATCHES = 7 };

/* Pairs scored in one call. */
enum { SOME_PAIRS = 2048 };

/* ---- Cases ----------------------------------------------------------------------------------- */

static void free_case(struct cappy_case *item)
{
    cappy_question_free(&item->question);
    cappy_free(item->consensus);
    cappy_free(item->mix);
    for (size_t view = 0; view < CAPPY_VIEWS; view++) {
        cappy_free(item->scores[view]);
    }
}

static cappy_status find_consensus(struct cappy_case *item, cappy_error *error)
{
    const struct cappy_question *question = &item->question;
    const size_t n = question->n;
    item->consensus = cappy_alloc(n, sizeof *item->consensus);
    if (item->consensus == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_consensus_read(question->likeness, n, item->consensus);
    return CAPPY_OK;
}

/* The parts of an id "dataset/template/example": the name of a template may have slashes, too. */
static void split_id(cappy_text id, struct cappy_case *item)
{
    const char *first = memchr(id.data, '/', id.size);
    const char *last = id.data + id.size;
    while (first != NULL && last[-1] != '/') {
        last--;
    }
    if (first != NULL && last - 1 > first) {
        item->prompt = (cappy_text){first + 1, (size_t)(last - 1 - (first + 1))};
        item->example = (cappy_text){last, (size_t)(id.data + id.size - last)};
    }
}

static cappy_status find_example(struct cappy_case *item, cappy_error *error)
{
    const struct cappy_row *row = &item->question.row;
    const json_t *id = json_object_get(row->json, "id");
    if (json_is_string(id)) {
        split_id((cappy_text){json_string_value(id), json_string_length(id)}, item);
    }
    if (cappy_row_has(row, "template")) {
        CAPPY_TRY(cappy_row_get_text(row, "template", &item->prompt, error));
    }
    return cappy_row_has(row, "example") ? cappy_row_get_json(row, "example", &item->example, error)
                                         : CAPPY_OK;
}

cappy_status cappy_suite_add(struct cappy_suite *suite, struct cappy_question *question,
                             cappy_error *error)
{
    struct cappy_case *cases = cappy_grow(suite->cases, suite->n, &suite->capacity, sizeof *cases);
    if (cases == NULL) {
        return cappy_error_no_memory(error);
    }
    suite->cases = cases;
    struct cappy_case *item = &suite->cases[suite->n];
    *item = (struct cappy_case){.question = *question};
    CAPPY_TRY(find_example(item, error));
    if (question->likeness != NULL) {
        CAPPY_TRY(find_consensus(item, error));
    }
    *question = (struct cappy_question){0};
    suite->n++;
    return CAPPY_OK;
}

void cappy_suite_free(struct cappy_suite *suite)
{
    for (size_t i = 0; i < suite->n; i++) {
        free_case(&suite->cases[i]);
    }
    cappy_free(suite->cases);
    *suite = (struct cappy_suite){0};
}

/* ---- Questions with a reference alone -------------------------------------------------------- */

static bool is_same_text(cappy_text a, cappy_text b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* Whether the reference of `other` is a wrong answer to `question`, and not drawn yet. */
static bool is_wrong_answer(const struct cappy_question *question,
                            const struct cappy_question *other, const uint64_t *keys, size_t n)
{
    if (other->reference.data == NULL || other->key == question->key ||
        !is_same_text(other->task, question->task) ||
        is_same_text(other->instruction, question->instruction)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (keys[i] == other->key) {
            return false;
        }
    }
    return true;
}

static cappy_status add_mismatches(struct cappy_suite *suite, size_t index, uint64_t seed,
                                   cappy_error *error)
{
    enum { ATTEMPTS = 64 };
    struct cappy_question *question = &suite->cases[index].question;
    struct cappy_random random = cappy_random_begin(seed, index);
    cappy_text wrong[MISMATCHES];
    uint64_t keys[MISMATCHES];
    size_t n = 0;
    for (size_t i = 0; i < ATTEMPTS && n < MISMATCHES; i++) {
        const struct cappy_question *other =
            &suite->cases[cappy_random_below(&random, suite->n)].question;
        if (is_wrong_answer(question, other, keys, n)) {
            keys[n] = other->key;
            wrong[n++] = other->reference;
        }
    }
    return n > 0 ? cappy_question_mismatch(question, wrong, n, &random, error) : CAPPY_OK;
}

cappy_status cappy_suite_complete(struct cappy_suite *suite, uint64_t seed, size_t *dropped,
                                  cappy_error *error)
{
    for (size_t i = 0; i < suite->n; i++) {
        const struct cappy_question *question = &suite->cases[i].question;
        if (question->n == 0 && question->reference.data != NULL) {
            CAPPY_TRY(add_mismatches(suite, i, seed, error));
        }
    }
    /* What is dropped must stay until the others have drawn from it; its text is drawn no more than
     * that of any other case, so it moves to the end and stays in memory. */
    size_t n = 0;
    for (size_t i = 0; i < suite->n; i++) {
        if (suite->cases[i].question.n > 1) {
            const struct cappy_case kept = suite->cases[i];
            suite->cases[i] = suite->cases[n];
            suite->cases[n++] = kept;
        }
    }
    *dropped = suite->n - n;
    suite->n_used = n;
    return CAPPY_OK;
}

/* ---- Scores ---------------------------------------------------------------------------------- */

size_t cappy_suite_count(const struct cappy_suite *suite)
{
    size_t n = 0;
    for (size_t i = 0; i < suite->n_used; i++) {
        n += suite->cases[i].question.n;
    }
    return n;
}

cappy_status cappy_case_set(struct cappy_case *item, enum cappy_view view, const float *scores,
                            cappy_error *error)
{
    const size_t n = item->question.n;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(scores[i])) {
            return cappy_row_error(&item->question.row, error,
                                   "the model gives a score that is not a finite number");
        }
    }
    if (item->scores[view] == NULL) {
        item->scores[view] = cappy_alloc(n, sizeof *scores);
    }
    if (item->scores[view] == NULL) {
        return cappy_error_no_memory(error);
    }
    memcpy(item->scores[view], scores, n * sizeof *scores);
    return CAPPY_OK;
}

cappy_status cappy_suite_set(struct cappy_suite *suite, enum cappy_view view, const float *scores,
                             cappy_error *error)
{
    for (size_t i = 0; i < suite->n_used; i++) {
        CAPPY_TRY(cappy_case_set(&suite->cases[i], view, scores, error));
        scores += suite->cases[i].question.n;
    }
    return CAPPY_OK;
}

static void list_pairs(const struct cappy_suite *suite, cappy_pair *pairs)
{
    for (size_t i = 0; i < suite->n_used; i++) {
        const struct cappy_question *question = &suite->cases[i].question;
        for (size_t j = 0; j < question->n; j++) {
            *pairs++ = (cappy_pair){question->instruction, question->responses[j]};
        }
    }
}

cappy_status cappy_suite_score(struct cappy_suite *suite, enum cappy_view view,
                               cappy_scorer *scorer,
                               void (*progress)(void *context, size_t done, size_t total),
                               void *context, cappy_error *error)
{
    const size_t n = cappy_suite_count(suite);
    cappy_pair *pairs = cappy_alloc(n, sizeof *pairs);
    float *scores = cappy_alloc(n, sizeof *scores);
    cappy_status status = CAPPY_OK;
    if (pairs == NULL || scores == NULL) {
        status = cappy_error_no_memory(error);
    } else {
        list_pairs(suite, pairs);
    }
    for (size_t i = 0; status == CAPPY_OK && i < n; i += SOME_PAIRS) {
        const size_t some = n - i < SOME_PAIRS ? n - i : SOME_PAIRS;
        status = cappy_score(scorer, pairs + i, some, scores + i, error);
        if (progress != NULL) {
            progress(context, i + some, n);
        }
    }
    if (status == CAPPY_OK) {
        status = cappy_suite_set(suite, view, scores, error);
    }
    cappy_free(pairs);
    cappy_free(scores);
    return status;
}
