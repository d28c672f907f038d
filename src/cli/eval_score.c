/* SPDX-License-Identifier: Apache-2.0 */
/* The scores of what is evaluated. */
#include <stdio.h>
#include <string.h>

#include "cli/eval.h"
#include "cli/scores.h"

/* Pairs scored in one call, about: as many are lost when it is killed. */
enum { SOME_PAIRS = 256 };

cappy_status cappy_eval_take_scores(struct cappy_eval *eval, cappy_error *error)
{
    for (size_t i = 0; i < eval->suite.n_used; i++) {
        struct cappy_case *item = &eval->suite.cases[i];
        CAPPY_TRY(cappy_samples_take(eval, item, item->question.row.json, error));
    }
    return CAPPY_OK;
}

/* ---- Answers without an instruction ---------------------------------------------------------- */

/* The scores of responses by themselves: the same few come again and again where there are choices.
 * A pair's score is the same whatever else it is scored with. */
struct known {
    struct cappy_map numbers; /* of scores, from 1, by the response */
    float *scores;            /* [numbers.n] */
    size_t capacity;
};

static uint64_t digest(cappy_text text)
{
    return cappy_hash(1, text.data, text.size);
}

/* Makes room for the score of a response; *is_new tells whether it has none yet. */
static cappy_status expect(struct known *known, cappy_text response, bool *is_new,
                           cappy_error *error)
{
    size_t *number;
    float *scores = cappy_grow(known->scores, known->numbers.n, &known->capacity, sizeof *scores);
    if (scores == NULL) {
        return cappy_error_no_memory(error);
    }
    known->scores = scores;
    CAPPY_TRY(cappy_map_place(&known->numbers, digest(response), &number, error));
    *is_new = *number == 0;
    *number = *is_new ? known->numbers.n : *number;
    return CAPPY_OK;
}

/* The place of the score of a response that is expected. */
static float *score_of(const struct known *known, cappy_text response)
{
    return &known->scores[cappy_map_get(&known->numbers, digest(response)) - 1];
}

static void forget(struct known *known)
{
    cappy_map_free(&known->numbers);
    cappy_free(known->scores);
    *known = (struct known){0};
}

/* ---- Portions -------------------------------------------------------------------------------- */

struct portion {
    struct cappy_eval *eval;
    struct cappy_samples samples;
    struct known known;
    cappy_pair *pairs; /* [n] */
    float *scores;     /* [n] */
    size_t n;
    size_t capacity;
};

static cappy_status add_pair(struct portion *portion, cappy_text instruction, cappy_text response,
                             cappy_error *error)
{
    if (portion->n == portion->capacity) {
        const size_t capacity = 2 * portion->capacity + SOME_PAIRS;
        cappy_pair *pairs = cappy_realloc(portion->pairs, capacity, sizeof *pairs);
        if (pairs == NULL) {
            return cappy_error_no_memory(error);
        }
        portion->pairs = pairs;
        float *scores = cappy_realloc(portion->scores, capacity, sizeof *scores);
        if (scores == NULL) {
            return cappy_error_no_memory(error);
        }
        portion->scores = scores;
        portion->capacity = capacity;
    }
    portion->pairs[portion->n++] = (cappy_pair){instruction, response};
    return CAPPY_OK;
}

static cappy_status list_pairs(struct portion *portion, size_t first, size_t end,
                               cappy_error *error)
{
    portion->n = 0;
    for (size_t i = first; i < end; i++) {
        const struct cappy_question *question = &portion->eval->suite.cases[i].question;
        for (size_t j = 0; j < question->n; j++) {
            CAPPY_TRY(add_pair(portion, question->instruction, question->responses[j], error));
        }
    }
    for (size_t i = first; portion->eval->with_alone && i < end; i++) {
        const struct cappy_question *question = &portion->eval->suite.cases[i].question;
        for (size_t j = 0; j < question->n; j++) {
            bool is_new = false;
            CAPPY_TRY(expect(&portion->known, question->responses[j], &is_new, error));
            if (is_new) {
                CAPPY_TRY(add_pair(portion, (cappy_text){"", 0}, question->responses[j], error));
            }
        }
    }
    return CAPPY_OK;
}

static cappy_status set_alone(struct portion *portion, struct cappy_case *item, cappy_error *error)
{
    const struct cappy_question *question = &item->question;
    float *scores = cappy_alloc(question->n, sizeof *scores);
    if (scores == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < question->n; i++) {
        scores[i] = *score_of(&portion->known, question->responses[i]);
    }
    const cappy_status status = cappy_case_set(item, CAPPY_VIEW_ALONE, scores, error);
    cappy_free(scores);
    return status;
}

static cappy_status score_portion(struct portion *portion, size_t first, size_t end,
                                  cappy_error *error)
{
    struct cappy_eval *eval = portion->eval;
    CAPPY_TRY(list_pairs(portion, first, end, error));
    CAPPY_TRY(
        cappy_session_score(&eval->session, portion->pairs, portion->n, portion->scores, error));
    CAPPY_TRY(cappy_scores_check(portion->scores, portion->n, error));
    size_t at = 0;
    for (size_t i = first; i < end; i++) {
        struct cappy_case *item = &eval->suite.cases[i];
        CAPPY_TRY(cappy_case_set(item, CAPPY_VIEW_SCORER, portion->scores + at, error));
        at += item->question.n;
    }
    for (; at < portion->n; at++) {
        *score_of(&portion->known, portion->pairs[at].response) = portion->scores[at];
    }
    for (size_t i = first; eval->with_alone && i < end; i++) {
        CAPPY_TRY(set_alone(portion, &eval->suite.cases[i], error));
    }
    eval->n_pairs += portion->n;
    return portion->samples.directory != NULL
               ? cappy_samples_write(&portion->samples, eval, first, end, error)
               : CAPPY_OK;
}

/* ---- Models ---------------------------------------------------------------------------------- */

/* The score of a fixed pair tells models, precisions and machines apart. */
static cappy_status find_probe(struct cappy_eval *eval, cappy_error *error)
{
    const cappy_pair pair = {CAPPY_TEXT("Which of the two is larger, the sun or the moon?"),
                             CAPPY_TEXT("The sun is about 400 times as large.")};
    float score;
    CAPPY_TRY(cappy_session_score(&eval->session, &pair, 1, &score, error));
    CAPPY_TRY(cappy_scores_check(&score, 1, error));
    eval->probe = (double)score;
    return CAPPY_OK;
}

void cappy_eval_close_model(struct cappy_eval *eval)
{
    if (eval->has_session) {
        cappy_session_close(&eval->session);
    }
    cappy_free(eval->opened);
    eval->has_session = false;
    eval->opened = NULL;
}

static bool is_same_path(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Takes `path`, which may be NULL for the default model. */
static cappy_status open_model(struct cappy_eval *eval, char *path, cappy_error *error)
{
    if (eval->has_session && is_same_path(path, eval->opened)) {
        cappy_free(path);
        return CAPPY_OK;
    }
    cappy_eval_close_model(eval);
    struct cappy_common common = eval->arguments->common;
    common.model = eval->opened = path;
    CAPPY_TRY(cappy_session_open(&common, eval->arguments->label, true, &eval->session, error));
    eval->has_session = true;
    eval->n_opened++;
    return find_probe(eval, error);
}

/* Opens the model for the case's task. */
static cappy_status choose_model(struct cappy_eval *eval, const struct cappy_case *item,
                                 cappy_error *error)
{
    const char *model = eval->arguments->common.model;
    if (eval->arguments->models != NULL) {
        struct cappy_buffer path;
        cappy_buffer_init(&path, SIZE_MAX / 2);
        const cappy_text task = item->question.task;
        const cappy_status status =
            cappy_buffer_format(&path, error, "%s/%s/%.*s", eval->arguments->models,
                                eval->generator, (int)task.size, task.data);
        if (status != CAPPY_OK) {
            return status;
        }
        if (cappy_file_exists(path.data)) {
            char *copy = cappy_strndup(path.data, path.size);
            cappy_buffer_free(&path);
            return copy != NULL ? open_model(eval, copy, error) : cappy_error_no_memory(error);
        }
        if (!eval->arguments->common.quiet) {
            fprintf(stderr, "not adapted: there is no %s\n", path.data);
        }
        cappy_buffer_free(&path);
    }
    char *copy = model != NULL ? cappy_strndup(model, strlen(model)) : NULL;
    return model == NULL || copy != NULL ? open_model(eval, copy, error)
                                         : cappy_error_no_memory(error);
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* Scores cases [first, end), which are of one file. */
static cappy_status score_file(struct portion *portion, size_t first, size_t end,
                               cappy_error *error)
{
    struct cappy_eval *eval = portion->eval;
    const size_t total = eval->suite.n_used;
    size_t kept = 0;
    const size_t n_opened = eval->n_opened;
    CAPPY_TRY(choose_model(eval, &eval->suite.cases[first], error));
    if (eval->n_opened > n_opened) {
        forget(&portion->known); /* they are of another model */
    }
    if (portion->samples.directory != NULL) {
        CAPPY_TRY(cappy_samples_resume(&portion->samples, eval, first, end - first, &kept, error));
        eval->n_kept += kept;
        eval->progress.skipped += kept;
    }
    for (size_t at = first + kept; at < end;) {
        size_t n = 0;
        size_t next = at;
        while (next < end && (n == 0 || n + eval->suite.cases[next].question.n <= SOME_PAIRS)) {
            n += eval->suite.cases[next++].question.n;
        }
        CAPPY_TRY(score_portion(portion, at, next, error));
        at = next;
        cappy_progress_update(&eval->progress, at, total, eval->n_pairs, "pairs");
    }
    return CAPPY_OK;
}

cappy_status cappy_eval_score(struct cappy_eval *eval, cappy_error *error)
{
    struct portion portion = {
        .eval = eval,
        .samples = {.directory = eval->arguments->samples, .descriptor = -1},
    };
    cappy_buffer_init(&portion.samples.text, SIZE_MAX / 2);
    cappy_status status = CAPPY_OK;
    for (size_t first = 0, end; status == CAPPY_OK && first < eval->suite.n_used; first = end) {
        const char *file = eval->suite.cases[first].question.row.file;
        end = first + 1;
        while (end < eval->suite.n_used && eval->suite.cases[end].question.row.file == file) {
            end++;
        }
        status = score_file(&portion, first, end, error);
    }
    status = cappy_samples_close(&portion.samples, status, error);
    if (status == CAPPY_OK && !eval->arguments->common.quiet) {
        cappy_session_report_truncated(&eval->session);
    }
    forget(&portion.known);
    cappy_free(portion.pairs);
    cappy_free(portion.scores);
    return status;
}
