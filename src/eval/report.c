/* SPDX-License-Identifier: Apache-2.0 */
/* A page about what choosing by a scorer is worth: one file, nothing from outside. */
#include "eval/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/page.h"

/* A literal in text. */
static cappy_status append(const char *text, struct cappy_buffer *out, cappy_error *error)
{
    return cappy_buffer_append(out, text, strlen(text), error);
}

/* ---- Figures --------------------------------------------------------------------------------- */

/* The scale of the bars: what qualities are at most, 1 or more. */
static double find_highest(const struct cappy_figures *figures)
{
    double high = 1;
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        high = fmax(high, figures->picks[pick].is_given ? figures->picks[pick].high : 0);
    }
    return high;
}

/* The interval as a bar from 0 to `high`. */
static cappy_status append_range(const struct cappy_figure *figure, enum cappy_pick pick,
                                 double high, struct cappy_buffer *out, cappy_error *error)
{
    const double scale = 300 / high;
    return cappy_buffer_format(
        out, error,
        "<td class=wide><svg viewBox=\"0 0 300 18\" aria-hidden=true><path class=grid "
        "d=\"M0 9h300\"/><path class=\"range %s\" d=\"M%.1f 9H%.1f\"/><path class=\"point %s\" "
        "d=\"M%.1f 2v14\"/></svg></td>",
        cappy_pick_class(pick), figure->low * scale,
        fmax(figure->high * scale, figure->low * scale + 1.2), cappy_pick_class(pick),
        figure->mean * scale);
}

/* A minus as long as the plus. */
static const char *sign_of(double number)
{
    return number < 0 ? "−" : "+";
}

static cappy_status append_picks(const struct cappy_figures *figures, struct cappy_buffer *out,
                                 cappy_error *error)
{
    const double high = find_highest(figures);
    CAPPY_TRY(cappy_buffer_format(out, error,
                                  "<div class=wrap><table>\n<tr><th>chosen<th>mean<th>95 %% "
                                  "interval<th class=wide>from 0 to %.3g</tr>\n",
                                  high));
    for (size_t i = 0; i < CAPPY_PICKS; i++) {
        const struct cappy_figure *figure = &figures->picks[i];
        const enum cappy_pick pick = (enum cappy_pick)i;
        if (figure->is_given) {
            CAPPY_TRY(cappy_buffer_format(
                out, error, "<tr%s><td>%s <span class=soft>%s</span><td>%.4f<td>%.4f to %.4f",
                pick == CAPPY_PICK_SCORER || pick == CAPPY_PICK_MIX ? " class=strong" : "",
                cappy_pick_name(pick), cappy_pick_title(pick), figure->mean, figure->low,
                figure->high));
            CAPPY_TRY(append_range(figure, pick, high, out, error));
            CAPPY_TRY(append("</tr>\n", out, error));
        }
    }
    for (size_t c = 0; c < CAPPY_CONTRASTS; c++) {
        const struct cappy_figure *figure = &figures->contrasts[c];
        if (figure->is_given) {
            CAPPY_TRY(cappy_buffer_format(
                out, error,
                "<tr><td class=soft>%s − %s<td>%s%.4f<td>%s%.4f to %s%.4f<td class=wide></tr>\n",
                cappy_pick_name(cappy_contrasts[c].more), cappy_pick_name(cappy_contrasts[c].less),
                sign_of(figure->mean), fabs(figure->mean), sign_of(figure->low), fabs(figure->low),
                sign_of(figure->high), fabs(figure->high)));
        }
    }
    return append("</table></div>\n", out, error);
}

/* Where something stands on a bar of a task: open cases have a scale from random to the best there
 * is, closed ones from 0 to 1. */
static double place_mark(double value, bool is_closed)
{
    return is_closed ? value * 300 : (fmax(fmin(value, 1), -0.3) + 0.3) * (300 / 1.3);
}

/* The scorer's interval, and beside it what it is measured by. */
static cappy_status append_marks(const struct cappy_figures *task, struct cappy_buffer *out,
                                 cappy_error *error)
{
    static const enum cappy_pick marks[] = {
        CAPPY_PICK_RANDOM,    CAPPY_PICK_MAJORITY, CAPPY_PICK_ALONE,  CAPPY_PICK_SOURCE,
        CAPPY_PICK_CONSENSUS, CAPPY_PICK_MIX,      CAPPY_PICK_ORACLE, CAPPY_PICK_SCORER};
    const bool is_closed = task->is_closed;
    const struct cappy_figure *figures = is_closed ? task->picks : task->gaps;
    const struct cappy_figure *scorer = &figures[CAPPY_PICK_SCORER];
    CAPPY_TRY(append("<td class=wide><svg viewBox=\"0 0 300 18\" aria-hidden=true><path class=grid "
                     "d=\"M0 9h300\"/>",
                     out, error));
    if (scorer->is_given) {
        const double low = place_mark(scorer->low, is_closed);
        const double high = place_mark(scorer->high, is_closed);
        CAPPY_TRY(cappy_buffer_format(out, error,
                                      "<path class=\"range c-scorer\" d=\"M%.1f 9H%.1f\"/>", low,
                                      fmax(high, low + 1.2)));
    }
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (figures[marks[i]].is_given) {
            CAPPY_TRY(cappy_buffer_format(
                out, error,
                "<path class=\"point %s\" d=\"M%.1f 2v14\"><title>%s %.4f</title></path>",
                cappy_pick_class(marks[i]), place_mark(figures[marks[i]].mean, is_closed),
                cappy_pick_name(marks[i]), task->picks[marks[i]].mean));
        }
    }
    return append("</svg></td>", out, error);
}

/* The ways to choose that have a column in the table of tasks. */
static bool has_column(const struct cappy_figures *figures, size_t pick)
{
    return figures->picks[pick].is_given && pick != CAPPY_PICK_FIRST &&
           pick != CAPPY_PICK_SHORTEST && pick != CAPPY_PICK_LONGEST && pick != CAPPY_PICK_VOTE;
}

/* A row for a task, or for the mean of all. */
static cappy_status append_task(const struct cappy_figures *figures,
                                const struct cappy_figures *task, struct cappy_buffer *out,
                                cappy_error *error)
{
    enum { NAME_SIZE = 60 };
    const bool is_mean = task == figures;
    const struct cappy_figure *picks = is_mean ? figures->means : task->picks;
    CAPPY_TRY(append(is_mean ? "</tr>\n<tr class=strong><td>" : "</tr>\n<tr><td>", out, error));
    CAPPY_TRY(cappy_page_text(is_mean ? (cappy_text)CAPPY_TEXT("mean") : task->task, NAME_SIZE, out,
                              error));
    CAPPY_TRY(cappy_buffer_format(out, error, "<td>%zu", task->n));
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        if (has_column(figures, pick) && picks[pick].is_given) {
            CAPPY_TRY(cappy_buffer_format(out, error, "<td>%.3f", picks[pick].mean));
        } else if (has_column(figures, pick)) {
            CAPPY_TRY(append("<td>", out, error));
        }
    }
    return is_mean ? append("<td class=wide>", out, error) : append_marks(task, out, error);
}

static cappy_status append_tasks(const struct cappy_figures *figures, struct cappy_buffer *out,
                                 cappy_error *error)
{
    enum { SHOWN = 100 };
    if (figures->n_tasks < 2) {
        return CAPPY_OK;
    }
    CAPPY_TRY(append("<div class=wrap><table>\n<tr><th>task<th>rows", out, error));
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        if (has_column(figures, pick)) {
            CAPPY_TRY(cappy_buffer_format(out, error, "<th><span class=\"swatch %s\"></span>%s",
                                          cappy_pick_class((enum cappy_pick)pick),
                                          cappy_pick_name((enum cappy_pick)pick)));
        }
    }
    CAPPY_TRY(append(figures->is_closed ? "<th class=wide>from 0 to 1"
                                        : "<th class=wide>from random to oracle",
                     out, error));
    for (size_t i = 0; i < figures->n_tasks && i < SHOWN; i++) {
        CAPPY_TRY(append_task(figures, &figures->tasks[i], out, error));
    }
    CAPPY_TRY(append_task(figures, figures, out, error));
    CAPPY_TRY(append("</tr>\n</table></div>\n", out, error));
    return figures->n_tasks > SHOWN
               ? cappy_buffer_format(out, error, "<p class=soft>and %zu more tasks</p>\n",
                                     figures->n_tasks - SHOWN)
               : CAPPY_OK;
}

static cappy_status append_measures(const struct cappy_figures *figures, struct cappy_buffer *out,
                                    cappy_error *error)
{
    CAPPY_TRY(append("<p class=soft>", out, error));
    for (size_t i = 0; i < CAPPY_MEASURES; i++) {
        const struct cappy_figure *figure = &figures->measures[i];
        if (figure->is_given) {
            CAPPY_TRY(cappy_buffer_format(out, error, "%s: <b>%.3f</b> (%.3f to %.3f). ",
                                          cappy_measure_title((enum cappy_measure)i), figure->mean,
                                          figure->low, figure->high));
        }
    }
    if (figures->calibration.is_given) {
        CAPPY_TRY(cappy_buffer_format(out, error, "Calibration error: <b>%.3f</b>.",
                                      figures->calibration.mean));
    }
    return append("</p>\n", out, error);
}

static cappy_status append_figures(const struct cappy_figures *figures, const char *adjective,
                                   struct cappy_buffer *out, cappy_error *error)
{
    if (figures->n == 0) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_buffer_format(
        out, error,
        figures->is_closed
            ? "<h2>How often the right choice is picked</h2>\n<p class=soft>%zu %schoices with %zu "
              "answers</p>\n"
            : "<h2>How good the picked answer is</h2>\n<p class=soft>%zu %squestions with %zu "
              "answers</p>\n",
        figures->n, adjective, figures->n_responses));
    CAPPY_TRY(append_picks(figures, out, error));
    CAPPY_TRY(append_tasks(figures, out, error));
    return append_measures(figures, out, error);
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
        const size_t before = cappy_pick_choose(item, CAPPY_PICK_BASE);
        const size_t after = cappy_pick_choose(item, CAPPY_PICK_SCORER);
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
    CAPPY_TRY(
        append_pick("best", "soft", item, cappy_pick_choose(item, CAPPY_PICK_ORACLE), out, error));
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

cappy_status cappy_report_begin(cappy_text title, struct cappy_buffer *out, cappy_error *error)
{
    return cappy_page_begin(title, out, error);
}

cappy_status cappy_report_add(const struct cappy_report *report, struct cappy_buffer *out,
                              cappy_error *error)
{
    CAPPY_TRY(append("<h1>", out, error));
    CAPPY_TRY(cappy_page_text(report->title, SIZE_MAX, out, error));
    CAPPY_TRY(append("</h1>\n<p class=soft>", out, error));
    CAPPY_TRY(cappy_page_text(report->subtitle, SIZE_MAX, out, error));
    CAPPY_TRY(append("</p>\n", out, error));
    CAPPY_TRY(append_figures(report->open, report->adjective, out, error));
    CAPPY_TRY(append_figures(report->closed, report->adjective, out, error));
    CAPPY_TRY(cappy_report_charts(report, out, error));
    return append_changes(report, out, error);
}

cappy_status cappy_report_end(struct cappy_buffer *out, cappy_error *error)
{
    return cappy_page_end(out, error);
}
