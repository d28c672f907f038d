/* SPDX-License-Identifier: Apache-2.0 */
/* A page about what choosing by a scorer is worth: one file, nothing from outside. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/chart.h"
#include "eval/curves.h"
#include "eval/page.h"

/* A literal in text. */
static cappy_status append(const char *text, struct cappy_buffer *out, cappy_error *error)
{
    return cappy_buffer_append(out, text, strlen(text), error);
}

/* Its colour, by the class of the page's style. */
static const char *const pick_classes[CAPPY_PICKS] = {
#define CLASS(pick, name, title) [CAPPY_PICK_##pick] = "c-" name,
    CAPPY_PICK_MAP(CLASS)
#undef CLASS
};

/* ---- Figures --------------------------------------------------------------------------------- */

/* The interval as a bar from 0 to 1. */
static cappy_status append_range(const struct cappy_figure *figure, enum cappy_pick pick,
                                 struct cappy_buffer *out, cappy_error *error)
{
    return cappy_buffer_format(
        out, error,
        "<td class=wide><svg viewBox=\"0 0 300 18\" aria-hidden=true><path class=grid "
        "d=\"M0 9h300\"/><path class=\"range %s\" d=\"M%.1f 9H%.1f\"/><path class=\"point %s\" "
        "d=\"M%.1f 2v14\"/></svg></td>",
        pick_classes[pick], figure->low * 300, fmax(figure->high, figure->low + 0.004) * 300,
        pick_classes[pick], figure->mean * 300);
}

static cappy_status append_picks(const struct cappy_figures *figures, struct cappy_buffer *out,
                                 cappy_error *error)
{
    CAPPY_TRY(cappy_buffer_format(out, error,
                                  "<div class=wrap><table>\n<tr><th>chosen<th>mean<th>95 %% "
                                  "interval<th class=wide>from 0 to 1</tr>\n"));
    for (size_t i = 0; i < CAPPY_PICKS; i++) {
        const struct cappy_figure *figure = &figures->picks[i];
        const enum cappy_pick pick = (enum cappy_pick)i;
        if (figure->is_given) {
            CAPPY_TRY(cappy_buffer_format(
                out, error, "<tr%s><td>%s <span class=soft>%s</span><td>%.4f<td>%.4f to %.4f",
                pick == CAPPY_PICK_SCORER || pick == CAPPY_PICK_MIX ? " class=strong" : "",
                cappy_pick_name(pick), cappy_pick_title(pick), figure->mean, figure->low,
                figure->high));
            CAPPY_TRY(append_range(figure, pick, out, error));
            CAPPY_TRY(append("</tr>\n", out, error));
        }
    }
    for (size_t c = 0; c < CAPPY_CONTRASTS; c++) {
        const struct cappy_figure *figure = &figures->contrasts[c];
        if (figure->is_given) {
            CAPPY_TRY(cappy_buffer_format(
                out, error, "<tr><td class=soft>%s − %s<td>%+.4f<td>%+.4f to %+.4f<td></tr>\n",
                cappy_pick_name(cappy_contrasts[c].more), cappy_pick_name(cappy_contrasts[c].less),
                figure->mean, figure->low, figure->high));
        }
    }
    return append("</table></div>\n", out, error);
}

static cappy_status append_tasks(const struct cappy_figures *figures, struct cappy_buffer *out,
                                 cappy_error *error)
{
    enum { SHOWN = 100, NAME_SIZE = 80 };
    if (figures->n_tasks < 2) {
        return CAPPY_OK;
    }
    CAPPY_TRY(append("<div class=wrap><table>\n<tr><th>task<th>rows", out, error));
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        if (figures->picks[pick].is_given) {
            CAPPY_TRY(
                cappy_buffer_format(out, error, "<th>%s", cappy_pick_name((enum cappy_pick)pick)));
        }
    }
    for (size_t i = 0; i < figures->n_tasks && i < SHOWN; i++) {
        const struct cappy_task_figures *task = &figures->tasks[i];
        CAPPY_TRY(append("</tr>\n<tr><td>", out, error));
        CAPPY_TRY(cappy_page_text(task->task, NAME_SIZE, out, error));
        CAPPY_TRY(cappy_buffer_format(out, error, "<td>%zu", task->n));
        for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
            if (figures->picks[pick].is_given) {
                CAPPY_TRY(cappy_buffer_format(out, error, "<td>%.3f", task->means[pick]));
            }
        }
    }
    CAPPY_TRY(append("</tr>\n</table></div>\n", out, error));
    return figures->n_tasks > SHOWN
               ? cappy_buffer_format(out, error, "<p class=soft>and %zu more tasks</p>\n",
                                     figures->n_tasks - SHOWN)
               : CAPPY_OK;
}

static cappy_status append_figures(const struct cappy_figures *figures, struct cappy_buffer *out,
                                   cappy_error *error)
{
    if (figures->n == 0) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_buffer_format(
        out, error,
        figures->is_closed
            ? "<h2>How often the right choice is picked</h2>\n<p class=soft>%zu held-out choices "
              "with %zu answers</p>\n"
            : "<h2>How good the picked answer is</h2>\n<p class=soft>%zu held-out questions with "
              "%zu answers</p>\n",
        figures->n, figures->n_responses));
    CAPPY_TRY(append_picks(figures, out, error));
    return append_tasks(figures, out, error);
}

/* ---- Charts ---------------------------------------------------------------------------------- */

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

static cappy_status append_histogram(const struct cappy_report *report, enum cappy_view view,
                                     struct cappy_buffer *out, cappy_error *error)
{
    struct cappy_histogram histogram;
    if (report->suite->n_used == 0 || report->suite->cases[0].scores[view] == NULL) {
        return CAPPY_OK;
    }
    cappy_histogram_make(report->suite, view, &histogram);
    const struct cappy_axes axes = {"score",        "answers", histogram.low,
                                    histogram.high, 0,         fmax(histogram.most * 1.08, 1)};
    static const char *const names[] = {"quality below 1/3", "to 2/3", "above"};
    static const char *const classes[] = {"c-low", "c-middle", "c-high"};
    struct cappy_series series[CAPPY_SCORE_CLASSES];
    for (size_t i = 0; i < CAPPY_SCORE_CLASSES; i++) {
        series[i] = (struct cappy_series){.name = names[i],
                                          .class = classes[i],
                                          .y = histogram.counts[i],
                                          .n = CAPPY_HISTOGRAM_BARS};
    }
    CAPPY_TRY(begin_figure(
        view == CAPPY_VIEW_BASE ? "Scores of the base model" : "Scores of the adapted model",
        "Held-out answers by their score, coloured by how good they are.", out, error));
    CAPPY_TRY(cappy_chart_bars(&axes, series, CAPPY_SCORE_CLASSES, out, error));
    return append("</figure>\n", out, error);
}

static cappy_status append_calibration(const struct cappy_report *report, struct cappy_buffer *out,
                                       cappy_error *error)
{
    struct cappy_calibration made[CAPPY_VIEWS] = {0};
    double low = 0;
    double high = 1;
    for (size_t view = 0; view < CAPPY_VIEWS; view++) {
        if (report->suite->n_used > 0 && report->suite->cases[0].scores[view] != NULL) {
            CAPPY_TRY(
                cappy_calibration_make(report->suite, (enum cappy_view)view, &made[view], error));
        }
        for (size_t i = 0; i < made[view].n; i++) {
            low = fmin(low, made[view].scores[i]);
            high = fmax(high, made[view].scores[i]);
        }
    }
    const double diagonal[] = {0, 1};
    const struct cappy_axes axes = {"mean score", "mean quality", low, high, 0, 1};
    const struct cappy_series series[] = {
        {.name = "as it should be",
         .class = "c-random",
         .x = diagonal,
         .y = diagonal,
         .n = 2,
         .is_dashed = true},
        {.name = "base",
         .class = "c-base",
         .x = made[CAPPY_VIEW_BASE].scores,
         .y = made[CAPPY_VIEW_BASE].qualities,
         .n = made[CAPPY_VIEW_BASE].n,
         .has_dots = true},
        {.name = "adapted",
         .class = "c-scorer",
         .x = made[CAPPY_VIEW_SCORER].scores,
         .y = made[CAPPY_VIEW_SCORER].qualities,
         .n = made[CAPPY_VIEW_SCORER].n,
         .has_dots = true},
    };
    CAPPY_TRY(begin_figure("Calibration",
                           "Held-out answers in ten parts by their score: what they score, and "
                           "how good they are.",
                           out, error));
    CAPPY_TRY(cappy_chart_lines(&axes, series, 3, out, error));
    return append("</figure>\n", out, error);
}

static cappy_status append_best_of(const struct cappy_report *report, struct cappy_buffer *out,
                                   cappy_error *error)
{
    static const enum cappy_pick shown[] = {CAPPY_PICK_ORACLE, CAPPY_PICK_MIX,
                                            CAPPY_PICK_SCORER, CAPPY_PICK_CONSENSUS,
                                            CAPPY_PICK_BASE,   CAPPY_PICK_RANDOM};
    enum { SHOWN = sizeof shown / sizeof *shown };
    struct cappy_best_of best_of;
    struct cappy_series series[SHOWN];
    if (report->open->n == 0) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_best_of_make(report->suite, report->weight, report->seed, &best_of, error));
    double low = 1;
    double high = 0;
    for (size_t i = 0; i < SHOWN; i++) {
        const double *worth = best_of.worth[shown[i]];
        series[i] = (struct cappy_series){
            .name = cappy_pick_name(shown[i]),
            .class = pick_classes[shown[i]],
            .x = best_of.n,
            .y = worth,
            .n = report->open->picks[shown[i]].is_given ? best_of.most : 0,
            .is_dashed = shown[i] == CAPPY_PICK_ORACLE || shown[i] == CAPPY_PICK_RANDOM};
        for (size_t k = 0; k < series[i].n; k++) {
            low = fmin(low, worth[k]);
            high = fmax(high, worth[k]);
        }
    }
    const struct cappy_axes axes = {"N",
                                    "quality of the pick",
                                    1,
                                    fmax((double)best_of.most, 2),
                                    fmax(low - 0.05, 0),
                                    fmin(high + 0.05, 1)};
    CAPPY_TRY(begin_figure("Best of N",
                           "What picking among N answers, drawn at random, is worth. A question "
                           "with fewer answers counts with all it has.",
                           out, error));
    CAPPY_TRY(cappy_chart_lines(&axes, series, SHOWN, out, error));
    return append("</figure>\n", out, error);
}

static cappy_status append_charts(const struct cappy_report *report, struct cappy_buffer *out,
                                  cappy_error *error)
{
    CAPPY_TRY(append("<h2>Curves</h2>\n<div class=grid2>\n", out, error));
    CAPPY_TRY(append_best_of(report, out, error));
    CAPPY_TRY(append_calibration(report, out, error));
    CAPPY_TRY(append_histogram(report, CAPPY_VIEW_BASE, out, error));
    CAPPY_TRY(append_histogram(report, CAPPY_VIEW_SCORER, out, error));
    CAPPY_TRY(append_losses(report, out, error));
    CAPPY_TRY(append_checks(report, out, error));
    return append("</div>\n", out, error);
}

/* ---- Examples -------------------------------------------------------------------------------- */

/* A case in which the adapted model picks another response than the base model. */
struct change {
    const struct cappy_case *item;
    size_t before;
    size_t after;
    double gain;
};

static int compare_changes(const void *left, const void *right)
{
    const struct change *a = left;
    const struct change *b = right;
    if (a->gain > b->gain || a->gain < b->gain) {
        return a->gain > b->gain ? -1 : 1;
    }
    return a->item < b->item ? -1 : 1;
}

static size_t find_changes(const struct cappy_suite *suite, struct change *changes)
{
    size_t n = 0;
    for (size_t i = 0; i < suite->n_used; i++) {
        const struct cappy_case *item = &suite->cases[i];
        if (item->scores[CAPPY_VIEW_BASE] == NULL || item->scores[CAPPY_VIEW_SCORER] == NULL) {
            continue;
        }
        const size_t before = cappy_pick_choose(item, CAPPY_PICK_BASE, NULL);
        const size_t after = cappy_pick_choose(item, CAPPY_PICK_SCORER, NULL);
        const double gain = item->question.qualities[after] - item->question.qualities[before];
        if (gain > 0 || gain < 0) {
            changes[n++] = (struct change){item, before, after, gain};
        }
    }
    qsort(changes, n, sizeof *changes, compare_changes);
    return n;
}

static cappy_status append_pick(const char *who, const char *class, const struct cappy_case *item,
                                size_t index, struct cappy_buffer *out, cappy_error *error)
{
    enum { ANSWER_SIZE = 400 };
    CAPPY_TRY(cappy_buffer_format(
        out, error, "<div class=pick><span class=soft>%s</span><span class=%s>%.3f</span><span>",
        who, class, item->question.qualities[index]));
    CAPPY_TRY(cappy_page_text(item->question.responses[index], ANSWER_SIZE, out, error));
    return append("</span></div>\n", out, error);
}

static cappy_status append_change(const struct change *change, struct cappy_buffer *out,
                                  cappy_error *error)
{
    enum { INSTRUCTION_SIZE = 1500 };
    const struct cappy_case *item = change->item;
    CAPPY_TRY(append("<div class=case><pre>", out, error));
    CAPPY_TRY(cappy_page_text(item->question.instruction, INSTRUCTION_SIZE, out, error));
    CAPPY_TRY(append("</pre>\n", out, error));
    CAPPY_TRY(append_pick("base", "soft", item, change->before, out, error));
    CAPPY_TRY(append_pick("adapted", change->gain > 0 ? "better" : "worse", item, change->after,
                          out, error));
    CAPPY_TRY(append_pick("best", "soft", item, cappy_pick_choose(item, CAPPY_PICK_ORACLE, NULL),
                          out, error));
    return append("</div>\n", out, error);
}

static cappy_status append_changes(const struct cappy_report *report, struct cappy_buffer *out,
                                   cappy_error *error)
{
    enum { SHOWN = 6 };
    if (report->suite->n_used == 0 || report->suite->cases[0].scores[CAPPY_VIEW_BASE] == NULL) {
        return CAPPY_OK;
    }
    struct change *changes = cappy_alloc(report->suite->n_used, sizeof *changes);
    if (changes == NULL) {
        return cappy_error_no_memory(error);
    }
    const size_t n = find_changes(report->suite, changes);
    size_t n_better = 0;
    while (n_better < n && changes[n_better].gain > 0) {
        n_better++;
    }
    cappy_status status = cappy_buffer_format(
        out, error,
        "<h2>Picks that changed</h2>\n<p class=soft>Of %zu held-out questions, the adapted model's "
        "pick is better than the base model's in %zu and worse in %zu. The largest gains and the "
        "largest losses:</p>\n",
        report->suite->n_used, n_better, n - n_better);
    for (size_t i = 0; status == CAPPY_OK && i < n; i++) {
        const bool is_shown = i < n_better ? i < SHOWN : i + SHOWN / 2 >= n;
        status = is_shown ? append_change(&changes[i], out, error) : CAPPY_OK;
    }
    cappy_free(changes);
    return status;
}

/* ---- The whole ------------------------------------------------------------------------------- */

cappy_status cappy_report_write(const struct cappy_report *report, struct cappy_buffer *out,
                                cappy_error *error)
{
    CAPPY_TRY(cappy_page_begin(report->title, out, error));
    CAPPY_TRY(append("<h1>", out, error));
    CAPPY_TRY(cappy_page_text(report->title, SIZE_MAX, out, error));
    CAPPY_TRY(append("</h1>\n<p class=soft>", out, error));
    CAPPY_TRY(cappy_page_text(report->subtitle, SIZE_MAX, out, error));
    CAPPY_TRY(append("</p>\n", out, error));
    CAPPY_TRY(append_figures(report->open, out, error));
    CAPPY_TRY(append_figures(report->closed, out, error));
    CAPPY_TRY(append_charts(report, out, error));
    CAPPY_TRY(append_changes(report, out, error));
    return cappy_page_end(out, error);
}
