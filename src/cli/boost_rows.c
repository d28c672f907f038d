/* SPDX-License-Identifier: Apache-2.0 */
/* Rows whose answers have come: scored, and written in the order in which they were read. */
#include <stdio.h>
#include <string.h>

#include "cli/boost.h"
#include "cli/choice.h"
#include "cli/scores.h"
#include "cli/table.h"

/* Pairs scored in one call, unless one row has more. */
enum { SOME_PAIRS = 2048 };

static size_t count_answers(const struct cappy_boost *boost)
{
    return boost->sampling.plan.n_answers;
}

static cappy_status reserve(struct cappy_boost *boost, cappy_error *error)
{
    const size_t n = count_answers(boost) > SOME_PAIRS ? count_answers(boost) : SOME_PAIRS;
    if (boost->pair_capacity == n) {
        return CAPPY_OK;
    }
    boost->samples = cappy_alloc(n, sizeof *boost->samples);
    boost->pairs = cappy_alloc(n, sizeof *boost->pairs);
    boost->scores = cappy_alloc(n, sizeof *boost->scores);
    if (boost->samples == NULL || boost->pairs == NULL || boost->scores == NULL) {
        return cappy_error_no_memory(error);
    }
    boost->pair_capacity = n;
    return CAPPY_OK;
}

/* ---- A row ----------------------------------------------------------------------------------- */

static cappy_status set_candidates(json_t *object, const struct cappy_sample *samples, size_t n,
                                   cappy_error *error)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *candidate = json_pack("{s: o, s: s}", "text",
                                      json_stringn(samples[i].text.data, samples[i].text.size),
                                      "source", samples[i].source);
        if (json_array_append_new(list, candidate) != 0) {
            json_decref(list);
            return cappy_error_no_memory(error);
        }
    }
    return cappy_member_set(object, "candidates", list, error);
}

/* Says how many answers could not be had, and why; where all were, takes back what an earlier run
 * said of the row. */
static cappy_status set_failure(json_t *object, const struct cappy_row *row,
                                const struct cappy_job *job, cappy_error *error)
{
    const char *reason;
    const size_t n = cappy_job_failed(job, &reason);
    if (n > 0 || cappy_row_has(row, "failed")) {
        CAPPY_TRY(cappy_member_set(object, "failed", json_integer((json_int_t)n), error));
    }
    if (n > 0 || cappy_row_has(row, "error")) {
        json_t *text = n > 0 ? json_string(reason) : json_null();
        CAPPY_TRY(cappy_member_set(object, "error", text, error));
    }
    return CAPPY_OK;
}

static cappy_status fill_row(json_t *object, const struct cappy_boost_place *place,
                             const struct cappy_sample *samples, const cappy_pair *pairs, size_t n,
                             const float *scores, cappy_error *error)
{
    CAPPY_TRY(set_candidates(object, samples, n, error));
    if (n == 0) {
        CAPPY_TRY(cappy_member_set(object, "scores", json_array(), error));
        CAPPY_TRY(cappy_member_set(object, "best", json_null(), error));
        CAPPY_TRY(cappy_member_set(object, "response", json_null(), error));
        return set_failure(object, &place->row, place->job, error);
    }
    const struct cappy_choice choice = {pairs, scores, n};
    const cappy_text best = samples[cappy_choice_best(&choice)].text;
    CAPPY_TRY(cappy_choice_set(object, &choice, false, error));
    CAPPY_TRY(cappy_member_set(object, "response", json_stringn(best.data, best.size), error));
    return set_failure(object, &place->row, place->job, error);
}

/* Appends the row, or its table, to the text. */
static cappy_status append_row(struct cappy_boost *boost, const struct cappy_boost_place *place,
                               const struct cappy_sample *samples, const cappy_pair *pairs,
                               size_t n, const float *scores, cappy_error *error)
{
    if (boost->arguments->table && n > 0) {
        const struct cappy_choice choice = {pairs, scores, n};
        const struct cappy_table table = cappy_table_style(&boost->output);
        CAPPY_TRY(cappy_table_rank(&table, &choice, &boost->text, error));
        return boost->lines != NULL ? cappy_buffer_append(&boost->text, "\n", 1, error) : CAPPY_OK;
    }
    if (boost->arguments->table) {
        return CAPPY_OK;
    }
    json_t *added = json_object();
    cappy_status status = fill_row(added, place, samples, pairs, n, scores, error);
    if (status == CAPPY_OK) {
        status = cappy_row_write(&place->row, added, &boost->text, error);
    }
    json_decref(added);
    return status;
}

/* Counts a row that is on its way out. */
static cappy_status count_row(struct cappy_boost *boost, const struct cappy_boost_place *place,
                              size_t n, cappy_error *error)
{
    const char *reason;
    const size_t n_failed = cappy_job_failed(place->job, &reason);
    boost->n_rows++;
    boost->n_partial += n > 0 && n_failed > 0;
    boost->n_unanswered += n == 0;
    boost->n_in_a_row = n == 0 ? boost->n_in_a_row + 1 : 0;
    if (n == 0 && boost->first_failure == NULL) {
        struct cappy_buffer text;
        cappy_buffer_init(&text, SIZE_MAX / 2);
        CAPPY_TRY(cappy_buffer_format(&text, error, "%s:%zu: %s", place->row.file, place->row.line,
                                      reason));
        boost->first_failure = text.data;
    }
    return CAPPY_OK;
}

/* ---- Rows at the head ------------------------------------------------------------------------ */

/* How many rows at the head are done and go into one call of the scorer. */
static size_t count_done(const struct cappy_boost *boost)
{
    size_t n = 0;
    while (n < boost->n_places && cappy_job_is_done(boost->places[n].job) &&
           (n == 0 || (n + 1) * count_answers(boost) <= SOME_PAIRS)) {
        n++;
    }
    return n;
}

static void drop(struct cappy_boost *boost, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        boost->size -= boost->places[i].row.size;
        cappy_job_free(boost->places[i].job);
        cappy_row_free(&boost->places[i].row);
    }
    boost->n_places -= n;
    memmove(boost->places, boost->places + n, boost->n_places * sizeof *boost->places);
}

/* Lists the answers of the first n rows; *n_pairs receives their number. */
static cappy_status list_pairs(struct cappy_boost *boost, size_t n, size_t *n_pairs,
                               cappy_error *error)
{
    *n_pairs = 0;
    for (size_t i = 0; i < n; i++) {
        cappy_text instruction;
        CAPPY_TRY(cappy_row_get_text(&boost->places[i].row, "instruction", &instruction, error));
        const size_t some = cappy_job_list(boost->places[i].job, boost->samples + *n_pairs);
        for (size_t j = *n_pairs; j < *n_pairs + some; j++) {
            boost->pairs[j] = (cappy_pair){instruction, boost->samples[j].text};
        }
        *n_pairs += some;
    }
    return CAPPY_OK;
}

static cappy_status append_rows(struct cappy_boost *boost, size_t n, cappy_error *error)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const struct cappy_boost_place *place = &boost->places[i];
        struct cappy_sample *samples = boost->samples + at;
        const size_t some = cappy_job_list(place->job, samples);
        CAPPY_TRY(
            append_row(boost, place, samples, boost->pairs + at, some, boost->scores + at, error));
        CAPPY_TRY(count_row(boost, place, some, error));
        at += some;
    }
    return CAPPY_OK;
}

/* Scores and writes the first n rows, all of them done. */
static cappy_status finish(struct cappy_boost *boost, size_t n, cappy_error *error)
{
    size_t n_pairs;
    CAPPY_TRY(list_pairs(boost, n, &n_pairs, error));
    CAPPY_TRY(cappy_session_score(&boost->session, boost->pairs, n_pairs, boost->scores, error));
    CAPPY_TRY(cappy_scores_check(boost->scores, n_pairs, error));
    cappy_buffer_clear(&boost->text);
    CAPPY_TRY(append_rows(boost, n, error));
    if (boost->text.size > 0) {
        CAPPY_TRY(cappy_output_write(&boost->output, boost->text.data, boost->text.size, error));
    }
    drop(boost, n);
    return CAPPY_OK;
}

cappy_status cappy_boost_flush(struct cappy_boost *boost, cappy_error *error)
{
    CAPPY_TRY(reserve(boost, error));
    for (size_t n; (n = count_done(boost)) > 0;) {
        CAPPY_TRY(finish(boost, n, error));
    }
    return CAPPY_OK;
}
