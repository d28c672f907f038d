/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of responses, and the mix of two of them. */
#include <stdlib.h>

#include "eval/eval.h"

struct place {
    double key;
    double quality;
    size_t index;
};

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;
    if (a->key > b->key || a->key < b->key) {
        return a->key > b->key ? -1 : 1;
    }
    return a->index < b->index ? -1 : 1;
}

cappy_status cappy_order_sort(const struct cappy_case *item, const double *keys, double *sorted,
                              cappy_error *error)
{
    const size_t n = item->question.n;
    struct place *places = cappy_alloc(n, sizeof *places);
    if (places == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < n; i++) {
        places[i] = (struct place){keys[i], item->question.qualities[i], i};
    }
    qsort(places, n, sizeof *places, compare_places);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = places[i].quality;
    }
    cappy_free(places);
    return CAPPY_OK;
}

/* Number r of the order, from 0, is the first of k drawn when it is drawn and those before it are
 * not: C(n - 1 - r, k - 1) of C(n, k) draws. */
double cappy_order_best_of(const double *sorted, size_t n, size_t k)
{
    double share = (double)k / (double)n;
    double sum = 0;
    for (size_t r = 0; r + k <= n; r++) {
        sum += share * sorted[r];
        if (r + k < n) {
            share *= (double)(n - r - k) / (double)(n - r - 1);
        }
    }
    return sum;
}

double cappy_order_worth(const double *sorted, size_t n)
{
    double sum = 0;
    for (size_t k = 2; k <= n; k++) {
        sum += cappy_order_best_of(sorted, n, k);
    }
    return n > 1 ? sum / (double)(n - 1) : sorted[0];
}

/* ---- Suites ---------------------------------------------------------------------------------- */

/* Room for the largest case. */
struct room {
    double *keys;
    double *sorted;
};

static cappy_status make_room(const struct cappy_suite *suite, struct room *room,
                              cappy_error *error)
{
    size_t most = 0;
    for (size_t i = 0; i < suite->n_used; i++) {
        const size_t n = suite->cases[i].question.n;
        most = n > most ? n : most;
    }
    room->keys = cappy_alloc(most, sizeof *room->keys);
    room->sorted = cappy_alloc(most, sizeof *room->sorted);
    return room->keys != NULL && room->sorted != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

static void free_room(struct room *room)
{
    cappy_free(room->keys);
    cappy_free(room->sorted);
}

static void mix(const struct cappy_case *item, double temperature, double *keys)
{
    cappy_mix_read(item->question.likeness, item->scores[CAPPY_VIEW_SCORER], item->question.n,
                   temperature, keys);
}

cappy_status cappy_suite_worth(const struct cappy_suite *suite, enum cappy_view view, double *worth,
                               cappy_error *error)
{
    struct room room;
    cappy_status status = make_room(suite, &room, error);
    double sum = 0;
    for (size_t i = 0; status == CAPPY_OK && i < suite->n_used; i++) {
        const struct cappy_case *item = &suite->cases[i];
        for (size_t j = 0; j < item->question.n; j++) {
            room.keys[j] = (double)item->scores[view][j];
        }
        status = cappy_order_sort(item, room.keys, room.sorted, error);
        sum += status == CAPPY_OK ? cappy_order_worth(room.sorted, item->question.n) : 0;
    }
    free_room(&room);
    *worth = suite->n_used > 0 ? sum / (double)suite->n_used : 0;
    return status;
}

static cappy_status measure_mix(const struct cappy_suite *suite, double temperature,
                                struct room *room, double *worth, cappy_error *error)
{
    *worth = 0;
    for (size_t i = 0; i < suite->n_used; i++) {
        const struct cappy_case *item = &suite->cases[i];
        if (!item->question.is_closed) {
            mix(item, temperature, room->keys);
            CAPPY_TRY(cappy_order_sort(item, room->keys, room->sorted, error));
            *worth += cappy_order_worth(room->sorted, item->question.n);
        }
    }
    return CAPPY_OK;
}

bool cappy_mix_is_fitted(const struct cappy_suite *suite)
{
    size_t n_open = 0;
    for (size_t i = 0; i < suite->n_used; i++) {
        n_open += !suite->cases[i].question.is_closed;
    }
    return n_open >= CAPPY_MIX_LEAST;
}

cappy_status cappy_mix_fit(const struct cappy_suite *suite, double *temperature, cappy_error *error)
{
    static const double tried[] = {1, 0.7, 1.5, 0.5, 2, 0.35, 3, 0.25, 4, 0.1, 8};
    struct room room;
    *temperature = 1;
    if (!cappy_mix_is_fitted(suite)) {
        return CAPPY_OK;
    }
    cappy_status status = make_room(suite, &room, error);
    double most = -1;
    for (size_t i = 0; status == CAPPY_OK && i < sizeof tried / sizeof *tried; i++) {
        double worth;
        status = measure_mix(suite, tried[i], &room, &worth, error);
        if (status == CAPPY_OK && worth > most) {
            most = worth;
            *temperature = tried[i];
        }
    }
    free_room(&room);
    return status;
}

static cappy_status vote(struct cappy_case *item, cappy_error *error)
{
    const struct cappy_question *question = &item->question;
    double *keys = cappy_alloc(question->n, sizeof *keys);
    if (keys == NULL) {
        return cappy_error_no_memory(error);
    }
    const struct cappy_choosing how = {.by = CAPPY_SELECT_VOTE};
    item->vote = cappy_select(&how, question->responses, item->scores[CAPPY_VIEW_SCORER], NULL,
                              question->n, keys);
    cappy_free(keys);
    return CAPPY_OK;
}

cappy_status cappy_mix_set(struct cappy_suite *suite, double temperature, cappy_error *error)
{
    for (size_t i = 0; i < suite->n_used; i++) {
        struct cappy_case *item = &suite->cases[i];
        if (item->question.is_closed) {
            continue;
        }
        if (item->mix == NULL) {
            item->mix = cappy_alloc(item->question.n, sizeof *item->mix);
        }
        if (item->mix == NULL) {
            return cappy_error_no_memory(error);
        }
        mix(item, temperature, item->mix);
        CAPPY_TRY(vote(item, error));
    }
    return CAPPY_OK;
}
