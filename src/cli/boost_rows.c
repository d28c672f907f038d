/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are finished are written in the order in which they were read. */
#include "cli/boost.h"
#include "cli/scores.h"
#include "cli/table.h"

/* The answers of a row with what was chosen of them. */
struct outcome {
    const struct cappy_feed_place *place;
    const struct cappy_sample *samples; /* [n] */
    size_t n;
    struct cappy_choice choice; /* where n > 0 */
};

/* ---- A row ----------------------------------------------------------------------------------- */

static cappy_status set_candidates(json_t *object, const struct outcome *outcome,
                                   cappy_error *error)
{
    json_t *list = json_array();
    for (size_t i = 0; i < outcome->n; i++) {
        if (json_array_append_new(list, cappy_sample_describe(&outcome->samples[i])) != 0) {
            json_decref(list);
            return cappy_error_no_memory(error);
        }
    }
    return cappy_member_set(object, "candidates", list, error);
}

/* Says how many answers could not be had, and why; where all were, takes back what an earlier run
 * said of the row. */
static cappy_status set_failure(json_t *object, const struct cappy_feed_place *place,
                                cappy_error *error)
{
    const char *reason;
    const size_t n = cappy_prompt_failed(place->prompt, &reason);
    if (n > 0 || cappy_row_has(&place->row, "failed")) {
        CAPPY_TRY(cappy_member_set(object, "failed", json_integer((json_int_t)n), error));
    }
    if (n > 0 || cappy_row_has(&place->row, "error")) {
        json_t *text = n > 0 ? json_string(reason) : json_null();
        CAPPY_TRY(cappy_member_set(object, "error", text, error));
    }
    return CAPPY_OK;
}

static cappy_status fill_row(json_t *object, const struct outcome *outcome, cappy_error *error)
{
    const bool is_answered = outcome->n > 0;
    CAPPY_TRY(set_candidates(object, outcome, error));
    CAPPY_TRY(cappy_scores_set(object, "scores", outcome->place->scores, outcome->n, error));
    json_t *best = is_answered ? json_integer((json_int_t)outcome->choice.best) : json_null();
    CAPPY_TRY(cappy_member_set(object, "best", best, error));
    const cappy_text text =
        is_answered ? outcome->samples[outcome->choice.best].text : (cappy_text){0};
    json_t *response = is_answered ? json_stringn(text.data, text.size) : json_null();
    CAPPY_TRY(cappy_member_set(object, "response", response, error));
    return set_failure(object, outcome->place, error);
}

static cappy_status append_row(struct cappy_boost *boost, const struct outcome *outcome,
                               cappy_error *error)
{
    json_t *added = json_object();
    cappy_status status = fill_row(added, outcome, error);
    if (status == CAPPY_OK) {
        status = cappy_row_write(&outcome->place->row, added, &boost->text, error);
    }
    json_decref(added);
    return status;
}

/* The answers by what they were chosen by. */
static cappy_status append_table(struct cappy_boost *boost, const struct outcome *outcome,
                                 cappy_error *error)
{
    const struct cappy_table table = cappy_table_style(&boost->output);
    CAPPY_TRY(cappy_table_rank(&table, &outcome->choice, &boost->text, error));
    return boost->lines != NULL ? cappy_buffer_append(&boost->text, "\n", 1, error) : CAPPY_OK;
}

static cappy_status choose(struct cappy_boost *boost, struct outcome *outcome, cappy_error *error)
{
    cappy_text instruction;
    CAPPY_TRY(cappy_row_get_text(&outcome->place->row, "instruction", &instruction, error));
    for (size_t i = 0; i < outcome->n; i++) {
        boost->pairs[i] = (cappy_pair){instruction, outcome->samples[i].text};
    }
    return cappy_choice_make(&boost->chooser, boost->pairs, outcome->place->scores, outcome->n,
                             &outcome->choice, error);
}

/* Chooses, and appends the row, or its table, to the text. */
static cappy_status finish(struct cappy_boost *boost, const struct cappy_feed_place *place,
                           cappy_error *error)
{
    struct outcome outcome = {.place = place, .samples = boost->samples};
    outcome.n = cappy_prompt_list(place->prompt, boost->samples);
    if (outcome.n > 0) {
        CAPPY_TRY(choose(boost, &outcome, error));
    }
    if (!boost->arguments->table) {
        return append_row(boost, &outcome, error);
    }
    return outcome.n > 0 ? append_table(boost, &outcome, error) : CAPPY_OK;
}

/* ---- Rows at the head ------------------------------------------------------------------------ */

cappy_status cappy_boost_write(struct cappy_boost *boost, cappy_error *error)
{
    size_t n = 0;
    cappy_buffer_clear(&boost->text);
    for (; n < boost->feed.n && boost->feed.places[n].is_finished; n++) {
        const struct cappy_feed_place *place = &boost->feed.places[n];
        CAPPY_TRY(finish(boost, place, error));
        CAPPY_TRY(cappy_feed_count(&boost->feed, place, place->n_scored > 0, error));
        boost->n_rows++;
    }
    if (boost->text.size > 0) {
        CAPPY_TRY(cappy_output_write(&boost->output, boost->text.data, boost->text.size, error));
    }
    cappy_feed_drop(&boost->feed, n);
    return CAPPY_OK;
}
