/* SPDX-License-Identifier: Apache-2.0 */
#include "train/team.h"

#include <stdio.h>
#include <string.h>

#include "train/exchange.h"

/* Numbers of one process's part of a block: messages of a megabyte. */
enum { PART = 1 << 18 };

cappy_status cappy_team_agree(const struct cappy_team *team, cappy_status status,
                              cappy_error *error)
{
    if (team->size == 1) {
        return status;
    }
    /* The first that failed, and how, in one number. */
    enum { BITS = 8, ALL_WELL = 1 << 30 };
    const uint32_t mine =
        status != CAPPY_OK ? (uint32_t)team->rank << BITS | (uint32_t)status : ALL_WELL;
    const uint32_t least = cappy_exchange_least(mine);
    if (least == ALL_WELL) {
        return CAPPY_OK;
    }
    const uint32_t first = least >> BITS;
    if (first != team->rank) {
        return cappy_error_set(error, (cappy_status)(least & ((1 << BITS) - 1)), "%s", "");
    }
    if (first != 0) {
        char place[64];
        snprintf(place, sizeof place, "process %zu of %zu", team->rank + 1, team->size);
        return cappy_error_at(error, status, place);
    }
    return status;
}

void cappy_team_share(const struct cappy_team *team, void *data, size_t size)
{
    if (team->size > 1) {
        cappy_exchange_share(data, size);
    }
}

void cappy_team_gather(const struct cappy_team *team, double mine, double *all)
{
    if (team->size > 1) {
        cappy_exchange_gather(mine, all);
    } else {
        all[0] = mine;
    }
}

bool cappy_team_any(const struct cappy_team *team, bool flag)
{
    return team->size > 1 ? cappy_exchange_least(!flag) == 0 : flag;
}

/* ---- Sums ---- */

cappy_status cappy_sum_init(const struct cappy_team *team, size_t size, struct cappy_sum *sum,
                            cappy_error *error)
{
    *sum = (struct cappy_sum){.size = size};
    sum->values = cappy_alloc_aligned(size, sizeof *sum->values);
    if (team->size == 1) {
        return sum->values != NULL ? CAPPY_OK : cappy_error_no_memory(error);
    }
    sum->room = cappy_alloc(team->size * PART, sizeof *sum->room);
    sum->counts = cappy_alloc(4 * team->size, sizeof *sum->counts);
    if (sum->values == NULL || sum->room == NULL || sum->counts == NULL) {
        cappy_sum_free(sum);
        return cappy_error_no_memory(error);
    }
    return CAPPY_OK;
}

void cappy_sum_free(struct cappy_sum *sum)
{
    cappy_free(sum->values);
    cappy_free(sum->room);
    cappy_free(sum->counts);
    *sum = (struct cappy_sum){0};
}

void cappy_sum_begin(struct cappy_sum *sum)
{
    memset(sum->values, 0, sum->size * sizeof *sum->values);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Divides the block that begins at `first` among the processes; returns its end. */
static size_t divide(const struct cappy_team *team, struct cappy_sum *sum, size_t first,
                     struct cappy_parts *parts, struct cappy_parts *received)
{
    const size_t n = smaller(sum->size - first, team->size * PART);
    const size_t part = (n + team->size - 1) / team->size;
    parts->counts = sum->counts;
    parts->places = sum->counts + team->size;
    received->counts = sum->counts + 2 * team->size;
    received->places = sum->counts + 3 * team->size;
    for (size_t q = 0; q < team->size; q++) {
        const size_t begin = smaller(q * part, n);
        parts->places[q] = (int)begin;
        parts->counts[q] = (int)(smaller(begin + part, n) - begin);
    }
    for (size_t q = 0; q < team->size; q++) {
        received->counts[q] = parts->counts[team->rank];
        received->places[q] = (int)q * parts->counts[team->rank];
    }
    return first + n;
}

void cappy_sum_add(const struct cappy_team *team, struct cappy_sum *sum, const float *array,
                   size_t n)
{
    struct cappy_parts parts;
    struct cappy_parts received;
    for (size_t i = 0; team->size == 1 && i < sum->size; i++) {
        sum->values[i] += array[i];
    }
    for (size_t first = 0; team->size > 1 && first < sum->size;) {
        const size_t end = divide(team, sum, first, &parts, &received);
        float *values = sum->values + first + parts.places[team->rank];
        cappy_exchange_parts(array + first, &parts, &received, sum->room);
        for (size_t q = 0; q < n; q++) {
            const float *from = sum->room + received.places[q];
            for (int i = 0; i < parts.counts[team->rank]; i++) {
                values[i] += from[i];
            }
        }
        first = end;
    }
}

void cappy_sum_end(const struct cappy_team *team, struct cappy_sum *sum)
{
    struct cappy_parts parts;
    struct cappy_parts received;
    for (size_t first = 0; team->size > 1 && first < sum->size;) {
        const size_t end = divide(team, sum, first, &parts, &received);
        cappy_exchange_spread(sum->values + first, &parts);
        first = end;
    }
}
