/* SPDX-License-Identifier: Apache-2.0 */
/* The curves of a report. */
#include <math.h>
#include <string.h>

#include "eval/chart.h"
#include "eval/curves.h"
#include "eval/page.h"
#include "eval/report.h"

static cappy_status append(const char *text, struct cappy_buffer *out, cappy_error *error)
{
    return cappy_buffer_append(out, text, strlen(text), error);
}

const char *cappy_pick_class(enum cappy_pick pick)
{
    static const char *const classes[CAPPY_PICKS] = {
#define CLASS(name, key, title) [CAPPY_PICK_##name] = "c-" key,
        CAPPY_PICK_MAP(CLASS)
#undef CLASS
    };
    return classes[pick];
}

static cappy_status begin_figure(const char *caption, const char *note, struct cappy_buffer *out,
                                 cappy_error *error)
{
    return cappy_buffer_format(out, error, "<figure><figcaption>%s</figcaption><p>%s</p>\n",
                               caption, note);
}

/* The mean of up to 2 * reach + 1 neighbours, for a curve that is seen through its noise. */
static void smooth(const double *y, size_t n, size_t reach, double *smoothed)
{
    for (size_t i = 0; i < n; i++) {
        const size_t first = i > reach ? i - reach : 0;
        const size_t end = i + reach + 1 < n ? i + reach + 1 : n;
        smoothed[i] = 0;
        for (size_t j = first; j < end; j++) {
            smoothed[i] += y[j] / (double)(end - first);
        }
    }
}

static double find_most(const double *y, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, y[i]);
    }
    return most;
}

static cappy_status append_losses(const struct cappy_report *report, struct cappy_buffer *out,
                                  cappy_error *error)
{
    const size_t n = report->n_steps;
    if (n < 2) {
        return CAPPY_OK;
    }
    double *smoothed = cappy_alloc(n, sizeof *smoothed);
    if (smoothed == NULL) {
        return cappy_error_no_memory(error);
    }
    smooth(report->losses, n, n / 40, smoothed);
    const struct cappy_axes axes = {
        "step", "loss", 0, report->steps[n - 1], 0, fmax(find_most(smoothed, n) * 1.1, 1e-9)};
    const struct cappy_series series = {.name = "training loss, smoothed",
                                        .class = "c-scorer",
                                        .x = report->steps,
                                        .y = smoothed,
                                        .n = n};
    cappy_status status =
        begin_figure("Loss", "On the rows of each step, as they are learnt from.", out, error);
    if (status == CAPPY_OK) {
        status = cappy_chart_lines(&axes, &series, 1, out, error);
    }
    cappy_free(smoothed);
    return status == CAPPY_OK ? append("</figure>\n", out, error) : status;
}

static cappy_status append_checks(const struct cappy_report *report, struct cappy_buffer *out,
                                  cappy_error *error)
{
    const size_t n = report->n_checks;
    if (n == 0) {
        return CAPPY_OK;
    }
    double low = report->check_values[0];
    for (size_t i = 1; i < n; i++) {
        low = fmin(low, report->check_values[i]);
    }
    const double high = find_most(report->check_values, n);
    const double room = fmax((high - low) * 0.2, 0.01);
    const struct cappy_axes axes = {"step",     "worth",    0, report->check_steps[n - 1],
                                    low - room, high + room};
    const struct cappy_series series = {.name = "worth of the order on validation rows",
                                        .class = "c-mix",
                                        .x = report->check_steps,
                                        .y = report->check_values,
                                        .n = n,
                                        .has_dots = true};
    CAPPY_TRY(begin_figure("Validation",
                           "The mean quality of the best-scored of k answers, over all k. The "
                           "highest point is the model that was kept.",
                           out, error));
    CAPPY_TRY(cappy_chart_lines(&axes, &series, 1, out, error));
    return append("</figure>\n", out, error);
}

/* Whether the view's model has scored. */
static bool has_scores(const struct cappy_scope *scope, enum cappy_view view)
{
    return scope->n > 0 && scope->cases[0]->scores[view] != NULL;
}

static cappy_status append_histogram(const struct cappy_report *report,
                                     const struct cappy_scope *scope, enum cappy_view view,
                                     struct cappy_buffer *out, cappy_error *error)
{
    struct cappy_histogram histogram;
    if (!has_scores(scope, view)) {
        return CAPPY_OK;
    }
    cappy_histogram_make(scope, view, &histogram);
    const struct cappy_axes axes = {"score",        "answers", histogram.low,
                                    histogram.high, 0,         fmax(histogram.most * 1.08, 1)};
    static const char *const open[] = {"the worst third", "middle", "best"};
    static const char *const closed[] = {"wrong", NULL, "right"};
    const char *const *names = scope->cases[0]->question.is_closed ? closed : open;
    static const char *const classes[] = {"c-low", "c-middle", "c-high"};
    struct cappy_series series[CAPPY_SCORE_CLASSES];
    for (size_t i = 0; i < CAPPY_SCORE_CLASSES; i++) {
        series[i] = (struct cappy_series){.name = names[i],
                                          .class = classes[i],
                                          .y = histogram.counts[i],
                                          .n = CAPPY_HISTOGRAM_BARS};
    }
    CAPPY_TRY(cappy_buffer_format(
        out, error, "<figure><figcaption>Scores of the %s</figcaption><p>%s</p>\n",
        view == CAPPY_VIEW_BASE ? "base model" : report->model,
        names == closed ? "All answers by their score."
                        : "All answers by their score, coloured by their quality: the lower, "
                          "middle and upper third of the scale."));
    CAPPY_TRY(cappy_chart_bars(&axes, series, CAPPY_SCORE_CLASSES, out, error));
    return append("</figure>\n", out, error);
}

static cappy_status append_calibration(const struct cappy_report *report,
                                       const struct cappy_scope *scope, struct cappy_buffer *out,
                                       cappy_error *error)
{
    struct cappy_calibration made[CAPPY_VIEWS] = {0};
    double low = 0;
    double high = 1;
    double diagonal[2];
    cappy_scope_measure(scope, &diagonal[0], &diagonal[1]);
    for (size_t view = 0; view <= CAPPY_VIEW_SCORER; view++) {
        if (has_scores(scope, (enum cappy_view)view)) {
            CAPPY_TRY(cappy_calibration_make(scope, (enum cappy_view)view, &made[view], error));
        }
        for (size_t i = 0; i < made[view].n; i++) {
            low = fmin(low, made[view].scores[i]);
            high = fmax(high, made[view].scores[i]);
        }
    }
    const double unit[] = {0, 1};
    const struct cappy_axes axes = {"mean score", "mean quality", low,
                                    high,         diagonal[0],    diagonal[1]};
    const struct cappy_series series[] = {
        {.name = "as it should be",
         .class = "c-random",
         .x = unit,
         .y = diagonal,
         .n = 2,
         .is_dashed = true},
        {.name = "base model",
         .class = "c-base",
         .x = made[CAPPY_VIEW_BASE].scores,
         .y = made[CAPPY_VIEW_BASE].qualities,
         .n = made[CAPPY_VIEW_BASE].n,
         .has_dots = true},
        {.name = report->model,
         .class = "c-scorer",
         .x = made[CAPPY_VIEW_SCORER].scores,
         .y = made[CAPPY_VIEW_SCORER].qualities,
         .n = made[CAPPY_VIEW_SCORER].n,
         .has_dots = true},
    };
    CAPPY_TRY(begin_figure("Calibration",
                           "All answers in ten parts by their score: what they score, and how "
                           "good they are.",
                           out, error));
    CAPPY_TRY(cappy_chart_lines(&axes, series, 3, out, error));
    return append("</figure>\n", out, error);
}

/* ---- Best of N ------------------------------------------------------------------------------- */

static cappy_status append_best_of(const struct cappy_report *report,
                                   const struct cappy_figures *figures,
                                   const struct cappy_scope *scope, struct cappy_buffer *out,
                                   cappy_error *error)
{
    static const enum cappy_pick shown[] = {CAPPY_PICK_ORACLE, CAPPY_PICK_MIX,
                                            CAPPY_PICK_SCORER, CAPPY_PICK_CONSENSUS,
                                            CAPPY_PICK_BASE,   CAPPY_PICK_RANDOM};
    enum { SHOWN = sizeof shown / sizeof *shown };
    struct cappy_best_of best_of;
    struct cappy_series series[SHOWN];
    CAPPY_TRY(cappy_best_of_make(scope, report->temperature, report->seed, &best_of, error));
    double low = INFINITY;
    double high = -INFINITY;
    for (size_t i = 0; i < SHOWN; i++) {
        const double *worth = best_of.worth[shown[i]];
        series[i] = (struct cappy_series){.name = cappy_pick_name(shown[i]),
                                          .class = cappy_pick_class(shown[i]),
                                          .x = best_of.n,
                                          .y = worth,
                                          .n = figures->picks[shown[i]].is_given ? best_of.most : 0,
                                          .is_dashed = shown[i] == CAPPY_PICK_ORACLE ||
                                                       shown[i] == CAPPY_PICK_RANDOM};
        for (size_t k = 0; k < series[i].n; k++) {
            low = fmin(low, worth[k]);
            high = fmax(high, worth[k]);
        }
    }
    const double room = fmax((high - low) * 0.08, 1e-3);
    const struct cappy_axes axes = {
        "N", "quality of the pick", 1, fmax((double)best_of.most, 2), low - room, high + room};
    CAPPY_TRY(begin_figure("Best of N",
                           "What picking among N answers, drawn at random, is worth. A question "
                           "with fewer answers counts with all it has.",
                           out, error));
    CAPPY_TRY(cappy_chart_lines(&axes, series, SHOWN, out, error));
    return append("</figure>\n", out, error);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static cappy_status append_scores(const struct cappy_report *report,
                                  const struct cappy_scope *scope, struct cappy_buffer *out,
                                  cappy_error *error)
{
    CAPPY_TRY(append_calibration(report, scope, out, error));
    CAPPY_TRY(append_histogram(report, scope, CAPPY_VIEW_BASE, out, error));
    return append_histogram(report, scope, CAPPY_VIEW_SCORER, out, error);
}

/* The charts of one task, under its name. */
static cappy_status append_task(const struct cappy_report *report,
                                const struct cappy_figures *figures,
                                const struct cappy_scope *whole, struct cappy_buffer *out,
                                cappy_error *error)
{
    enum { NAME_SIZE = 60 };
    struct cappy_scope scope;
    cappy_status status = cappy_scope_narrow(whole, figures->task, &scope, error);
    if (status == CAPPY_OK) {
        status = append("<h2>", out, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_page_text(figures->task, NAME_SIZE, out, error);
    }
    if (status == CAPPY_OK) {
        status = append("</h2>\n<div class=grid2>\n", out, error);
    }
    if (status == CAPPY_OK) {
        status = append_best_of(report, figures, &scope, out, error);
    }
    if (status == CAPPY_OK) {
        status = append_scores(report, &scope, out, error);
    }
    cappy_scope_free(&scope);
    return status == CAPPY_OK ? append("</div>\n", out, error) : status;
}

static cappy_status append_charts(const struct cappy_report *report, const struct cappy_scope *open,
                                  const struct cappy_scope *all, struct cappy_buffer *out,
                                  cappy_error *error)
{
    enum { MOST_TASKS = 6 };
    const struct cappy_figures *figures = report->open;
    /* Tasks may differ in their scales: where there are few, each has its own charts. */
    if (figures->n_tasks > 1 && figures->n_tasks <= MOST_TASKS && open->n == all->n) {
        for (size_t i = 0; i < figures->n_tasks; i++) {
            CAPPY_TRY(append_task(report, &figures->tasks[i], open, out, error));
        }
        CAPPY_TRY(append("<div class=grid2>\n", out, error));
    } else {
        CAPPY_TRY(append("<h2>Curves</h2>\n<div class=grid2>\n", out, error));
        CAPPY_TRY(open->n > 0 ? append_best_of(report, figures, open, out, error) : CAPPY_OK);
        CAPPY_TRY(append_scores(report, all, out, error));
    }
    CAPPY_TRY(append_losses(report, out, error));
    CAPPY_TRY(append_checks(report, out, error));
    return append("</div>\n", out, error);
}

cappy_status cappy_report_charts(const struct cappy_report *report, struct cappy_buffer *out,
                                 cappy_error *error)
{
    struct cappy_scope open;
    struct cappy_scope all;
    CAPPY_TRY(cappy_scope_open(report->suite, true, true, &all, error));
    cappy_status status = cappy_scope_open(report->suite, true, false, &open, error);
    if (status == CAPPY_OK) {
        status = append_charts(report, &open, &all, out, error);
    }
    cappy_scope_free(&open);
    cappy_scope_free(&all);
    return status;
}
