/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/curves.h"

#include <math.h>
#include <stdlib.h>

/* ---- Scores ---------------------------------------------------------------------------------- */

void cappy_histogram_make(const struct cappy_scope *scope, enum cappy_view view,
                          struct cappy_histogram *histogram)
{
    double least;
    double most;
    cappy_scope_measure(scope, &least, &most);
    *histogram = (struct cappy_histogram){.low = 0, .high = 1};
    for (size_t i = 0; i < scope->n; i++) {
        const struct cappy_case *item = scope->cases[i];
        for (size_t j = 0; j < item->question.n; j++) {
            const double score = (double)item->scores[view][j];
            histogram->low = fmin(histogram->low, floor(score * 10) / 10);
            histogram->high = fmax(histogram->high, ceil(score * 10) / 10);
        }
    }
    double sums[CAPPY_HISTOGRAM_BARS] = {0};
    for (size_t i = 0; i < scope->n; i++) {
        const struct cappy_case *item = scope->cases[i];
        for (size_t j = 0; j < item->question.n; j++) {
            const double share = ((double)item->scores[view][j] - histogram->low) /
                                 (histogram->high - histogram->low);
            const double quality = (item->question.qualities[j] - least) / (most - least);
            size_t bar = (size_t)(share * CAPPY_HISTOGRAM_BARS);
            size_t class = (size_t)(quality * CAPPY_SCORE_CLASSES);
            bar = bar < CAPPY_HISTOGRAM_BARS ? bar : CAPPY_HISTOGRAM_BARS - 1;
            class = class < CAPPY_SCORE_CLASSES ? class : CAPPY_SCORE_CLASSES - 1;
            histogram->counts[class][bar]++;
            sums[bar]++;
            histogram->most = fmax(histogram->most, sums[bar]);
        }
    }
}

struct scored {
    double score;
    double quality;
};

static int compare_scored(const void *left, const void *right)
{
    const struct scored *a = left;
    const struct scored *b = right;
    return (a->score > b->score) - (a->score < b->score);
}

cappy_status cappy_calibration_make(const struct cappy_scope *scope, enum cappy_view view,
                                    struct cappy_calibration *calibration, cappy_error *error)
{
    const size_t n = cappy_scope_count(scope);
    struct scored *all = cappy_alloc(n, sizeof *all);
    size_t at = 0;
    *calibration = (struct cappy_calibration){0};
    if (all == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < scope->n; i++) {
        const struct cappy_case *item = scope->cases[i];
        for (size_t j = 0; j < item->question.n; j++) {
            all[at++] = (struct scored){(double)item->scores[view][j], item->question.qualities[j]};
        }
    }
    qsort(all, n, sizeof *all, compare_scored);
    calibration->n = n < CAPPY_CALIBRATION_POINTS ? n : CAPPY_CALIBRATION_POINTS;
    for (size_t point = 0; point < calibration->n; point++) {
        const size_t first = n * point / calibration->n;
        const size_t end = n * (point + 1) / calibration->n;
        for (size_t i = first; i < end; i++) {
            calibration->scores[point] += all[i].score / (double)(end - first);
            calibration->qualities[point] += all[i].quality / (double)(end - first);
        }
    }
    cappy_free(all);
    return CAPPY_OK;
}

/* ---- Best of N ------------------------------------------------------------------------------- */

/* Draws for each case and number: many where there are few cases. */
enum { ALL_DRAWS = 4000, LEAST_DRAWS = 4, MOST_DRAWS = 64 };

/* Room for the largest case. */
struct room {
    double *keys;
    double *sorted;
    size_t *drawn;
    float *likeness; /* [most, most] */
    float *scores;
    size_t n_draws;
};

static cappy_status make_room(const struct cappy_scope *scope, struct room *room,
                              struct cappy_best_of *best_of, cappy_error *error)
{
    size_t most = 1;
    for (size_t i = 0; i < scope->n; i++) {
        const struct cappy_question *question = &scope->cases[i]->question;
        most = !question->is_closed && question->n > most ? question->n : most;
    }
    best_of->most = most < CAPPY_MOST_CHOICES ? most : CAPPY_MOST_CHOICES;
    room->keys = cappy_alloc(most, sizeof *room->keys);
    room->sorted = cappy_alloc(most, sizeof *room->sorted);
    room->drawn = cappy_alloc(most, sizeof *room->drawn);
    room->likeness = cappy_alloc(most * most, sizeof *room->likeness);
    room->scores = cappy_alloc(most, sizeof *room->scores);
    return room->keys != NULL && room->sorted != NULL && room->drawn != NULL &&
                   room->likeness != NULL && room->scores != NULL
               ? CAPPY_OK
               : cappy_error_no_memory(error);
}

/* Adds the exact curve of an order to `worth`. */
static cappy_status add_order(const struct cappy_case *item, const struct room *room, double share,
                              size_t most, double *worth, cappy_error *error)
{
    const size_t n = item->question.n;
    CAPPY_TRY(cappy_order_sort(item, room->keys, room->sorted, error));
    for (size_t k = 1; k <= most; k++) {
        worth[k - 1] += share * cappy_order_best_of(room->sorted, n, k < n ? k : n);
    }
    return CAPPY_OK;
}

/* The first k of drawn[n] become k of n numbers, drawn at random. */
static void draw(size_t *drawn, size_t n, size_t k, struct cappy_random *random)
{
    for (size_t i = 0; i < n; i++) {
        drawn[i] = i;
    }
    for (size_t i = 0; i < k; i++) {
        const size_t other = i + cappy_random_below(random, n - i);
        const size_t kept = drawn[i];
        drawn[i] = drawn[other];
        drawn[other] = kept;
    }
}

/* The quality of the response with the highest key among the k drawn. */
static double find_picked(const struct cappy_question *question, const struct room *room, size_t k)
{
    size_t best = 0;
    for (size_t i = 1; i < k; i++) {
        best = room->keys[i] > room->keys[best] ? i : best;
    }
    return question->qualities[room->drawn[best]];
}

/* Adds what consensus and mix are worth among the k drawn. */
static void add_draw(const struct cappy_case *item, const struct room *room, size_t k,
                     double temperature, double share, double *consensus, double *mix)
{
    const struct cappy_question *question = &item->question;
    for (size_t i = 0; i < k; i++) {
        room->scores[i] = item->scores[CAPPY_VIEW_SCORER][room->drawn[i]];
        for (size_t j = 0; j < k; j++) {
            room->likeness[i * k + j] =
                question->likeness[room->drawn[i] * question->n + room->drawn[j]];
        }
    }
    cappy_consensus_read(room->likeness, k, room->keys);
    *consensus += share * find_picked(question, room, k);
    cappy_mix_read(room->likeness, room->scores, k, temperature, room->keys);
    *mix += share * find_picked(question, room, k);
}

static cappy_status add_case(const struct cappy_case *item, const struct room *room,
                             double temperature, double share, struct cappy_random *random,
                             struct cappy_best_of *best_of, cappy_error *error)
{
    const struct cappy_question *question = &item->question;
    const size_t n = question->n;
    for (size_t view = 0; view < CAPPY_VIEWS; view++) {
        const enum cappy_pick pick = cappy_view_pick((enum cappy_view)view);
        for (size_t i = 0; i < n && item->scores[view] != NULL; i++) {
            room->keys[i] = (double)item->scores[view][i];
        }
        if (item->scores[view] != NULL) {
            CAPPY_TRY(add_order(item, room, share, best_of->most, best_of->worth[pick], error));
        }
    }
    for (size_t i = 0; i < n; i++) {
        room->keys[i] = question->qualities[i];
    }
    CAPPY_TRY(
        add_order(item, room, share, best_of->most, best_of->worth[CAPPY_PICK_ORACLE], error));
    for (size_t k = 1; k <= best_of->most; k++) {
        best_of->worth[CAPPY_PICK_RANDOM][k - 1] +=
            share * cappy_pick_worth(item, CAPPY_PICK_RANDOM);
        for (size_t i = 0; i < room->n_draws; i++) {
            draw(room->drawn, n, k < n ? k : n, random);
            add_draw(item, room, k < n ? k : n, temperature, share / (double)room->n_draws,
                     &best_of->worth[CAPPY_PICK_CONSENSUS][k - 1],
                     &best_of->worth[CAPPY_PICK_MIX][k - 1]);
        }
    }
    return CAPPY_OK;
}

cappy_status cappy_best_of_make(const struct cappy_scope *scope, double temperature, uint64_t seed,
                                struct cappy_best_of *best_of, cappy_error *error)
{
    struct room room;
    struct cappy_random random = cappy_random_begin(seed, 0);
    size_t n_open = 0;
    *best_of = (struct cappy_best_of){0};
    cappy_status status = make_room(scope, &room, best_of, error);
    for (size_t i = 0; i < scope->n; i++) {
        n_open += !scope->cases[i]->question.is_closed;
    }
    const size_t wanted = ALL_DRAWS / (n_open > 0 ? n_open : 1);
    room.n_draws = wanted < LEAST_DRAWS ? LEAST_DRAWS : wanted > MOST_DRAWS ? MOST_DRAWS : wanted;
    for (size_t i = 0; status == CAPPY_OK && i < scope->n; i++) {
        if (!scope->cases[i]->question.is_closed) {
            status = add_case(scope->cases[i], &room, temperature, 1 / (double)n_open, &random,
                              best_of, error);
        }
    }
    for (size_t k = 0; k < best_of->most; k++) {
        best_of->n[k] = (double)(k + 1);
    }
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) { /* one answer leaves no choice */
        best_of->worth[pick][0] = best_of->worth[CAPPY_PICK_RANDOM][0];
    }
    cappy_free(room.keys);
    cappy_free(room.sorted);
    cappy_free(room.drawn);
    cappy_free(room.likeness);
    cappy_free(room.scores);
    return status;
}
