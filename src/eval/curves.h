/* SPDX-License-Identifier: Apache-2.0 */
/* What the charts of a report show. Private to eval. */
#ifndef CAPPY_EVAL_CURVES_H
#define CAPPY_EVAL_CURVES_H

#include "eval/scope.h"

enum { CAPPY_SCORE_CLASSES = 3, CAPPY_HISTOGRAM_BARS = 24, CAPPY_CALIBRATION_POINTS = 10 };

/* How many responses of each quality, in the lower, middle and upper third of the scale, have
 * scores in each of the parts of [low, high]. */
struct cappy_histogram {
    double low;
    double high;
    double counts[CAPPY_SCORE_CLASSES][CAPPY_HISTOGRAM_BARS];
    double most; /* in a bar */
};

void cappy_histogram_make(const struct cappy_scope *scope, enum cappy_view view,
                          struct cappy_histogram *histogram);

/* Responses in parts of equal number by their score: mean score and mean quality of each. */
struct cappy_calibration {
    double scores[CAPPY_CALIBRATION_POINTS];
    double qualities[CAPPY_CALIBRATION_POINTS];
    size_t n;
};

cappy_status cappy_calibration_make(const struct cappy_scope *scope, enum cappy_view view,
                                    struct cappy_calibration *calibration, cappy_error *error);

/* What choosing among N responses, drawn at random, is worth in the open cases: consensus and mix
 * see those N alone. Exact but for these two, which are means over a few draws. A case with fewer
 * responses counts with all it has. */
enum { CAPPY_MOST_CHOICES = 32 };

struct cappy_best_of {
    double n[CAPPY_MOST_CHOICES]; /* 1, 2, ... */
    double worth[CAPPY_PICKS][CAPPY_MOST_CHOICES];
    size_t most; /* points */
};

cappy_status cappy_best_of_make(const struct cappy_scope *scope, double temperature, uint64_t seed,
                                struct cappy_best_of *best_of, cappy_error *error);

#endif
