/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as tables for people. */
#include <stdio.h>

#include "eval/eval.h"
#include "eval/grid.h"

enum { SHOWN_TASKS = 100 };

/* ---- What each way to choose is worth -------------------------------------------------------- */

static cappy_status add_interval(const struct cappy_figure *figure, bool is_signed,
                                 struct cappy_grid *grid, cappy_error *error)
{
    return is_signed ? cappy_grid_add(grid, error, "%+.4f to %+.4f", figure->low, figure->high)
                     : cappy_grid_add(grid, error, "%.4f to %.4f", figure->low, figure->high);
}

static cappy_status add_gap(const struct cappy_figure *gap, struct cappy_grid *grid,
                            cappy_error *error)
{
    return gap->is_given ? cappy_grid_add(grid, error, "%.1f %% (%.1f to %.1f)", gap->mean * 100,
                                          gap->low * 100, gap->high * 100)
                         : cappy_grid_add(grid, error, "%s", "");
}

static cappy_status add_picks(const struct cappy_figures *figures, struct cappy_grid *grid,
                              cappy_error *error)
{
    const bool has_gaps = figures->gaps[CAPPY_PICK_ORACLE].is_given;
    CAPPY_TRY(cappy_grid_add(grid, error, "chosen"));
    CAPPY_TRY(cappy_grid_add(grid, error, "mean"));
    CAPPY_TRY(cappy_grid_add(grid, error, "95 %% interval"));
    if (has_gaps) {
        CAPPY_TRY(cappy_grid_add(grid, error, "of the way to oracle"));
    }
    CAPPY_TRY(cappy_grid_add(grid, error, "what is chosen"));
    cappy_grid_head(grid, true);
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        const struct cappy_figure *figure = &figures->picks[pick];
        if (!figure->is_given) {
            continue;
        }
        CAPPY_TRY(cappy_grid_add(grid, error, "%s", cappy_pick_name((enum cappy_pick)pick)));
        CAPPY_TRY(cappy_grid_add(grid, error, "%.4f", figure->mean));
        CAPPY_TRY(add_interval(figure, false, grid, error));
        if (has_gaps) {
            const bool is_end = pick == CAPPY_PICK_RANDOM || pick == CAPPY_PICK_ORACLE;
            const struct cappy_figure none = {0};
            CAPPY_TRY(add_gap(is_end ? &none : &figures->gaps[pick], grid, error));
        }
        CAPPY_TRY(cappy_grid_add(grid, error, "%s", cappy_pick_title((enum cappy_pick)pick)));
    }
    return CAPPY_OK;
}

static cappy_status add_contrasts(const struct cappy_figures *figures, struct cappy_grid *grid,
                                  cappy_error *error)
{
    CAPPY_TRY(cappy_grid_add(grid, error, "difference"));
    CAPPY_TRY(cappy_grid_add(grid, error, "mean"));
    CAPPY_TRY(cappy_grid_add(grid, error, "95 %% interval"));
    cappy_grid_head(grid, false);
    for (size_t c = 0; c < CAPPY_CONTRASTS; c++) {
        const struct cappy_figure *figure = &figures->contrasts[c];
        if (figure->is_given) {
            CAPPY_TRY(cappy_grid_add(grid, error, "%s - %s",
                                     cappy_pick_name(cappy_contrasts[c].more),
                                     cappy_pick_name(cappy_contrasts[c].less)));
            CAPPY_TRY(cappy_grid_add(grid, error, "%+.4f", figure->mean));
            CAPPY_TRY(add_interval(figure, true, grid, error));
        }
    }
    return CAPPY_OK;
}

static cappy_status print_measures(const struct cappy_figures *figures, struct cappy_buffer *out,
                                   cappy_error *error)
{
    for (size_t i = 0; i < CAPPY_MEASURES; i++) {
        const struct cappy_figure *figure = &figures->measures[i];
        if (figure->is_given) {
            CAPPY_TRY(cappy_buffer_format(out, error, "%s: %.4f (%.4f to %.4f)\n",
                                          cappy_measure_title((enum cappy_measure)i), figure->mean,
                                          figure->low, figure->high));
        }
    }
    if (figures->calibration.is_given) {
        CAPPY_TRY(cappy_buffer_format(out, error,
                                      "Distance of scores and qualities (calibration error): "
                                      "%.4f\n",
                                      figures->calibration.mean));
    }
    if (figures->source.size > 0) {
        CAPPY_TRY(cappy_buffer_format(out, error, "Best source: %.*s\n",
                                      (int)(figures->source.size < 80 ? figures->source.size : 80),
                                      figures->source.data));
    }
    return CAPPY_OK;
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

/* What the table of tasks has of closed cases, beside the ways to choose. */
static bool has_templates(const struct cappy_figures *figures)
{
    for (size_t i = 0; i < figures->n_tasks; i++) {
        if (figures->tasks[i].templates.n > 1) {
            return true;
        }
    }
    return false;
}

static cappy_status add_headings(const struct cappy_figures *figures, bool with_templates,
                                 struct cappy_grid *grid, cappy_error *error)
{
    CAPPY_TRY(cappy_grid_add(grid, error, "task"));
    CAPPY_TRY(cappy_grid_add(grid, error, "rows"));
    if (with_templates) {
        CAPPY_TRY(cappy_grid_add(grid, error, "templates"));
    }
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        if (figures->picks[pick].is_given) {
            CAPPY_TRY(cappy_grid_add(grid, error, "%s", cappy_pick_name((enum cappy_pick)pick)));
        }
        if (figures->picks[pick].is_given && pick == CAPPY_PICK_SCORER) {
            CAPPY_TRY(cappy_grid_add(grid, error, "95 %% interval"));
        }
    }
    if (with_templates) {
        CAPPY_TRY(cappy_grid_add(grid, error, "averaged"));
        CAPPY_TRY(cappy_grid_add(grid, error, "mean template"));
        CAPPY_TRY(cappy_grid_add(grid, error, "best template"));
    }
    cappy_grid_head(grid, false);
    return CAPPY_OK;
}

static cappy_status add_number(const struct cappy_figure *figure, struct cappy_grid *grid,
                               cappy_error *error)
{
    return figure->is_given ? cappy_grid_add(grid, error, "%.4f", figure->mean)
                            : cappy_grid_add(grid, error, "-");
}

/* The ways to choose that the heading has; `picks` are those of the row. */
static cappy_status add_row(const struct cappy_figures *figures, const struct cappy_figure *picks,
                            struct cappy_grid *grid, cappy_error *error)
{
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        if (!figures->picks[pick].is_given) {
            continue;
        }
        CAPPY_TRY(add_number(&picks[pick], grid, error));
        if (pick == CAPPY_PICK_SCORER) {
            CAPPY_TRY(add_interval(&picks[pick], false, grid, error));
        }
    }
    return CAPPY_OK;
}

static cappy_status add_task(const struct cappy_figures *figures, const struct cappy_figures *task,
                             bool with_templates, struct cappy_grid *grid, cappy_error *error)
{
    CAPPY_TRY(cappy_grid_add_text(grid, task->task, error));
    CAPPY_TRY(cappy_grid_add(grid, error, "%zu", task->n));
    if (with_templates) {
        CAPPY_TRY(cappy_grid_add(grid, error, "%zu", task->templates.n));
    }
    CAPPY_TRY(add_row(figures, task->picks, grid, error));
    if (with_templates) {
        const struct cappy_figure mean = {.is_given = task->templates.n > 0,
                                          .mean = task->templates.mean};
        const struct cappy_figure best = {.is_given = task->templates.n > 0,
                                          .mean = task->templates.best};
        CAPPY_TRY(add_number(&task->measures[CAPPY_MEASURE_AVERAGED], grid, error));
        CAPPY_TRY(add_number(&mean, grid, error));
        CAPPY_TRY(add_number(&best, grid, error));
    }
    return CAPPY_OK;
}

static cappy_status add_mean(const struct cappy_figures *figures, bool with_templates,
                             struct cappy_grid *grid, cappy_error *error)
{
    CAPPY_TRY(cappy_grid_add(grid, error, "mean of %zu tasks", figures->n_tasks));
    CAPPY_TRY(cappy_grid_add(grid, error, "%zu", figures->n));
    if (with_templates) {
        CAPPY_TRY(cappy_grid_add(grid, error, "%s", ""));
    }
    CAPPY_TRY(add_row(figures, figures->means, grid, error));
    for (size_t i = 0; with_templates && i < 3; i++) {
        CAPPY_TRY(cappy_grid_add(grid, error, "%s", ""));
    }
    return CAPPY_OK;
}

static cappy_status add_tasks(const struct cappy_figures *figures, struct cappy_grid *grid,
                              cappy_error *error)
{
    const bool with_templates = has_templates(figures);
    CAPPY_TRY(add_headings(figures, with_templates, grid, error));
    for (size_t i = 0; i < figures->n_tasks && i < SHOWN_TASKS; i++) {
        CAPPY_TRY(add_task(figures, &figures->tasks[i], with_templates, grid, error));
    }
    return figures->n_tasks > 1 ? add_mean(figures, with_templates, grid, error) : CAPPY_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static cappy_status print_grid(const struct cappy_figures *figures,
                               cappy_status (*fill)(const struct cappy_figures *figures,
                                                    struct cappy_grid *grid, cappy_error *error),
                               struct cappy_buffer *out, cappy_error *error)
{
    struct cappy_grid grid;
    cappy_grid_begin(&grid);
    cappy_status status = fill(figures, &grid, error);
    if (status == CAPPY_OK && grid.n > grid.columns) {
        status = cappy_grid_write(&grid, out, error);
    }
    cappy_grid_free(&grid);
    return status == CAPPY_OK ? cappy_buffer_append(out, "\n", 1, error) : status;
}

cappy_status cappy_figures_print(const struct cappy_figures *figures, const char *adjective,
                                 struct cappy_buffer *out, cappy_error *error)
{
    if (figures->n == 0) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_buffer_format(
        out, error, "%zu %s%s, %zu responses: %s\n\n", figures->n, adjective,
        figures->is_closed ? "choices" : "questions", figures->n_responses,
        figures->is_closed ? "how often the right one is picked" : "how good the picked one is"));
    CAPPY_TRY(print_grid(figures, add_picks, out, error));
    CAPPY_TRY(print_grid(figures, add_contrasts, out, error));
    if (figures->n_tasks > 1 || has_templates(figures)) {
        CAPPY_TRY(print_grid(figures, add_tasks, out, error));
    }
    if (figures->n_tasks > SHOWN_TASKS) {
        CAPPY_TRY(cappy_buffer_format(out, error, "and %zu more tasks\n\n",
                                      figures->n_tasks - SHOWN_TASKS));
    }
    return print_measures(figures, out, error);
}
