/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/feed.h"

#include <string.h>

#include "cli/interrupts.h"

/* Rows that are held, enough to keep all calls busy, and the bytes of their lines from which on no
 * more are read. */
enum { LEAST_ROWS = 64, ROWS_A_CALL = 4, MOST_SIZE = 16 << 20 };

/* Seconds that nothing may happen before interruptions and the input are looked at again. */
static const double GLANCE = 0.1;

cappy_status cappy_feed_open(const struct cappy_common *common, struct cappy_feed *feed,
                             cappy_error *error)
{
    *feed = (struct cappy_feed){.capacity = LEAST_ROWS + ROWS_A_CALL * common->llm.in_flight};
    CAPPY_TRY(cappy_sampling_open(common, &feed->sampling, error));
    feed->places = cappy_alloc(feed->capacity, sizeof *feed->places);
    if (feed->places == NULL) {
        cappy_feed_close(feed);
        return cappy_error_no_memory(error);
    }
    cappy_interrupts_watch();
    return CAPPY_OK;
}

static void free_place(struct cappy_feed_place *place)
{
    cappy_row_free(&place->row);
    cappy_free(place->scores);
}

/* Waits for the calls that are under way, which are paid for. */
static void drain(struct cappy_sampler *sampler)
{
    cappy_sampler_stop(sampler, CAPPY_IO, "");
    while (cappy_sampler_work(sampler, GLANCE, NULL) == CAPPY_OK) {
    }
}

void cappy_feed_close(struct cappy_feed *feed)
{
    if (feed->sampling.sampler != NULL) {
        drain(feed->sampling.sampler);
    }
    for (size_t i = 0; i < feed->n; i++) {
        free_place(&feed->places[i]);
    }
    cappy_sampling_close(&feed->sampling); /* and the prompts */
    cappy_free(feed->places);
    cappy_free(feed->first_failure);
    *feed = (struct cappy_feed){0};
}

bool cappy_feed_has_room(const struct cappy_feed *feed)
{
    return feed->n < feed->capacity && feed->size < MOST_SIZE;
}

cappy_status cappy_feed_add(struct cappy_feed *feed, struct cappy_row *row, size_t n_answers,
                            cappy_error *error)
{
    struct cappy_feed_place place = {.row = *row};
    if (n_answers > 0) {
        cappy_text instruction;
        CAPPY_TRY(cappy_row_get_text(row, "instruction", &instruction, error));
        CAPPY_TRY(cappy_sampler_add(feed->sampling.sampler, instruction, n_answers, &place.prompt,
                                    error));
    }
    feed->places[feed->n++] = place;
    feed->size += row->size;
    *row = (struct cappy_row){0};
    return CAPPY_OK;
}

cappy_status cappy_feed_work(struct cappy_feed *feed, cappy_error *error)
{
    if (cappy_interrupted()) {
        cappy_sampler_stop(
            feed->sampling.sampler, CAPPY_IO,
            "interrupted; what was sampled is in the store: the same command goes on "
            "from there");
    }
    return cappy_sampler_work(feed->sampling.sampler, GLANCE, error);
}

cappy_status cappy_feed_count(struct cappy_feed *feed, const struct cappy_feed_place *place,
                              bool is_answered, cappy_error *error)
{
    const char *reason;
    const size_t n_failed = cappy_prompt_failed(place->prompt, &reason);
    feed->n_partial += is_answered && n_failed > 0;
    feed->n_unanswered += !is_answered;
    feed->n_in_a_row = is_answered ? 0 : feed->n_in_a_row + 1;
    if (!is_answered && feed->first_failure == NULL) {
        struct cappy_buffer text;
        cappy_buffer_init(&text, SIZE_MAX / 2);
        CAPPY_TRY(cappy_buffer_format(&text, error, "%s:%zu: %s", place->row.file, place->row.line,
                                      reason));
        feed->first_failure = text.data;
    }
    return CAPPY_OK;
}

cappy_status cappy_feed_check(const struct cappy_feed *feed, size_t limit, cappy_error *error)
{
    if (limit == 0 || feed->n_in_a_row < limit) {
        return CAPPY_OK;
    }
    return cappy_error_set(error, CAPPY_IO, "no answer to %zu rows one behind the other; %s",
                           feed->n_in_a_row, feed->first_failure);
}

json_t *cappy_sample_describe(const struct cappy_sample *sample)
{
    return json_pack("{s: o, s: s}", "text", json_stringn(sample->text.data, sample->text.size),
                     "source", sample->source);
}

void cappy_feed_drop(struct cappy_feed *feed, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        feed->size -= feed->places[i].row.size;
        cappy_prompt_free(feed->places[i].prompt);
        free_place(&feed->places[i]);
    }
    feed->n -= n;
    memmove(feed->places, feed->places + n, feed->n * sizeof *feed->places);
}
