/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/resample.h"

#include <stdlib.h>

const struct cappy_contrast cappy_contrasts[CAPPY_CONTRASTS] = {
    {CAPPY_PICK_SCORER, CAPPY_PICK_RANDOM},     {CAPPY_PICK_SCORER, CAPPY_PICK_BASE},
    {CAPPY_PICK_SCORER, CAPPY_PICK_CONSENSUS},  {CAPPY_PICK_MIX, CAPPY_PICK_CONSENSUS},
    {CAPPY_PICK_SCORER, CAPPY_PICK_MAJORITY},   {CAPPY_PICK_SCORER, CAPPY_PICK_ALONE},
    {CAPPY_PICK_CALIBRATED, CAPPY_PICK_SCORER},
};

/* What comes out of one resampling: the columns, then the gaps, then the contrasts. */
enum {
    GAPS = CAPPY_COLUMNS,
    CONTRASTS = GAPS + CAPPY_PICKS,
    RESULTS = CONTRASTS + CAPPY_CONTRASTS
};

static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

void cappy_resample_interval(double *means, struct cappy_figure *figure)
{
    qsort(means, CAPPY_RESAMPLINGS, sizeof *means, compare_numbers);
    figure->low = means[CAPPY_RESAMPLINGS / 40];
    figure->high = means[CAPPY_RESAMPLINGS - 1 - CAPPY_RESAMPLINGS / 40];
}

static void add_cluster(const struct cappy_cluster *cluster, struct cappy_cluster *sum)
{
    for (size_t i = 0; i < CAPPY_COLUMNS; i++) {
        sum->sums[i] += cluster->sums[i];
        sum->counts[i] += cluster->counts[i];
    }
}

/* results[RESULTS] of a sum of clusters. Where none has a column, it is `usual` (may be NULL). */
static void find_results(const struct cappy_cluster *sum, const double *usual, double *results)
{
    for (size_t i = 0; i < CAPPY_COLUMNS; i++) {
        results[i] = sum->counts[i] > 0 ? sum->sums[i] / sum->counts[i]
                     : usual != NULL    ? usual[i]
                                        : 0;
    }
    const double low = results[CAPPY_PICK_RANDOM];
    const double way = results[CAPPY_PICK_ORACLE] - low;
    for (size_t i = 0; i < CAPPY_PICKS; i++) {
        results[GAPS + i] = way > 0 ? (results[i] - low) / way : 0;
    }
    for (size_t i = 0; i < CAPPY_CONTRASTS; i++) {
        results[CONTRASTS + i] =
            results[cappy_contrasts[i].more] - results[cappy_contrasts[i].less];
    }
}

/* The figure of each result, in the order of them. */
static void list_figures(struct cappy_figures *figures, struct cappy_figure **list)
{
    for (size_t i = 0; i < CAPPY_PICKS; i++) {
        list[i] = &figures->picks[i];
        list[GAPS + i] = &figures->gaps[i];
    }
    for (size_t i = 0; i < CAPPY_MEASURES; i++) {
        list[CAPPY_PICKS + i] = &figures->measures[i];
    }
    for (size_t i = 0; i < CAPPY_CONTRASTS; i++) {
        list[CONTRASTS + i] = &figures->contrasts[i];
    }
}

static void set_given(const bool *given, const double *results, struct cappy_figure **list)
{
    for (size_t i = 0; i < CAPPY_COLUMNS; i++) {
        list[i]->is_given = given[i];
    }
    const bool has_way =
        given[CAPPY_PICK_ORACLE] && results[CAPPY_PICK_ORACLE] > results[CAPPY_PICK_RANDOM];
    for (size_t i = 0; i < CAPPY_PICKS; i++) {
        list[GAPS + i]->is_given = given[i] && has_way;
    }
    for (size_t i = 0; i < CAPPY_CONTRASTS; i++) {
        list[CONTRASTS + i]->is_given =
            given[cappy_contrasts[i].more] && given[cappy_contrasts[i].less];
    }
}

cappy_status cappy_resample(const struct cappy_cluster *clusters, size_t n, const bool *given,
                            uint64_t seed, struct cappy_figures *figures,
                            double (*totals)[CAPPY_RESAMPLINGS], double share, cappy_error *error)
{
    double(*drawn)[CAPPY_RESAMPLINGS] = cappy_alloc(RESULTS, sizeof *drawn);
    struct cappy_figure *list[RESULTS];
    struct cappy_cluster sum = {0};
    double whole[RESULTS];
    double results[RESULTS];
    if (drawn == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < n; i++) {
        add_cluster(&clusters[i], &sum);
    }
    find_results(&sum, NULL, whole);
    for (size_t r = 0; r < CAPPY_RESAMPLINGS; r++) {
        struct cappy_random random = cappy_random_begin(seed, r);
        sum = (struct cappy_cluster){0};
        for (size_t i = 0; i < n; i++) {
            add_cluster(&clusters[cappy_random_below(&random, n)], &sum);
        }
        find_results(&sum, whole, results);
        for (size_t i = 0; i < RESULTS; i++) {
            drawn[i][r] = results[i];
        }
        for (size_t i = 0; totals != NULL && i < CAPPY_PICKS; i++) {
            totals[i][r] += share * results[i];
        }
    }
    list_figures(figures, list);
    set_given(given, whole, list);
    for (size_t i = 0; i < RESULTS; i++) {
        list[i]->mean = whole[i];
        cappy_resample_interval(drawn[i], list[i]);
    }
    cappy_free(drawn);
    return CAPPY_OK;
}
