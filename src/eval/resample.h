/* SPDX-License-Identifier: Apache-2.0 */
/* Means over cases, with intervals from resampling (Efron's bootstrap, percentiles). Private to
 * eval. */
#ifndef CAPPY_EVAL_RESAMPLE_H
#define CAPPY_EVAL_RESAMPLE_H

#include "eval/eval.h"

enum { CAPPY_RESAMPLINGS = 2000 };

/* What is averaged: the worth of each way to choose, then each measure. */
enum { CAPPY_COLUMNS = CAPPY_PICKS + CAPPY_MEASURES };

/* Sums over the cases of a cluster, and how many there are of each. */
struct cappy_cluster {
    double sums[CAPPY_COLUMNS];
    double counts[CAPPY_COLUMNS];
};

/* Sets picks, gaps, contrasts and measures of `figures` from clusters[n], of which all that are
 * given[CAPPY_COLUMNS] count. All see the same resamplings, so that differences are those of the
 * same cases. totals[CAPPY_PICKS][CAPPY_RESAMPLINGS] (may be NULL) is added the mean worths of each
 * resampling, times `share`. */
cappy_status cappy_resample(const struct cappy_cluster *clusters, size_t n, const bool *given,
                            uint64_t seed, struct cappy_figures *figures,
                            double (*totals)[CAPPY_RESAMPLINGS], double share, cappy_error *error);

/* The middle 95 of 100 of means[CAPPY_RESAMPLINGS], which are sorted. */
void cappy_resample_interval(double *means, struct cappy_figure *figure);

#endif
