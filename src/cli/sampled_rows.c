/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sampled_rows.h"

#include <stdio.h>

/* Rows one behind the other without an answer that end it. */
enum { GIVE_UP = 10 };

cappy_status cappy_sampled_rows_open(const struct cappy_common *common, struct cappy_inputs *inputs,
                                     struct cappy_progress *progress,
                                     struct cappy_sampled_rows *rows, cappy_error *error)
{
    *rows = (struct cappy_sampled_rows){.inputs = inputs, .progress = progress};
    return cappy_feed_open(common, &rows->feed, error);
}

void cappy_sampled_rows_close(struct cappy_sampled_rows *rows)
{
    cappy_feed_close(&rows->feed);
}

/* ---- In -------------------------------------------------------------------------------------- */

/* Answers can be graded where there are references. A row that is not as it should be is left for
 * others to refuse. */
static bool wants_answers(const struct cappy_row *row)
{
    const json_t *candidates = json_object_get(row->json, "candidates");
    return json_array_size(json_object_get(row->json, "references")) > 0 &&
           (candidates == NULL || json_is_null(candidates) || json_is_array(candidates));
}

/* Reads rows as long as there is room and they are at hand. */
static cappy_status read_rows(struct cappy_sampled_rows *rows, cappy_error *error)
{
    while (!rows->ended && cappy_feed_has_room(&rows->feed) &&
           (rows->feed.n == 0 || cappy_inputs_ready(rows->inputs))) {
        struct cappy_row row = {0};
        CAPPY_TRY(cappy_inputs_next(rows->inputs, &row, &rows->ended, error));
        if (!rows->ended) {
            const bool is_asked = wants_answers(&row);
            const cappy_status status = cappy_feed_add(
                &rows->feed, &row, is_asked ? rows->feed.sampling.plan.n_answers : 0, error);
            cappy_row_free(&row);
            CAPPY_TRY(status);
        }
    }
    return CAPPY_OK;
}

/* ---- Out ------------------------------------------------------------------------------------- */

/* The row's own candidates and the answers behind them. */
static cappy_status list_candidates(const struct cappy_feed_place *place, size_t n_most,
                                    json_t *candidates, cappy_error *error)
{
    const json_t *own = json_object_get(place->row.json, "candidates");
    struct cappy_sample *samples = cappy_alloc(n_most, sizeof *samples);
    if (samples == NULL) {
        return cappy_error_no_memory(error);
    }
    int failed = 0;
    for (size_t i = 0; i < json_array_size(own); i++) {
        failed |= json_array_append(candidates, json_array_get(own, i));
    }
    const size_t n = cappy_prompt_list(place->prompt, samples);
    for (size_t i = 0; i < n; i++) {
        failed |= json_array_append_new(candidates, cappy_sample_describe(&samples[i]));
    }
    cappy_free(samples);
    return failed == 0 ? CAPPY_OK : cappy_error_no_memory(error);
}

/* Makes *row of the place's with its candidates. */
static cappy_status make_row(const struct cappy_feed_place *place, size_t n_most,
                             struct cappy_row *row, cappy_error *error)
{
    struct cappy_buffer text;
    cappy_buffer_init(&text, SIZE_MAX / 2);
    json_t *candidates = json_array();
    json_t *added = json_pack("{s: O}", "candidates", candidates);
    cappy_status status = added != NULL ? CAPPY_OK : cappy_error_no_memory(error);
    if (status == CAPPY_OK) {
        status = list_candidates(place, n_most, candidates, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_row_write(&place->row, added, &text, error);
    }
    if (status == CAPPY_OK) {
        status =
            cappy_row_parse(place->row.file, place->row.line, text.data, text.size - 1, row, error);
    }
    json_decref(candidates);
    json_decref(added);
    cappy_buffer_free(&text);
    return status;
}

static cappy_status count(struct cappy_sampled_rows *rows, const struct cappy_feed_place *place,
                          cappy_error *error)
{
    const char *reason;
    const bool is_unanswered =
        cappy_prompt_failed(place->prompt, &reason) == rows->feed.sampling.plan.n_answers;
    rows->n_asked++;
    CAPPY_TRY(cappy_feed_count(&rows->feed, place, !is_unanswered, error));
    return cappy_feed_check(&rows->feed, GIVE_UP, error);
}

/* Takes the first row out. */
static cappy_status take_first(struct cappy_sampled_rows *rows, struct cappy_row *row,
                               cappy_error *error)
{
    struct cappy_feed_place *place = &rows->feed.places[0];
    if (place->prompt != NULL) {
        CAPPY_TRY(count(rows, place, error));
        CAPPY_TRY(make_row(place, rows->feed.sampling.plan.n_answers, row, error));
    } else {
        rows->feed.size -= place->row.size;
        *row = place->row;
        place->row = (struct cappy_row){0};
    }
    rows->n_rows++;
    cappy_feed_drop(&rows->feed, 1);
    return CAPPY_OK;
}

cappy_status cappy_sampled_rows_next(struct cappy_sampled_rows *rows, struct cappy_row *row,
                                     bool *ended, cappy_error *error)
{
    const struct cappy_feed *feed = &rows->feed;
    *ended = false;
    for (;;) {
        uint64_t done;
        uint64_t total;
        if (rows->status == CAPPY_OK) {
            rows->status = read_rows(rows, &rows->reason);
        }
        if (feed->n > 0 &&
            (feed->places[0].prompt == NULL || cappy_prompt_is_done(feed->places[0].prompt))) {
            return take_first(rows, row, error);
        }
        if (feed->n == 0) {
            *ended = true;
            return rows->status == CAPPY_OK
                       ? CAPPY_OK
                       : cappy_error_set(error, rows->status, "%s", rows->reason.message);
        }
        CAPPY_TRY(cappy_feed_work(&rows->feed, error));
        cappy_inputs_place(rows->inputs, &done, &total);
        cappy_sampling_progress(&feed->sampling, rows->progress, done, total, rows->n_rows);
    }
}

/* ---- Saying so ------------------------------------------------------------------------------- */

cappy_status cappy_sampled_rows_check(const struct cappy_sampled_rows *rows, cappy_error *error)
{
    if (rows->feed.n_unanswered == 0) {
        return CAPPY_OK;
    }
    return cappy_error_set(error, CAPPY_IO,
                           "%zu of %zu rows with references got no answer; the output is whole but "
                           "for these; %s",
                           rows->feed.n_unanswered, rows->n_asked, rows->feed.first_failure);
}

void cappy_sampled_rows_report(const struct cappy_sampled_rows *rows)
{
    cappy_sampling_report(&rows->feed.sampling);
    if (rows->feed.n_partial > 0) {
        fprintf(stderr, "%zu rows got fewer answers than were asked for\n", rows->feed.n_partial);
    }
}
