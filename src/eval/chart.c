/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/chart.h"

#include <math.h>

/* In the units of the picture, which scales with the page: about pixels where two are side by
 * side. */
enum { WIDTH = 500, HEIGHT = 270, LEFT = 58, RIGHT = 14, TOP = 34, BOTTOM = 46 };

static double place_x(const struct cappy_axes *axes, double x)
{
    return LEFT + (x - axes->x_low) / (axes->x_high - axes->x_low) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const struct cappy_axes *axes, double y)
{
    return HEIGHT - BOTTOM -
           (y - axes->y_low) / (axes->y_high - axes->y_low) * (HEIGHT - TOP - BOTTOM);
}

/* The distance between marks: 1, 2 or 5 times a power of ten, with about `wanted` of them. */
static double choose_distance(double low, double high, double wanted)
{
    const double rough = (high - low) / wanted;
    const double power = pow(10, floor(log10(rough)));
    const double share = rough / power;
    return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

static cappy_status append_marks(const struct cappy_axes *axes, bool is_x, struct cappy_buffer *out,
                                 cappy_error *error)
{
    const double low = is_x ? axes->x_low : axes->y_low;
    const double high = is_x ? axes->x_high : axes->y_high;
    const double distance = choose_distance(low, high, is_x ? 8 : 5);
    const int decimals = distance >= 1 ? 0 : (int)ceil(-log10(distance) - 1e-9);
    for (double i = ceil(low / distance - 1e-9); i * distance <= high + distance * 1e-9; i++) {
        const double value = i * distance + 0.0; /* no -0 */
        const double x = place_x(axes, value);
        const double y = place_y(axes, value);
        if (is_x) {
            CAPPY_TRY(cappy_buffer_format(
                out, error, "<text class=mark x=%.1f y=%d text-anchor=middle>%.*f</text>\n", x,
                HEIGHT - BOTTOM + 16, decimals, value));
        } else {
            CAPPY_TRY(cappy_buffer_format(
                out, error,
                "<path class=grid d=\"M%d %.1fH%d\"/><text class=mark x=%d y=%.1f "
                "text-anchor=end>%.*f</text>\n",
                LEFT, y, WIDTH - RIGHT, LEFT - 7, y + 4, decimals, value));
        }
    }
    return CAPPY_OK;
}

static cappy_status append_legend(const struct cappy_series *series, size_t n,
                                  struct cappy_buffer *out, cappy_error *error)
{
    enum { LETTER = 7, GAP = 30 };
    size_t x = LEFT;
    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        if (series[i].name == NULL || series[i].n == 0) {
            continue;
        }
        CAPPY_TRY(cappy_buffer_format(
            out, error,
            "<path class=\"line %s\"%s d=\"M%zu 15h16\"/><text class=key x=%zu y=19>%s</text>\n",
            series[i].class, series[i].is_dashed ? " stroke-dasharray=\"4 4\"" : "", x, x + 21,
            series[i].name));
        while (series[i].name[length] != '\0') {
            length++;
        }
        x += length * LETTER + GAP;
    }
    return CAPPY_OK;
}

static cappy_status begin(const struct cappy_axes *axes, const struct cappy_series *series,
                          size_t n, struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(cappy_buffer_format(out, error,
                                  "<svg viewBox=\"0 0 %d %d\" role=img aria-label=\"%s by %s\">\n",
                                  WIDTH, HEIGHT, axes->y_title, axes->x_title));
    CAPPY_TRY(append_marks(axes, false, out, error));
    CAPPY_TRY(append_marks(axes, true, out, error));
    CAPPY_TRY(append_legend(series, n, out, error));
    CAPPY_TRY(cappy_buffer_format(out, error, "<path class=axis d=\"M%d %dH%d\"/>\n", LEFT,
                                  HEIGHT - BOTTOM, WIDTH - RIGHT));
    return cappy_buffer_format(
        out, error,
        "<text class=title x=%d y=%d text-anchor=middle>%s</text>\n<text class=title "
        "text-anchor=middle transform=\"translate(13 %d) rotate(-90)\">%s</text>\n",
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, axes->x_title, (TOP + HEIGHT - BOTTOM) / 2,
        axes->y_title);
}

static cappy_status append_series(const struct cappy_axes *axes, const struct cappy_series *series,
                                  struct cappy_buffer *out, cappy_error *error)
{
    if (series->n == 0) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_buffer_format(out, error, "<path class=\"line %s\"%s d=\"", series->class,
                                  series->is_dashed ? " stroke-dasharray=\"4 4\"" : ""));
    for (size_t i = 0; i < series->n; i++) {
        CAPPY_TRY(cappy_buffer_format(out, error, "%c%.1f %.1f", i == 0 ? 'M' : 'L',
                                      place_x(axes, series->x[i]), place_y(axes, series->y[i])));
    }
    CAPPY_TRY(cappy_buffer_append(out, "\"/>\n", 4, error));
    for (size_t i = 0; series->has_dots && i < series->n; i++) {
        CAPPY_TRY(cappy_buffer_format(
            out, error,
            "<circle class=\"dot %s\" cx=%.1f cy=%.1f r=3.5><title>%.4g: %.4f</title></circle>\n",
            series->class, place_x(axes, series->x[i]), place_y(axes, series->y[i]), series->x[i],
            series->y[i]));
    }
    return CAPPY_OK;
}

cappy_status cappy_chart_lines(const struct cappy_axes *axes, const struct cappy_series *series,
                               size_t n, struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(begin(axes, series, n, out, error));
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(append_series(axes, &series[i], out, error));
    }
    return cappy_buffer_append(out, "</svg>\n", 7, error);
}

cappy_status cappy_chart_bars(const struct cappy_axes *axes, const struct cappy_series *series,
                              size_t n, struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(begin(axes, series, n, out, error));
    const size_t n_bars = n > 0 ? series[0].n : 0;
    const double width = (double)(WIDTH - LEFT - RIGHT) / (double)n_bars;
    for (size_t bar = 0; bar < n_bars; bar++) {
        double below = 0;
        for (size_t i = 0; i < n; i++) {
            const double bottom = place_y(axes, below);
            const double top = place_y(axes, below + series[i].y[bar]);
            below += series[i].y[bar];
            if (series[i].y[bar] > 0) {
                CAPPY_TRY(cappy_buffer_format(
                    out, error,
                    "<rect class=\"bar %s\" x=%.1f y=%.1f width=%.1f height=%.1f><title>%s: %.0f"
                    "</title></rect>\n",
                    series[i].class, LEFT + width * (double)bar + 1, top, width - 2, bottom - top,
                    series[i].name, series[i].y[bar]));
            }
        }
    }
    return cappy_buffer_append(out, "</svg>\n", 7, error);
}
