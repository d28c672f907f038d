/* SPDX-License-Identifier: Apache-2.0 */
/* Charts as inline SVG, without a word of script. Colours are classes of the page's style: "c-" and
 * a series' name. Private to eval. */
#ifndef CAPPY_EVAL_CHART_H
#define CAPPY_EVAL_CHART_H

#include <stdbool.h>

#include "base/base.h"

struct cappy_axes {
    const char *x_title;
    const char *y_title;
    double x_low;
    double x_high;
    double y_low;
    double y_high;
};

/* Points in the order of x. */
struct cappy_series {
    const char *name;  /* for the legend; NULL: not in it */
    const char *class; /* of its colour */
    const double *x;   /* [n] */
    const double *y;   /* [n] */
    size_t n;
    bool has_dots;
    bool is_dashed;
};

/* Appends a chart of lines. */
cappy_status cappy_chart_lines(const struct cappy_axes *axes, const struct cappy_series *series,
                               size_t n, struct cappy_buffer *out, cappy_error *error);

/* Appends a chart of bars, side by side over the x axis and stacked: series[i].y[j] is the height
 * of layer i of bar j; all have as many. */
cappy_status cappy_chart_bars(const struct cappy_axes *axes, const struct cappy_series *series,
                              size_t n, struct cappy_buffer *out, cappy_error *error);

#endif
