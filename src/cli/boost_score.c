/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that have come, of any rows of the window, are scored together; then a row is finished or
 * asks for more. */
#include <string.h>

#include "cli/boost.h"
#include "cli/scores.h"

/* Pairs scored in one call, unless one row has more. */
enum { SOME_PAIRS = 2048 };

size_t cappy_boost_begin(const struct cappy_boost *boost)
{
    return boost->arguments->stop_at.is_given ? 1 : boost->feed.sampling.plan.n_answers;
}

static cappy_status reserve(struct cappy_boost *boost, cappy_error *error)
{
    const size_t most = boost->feed.sampling.plan.n_answers;
    const size_t n = most > SOME_PAIRS ? most : SOME_PAIRS;
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

static bool is_waiting(const struct cappy_feed_place *place)
{
    return !place->is_finished && cappy_prompt_is_done(place->prompt);
}

static bool has_waiting(const struct cappy_feed *feed)
{
    for (size_t i = 0; i < feed->n; i++) {
        if (is_waiting(&feed->places[i])) {
            return true;
        }
    }
    return false;
}

/* Adds the answers of a place that have no score yet to the pairs; *n is their number in all. */
static cappy_status add_pairs(struct cappy_boost *boost, const struct cappy_feed_place *place,
                              size_t *n, cappy_error *error)
{
    cappy_text instruction;
    CAPPY_TRY(cappy_row_get_text(&place->row, "instruction", &instruction, error));
    const size_t all = cappy_prompt_list(place->prompt, boost->samples);
    for (size_t i = place->n_scored; i < all; i++) {
        boost->pairs[*n] = (cappy_pair){instruction, boost->samples[i].text};
        *n += 1;
    }
    return CAPPY_OK;
}

/* Gives a place its scores; returns how many there were. */
static cappy_status take_scores(struct cappy_boost *boost, struct cappy_feed_place *place,
                                const float *scores, size_t *n, cappy_error *error)
{
    const size_t all = cappy_prompt_list(place->prompt, boost->samples);
    *n = all - place->n_scored;
    cappy_error reason;
    if (cappy_scores_check(scores, *n, &reason) != CAPPY_OK) {
        return cappy_row_error(&place->row, error, "%s", reason.message);
    }
    float *made = cappy_realloc(place->scores, all + 1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    memcpy(made + place->n_scored, scores, *n * sizeof *made);
    place->scores = made;
    place->n_scored = all;
    return CAPPY_OK;
}

/* Finishes a place, or asks for as many answers again as there are, which costs at most twice the
 * calls for the answers that would have been enough. */
static void decide(const struct cappy_boost *boost, struct cappy_feed_place *place)
{
    const size_t all = boost->feed.sampling.plan.n_answers;
    place->is_finished = !boost->arguments->stop_at.is_given;
    for (size_t i = 0; i < place->n_scored && !place->is_finished; i++) {
        place->is_finished = place->scores[i] >= (float)boost->arguments->stop_at.value;
    }
    if (!place->is_finished) {
        const size_t asked = cappy_prompt_widen(place->prompt, 0);
        place->is_finished = asked == all;
        cappy_prompt_widen(place->prompt, 2 * asked < all ? 2 * asked : all);
    }
}

/* Scores the places from *first on, as many as go into one call. */
static cappy_status score_some(struct cappy_boost *boost, size_t *first, cappy_error *error)
{
    const struct cappy_feed *feed = &boost->feed;
    const size_t most = feed->sampling.plan.n_answers;
    size_t n_pairs = 0;
    size_t end = *first;
    for (; end < feed->n && (n_pairs == 0 || n_pairs + most <= boost->pair_capacity); end++) {
        if (is_waiting(&feed->places[end])) {
            CAPPY_TRY(add_pairs(boost, &feed->places[end], &n_pairs, error));
        }
    }
    CAPPY_TRY(cappy_session_score(&boost->session, boost->pairs, n_pairs, boost->scores, error));
    size_t at = 0;
    for (size_t i = *first; i < end; i++) {
        if (is_waiting(&feed->places[i])) {
            size_t n;
            CAPPY_TRY(take_scores(boost, &feed->places[i], boost->scores + at, &n, error));
            decide(boost, &feed->places[i]);
            at += n;
        }
    }
    *first = end;
    return CAPPY_OK;
}

cappy_status cappy_boost_flush(struct cappy_boost *boost, cappy_error *error)
{
    CAPPY_TRY(reserve(boost, error));
    /* More than once where the store holds what is asked for next. */
    while (has_waiting(&boost->feed)) {
        for (size_t first = 0; first < boost->feed.n;) {
            CAPPY_TRY(score_some(boost, &first, error));
        }
    }
    return cappy_boost_write(boost, error);
}
