/* SPDX-License-Identifier: Apache-2.0 */
/* Figures beside published ones, all in hundredths. */
#include <math.h>
#include <string.h>

#include "eval/eval.h"
#include "eval/grid.h"
#include "eval/scope.h"

enum { PERCENT = 100 };

/* What is shown of the tasks that are here, as far as it is given. */
static const enum cappy_pick shown[] = {
    CAPPY_PICK_SCORER,    CAPPY_PICK_RANDOM, CAPPY_PICK_MAJORITY, CAPPY_PICK_ALONE,
    CAPPY_PICK_CONSENSUS, CAPPY_PICK_MIX,    CAPPY_PICK_ORACLE};
enum { SHOWN = sizeof shown / sizeof *shown };

/* The columns of published systems: all, or one of them. */
struct columns {
    const struct cappy_benchmark *benchmark;
    size_t first;
    size_t end;
    const struct cappy_figures *figures;
};

static struct columns choose_columns(const struct cappy_benchmark *benchmark, size_t system,
                                     const struct cappy_figures *figures)
{
    const bool has_one = system < benchmark->n_systems;
    return (struct columns){benchmark, has_one ? system : 0,
                            has_one ? system + 1 : benchmark->n_systems, figures};
}

static const struct cappy_figures *find_task(const struct cappy_figures *figures,
                                             const struct cappy_published *task)
{
    const cappy_text title = {task->title, strlen(task->title)};
    for (size_t i = 0; i < figures->n_tasks; i++) {
        if (cappy_is_same_text(figures->tasks[i].task, title)) {
            return &figures->tasks[i];
        }
    }
    return NULL;
}

/* The mean of what was published of all tasks, or of those that are here. */
static double average(const struct columns *columns, size_t system, bool of_all)
{
    const struct cappy_benchmark *benchmark = columns->benchmark;
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < benchmark->n_tasks; i++) {
        if (find_task(columns->figures, &benchmark->tasks[i]) != NULL) {
            sum += benchmark->tasks[i].values[system];
            n++;
        }
    }
    return of_all || n == 0 ? benchmark->averages[system] : sum / (double)n;
}

/* ---- A table --------------------------------------------------------------------------------- */

static cappy_status add_headings(const struct columns *columns, struct cappy_grid *grid,
                                 cappy_error *error)
{
    const bool has_one = columns->end == columns->first + 1;
    CAPPY_TRY(cappy_grid_add(grid, error, "task"));
    CAPPY_TRY(cappy_grid_add(grid, error, "rows"));
    for (size_t i = columns->first; i < columns->end; i++) {
        CAPPY_TRY(cappy_grid_add(grid, error, "%s%s", has_one ? "Cappy, " : "",
                                 columns->benchmark->systems[i]));
    }
    for (size_t i = 0; i < SHOWN; i++) {
        if (columns->figures->picks[shown[i]].is_given) {
            CAPPY_TRY(cappy_grid_add(grid, error, "%s", cappy_pick_name(shown[i])));
        }
        if (shown[i] == CAPPY_PICK_SCORER) {
            CAPPY_TRY(cappy_grid_add(grid, error, "95 %% interval"));
        }
    }
    cappy_grid_head(grid, false);
    return CAPPY_OK;
}

/* Ours, of a task or of means; picks is NULL where there is nothing. */
static cappy_status add_ours(const struct columns *columns, const struct cappy_figure *picks,
                             struct cappy_grid *grid, cappy_error *error)
{
    for (size_t i = 0; i < SHOWN; i++) {
        const struct cappy_figure *figure = picks != NULL ? &picks[shown[i]] : NULL;
        if (columns->figures->picks[shown[i]].is_given) {
            CAPPY_TRY(figure != NULL && figure->is_given
                          ? cappy_grid_add(grid, error, "%.1f", figure->mean * PERCENT)
                          : cappy_grid_add(grid, error, "-"));
        }
        if (shown[i] == CAPPY_PICK_SCORER) {
            CAPPY_TRY(figure != NULL ? cappy_grid_add(grid, error, "%.1f to %.1f",
                                                      figure->low * PERCENT, figure->high * PERCENT)
                                     : cappy_grid_add(grid, error, "-"));
        }
    }
    return CAPPY_OK;
}

static cappy_status add_task(const struct columns *columns, const struct cappy_published *task,
                             struct cappy_grid *grid, cappy_error *error)
{
    const struct cappy_figures *found = find_task(columns->figures, task);
    CAPPY_TRY(cappy_grid_add(grid, error, "%s", task->title));
    CAPPY_TRY(found != NULL ? cappy_grid_add(grid, error, "%zu", found->n)
                            : cappy_grid_add(grid, error, "missing"));
    for (size_t i = columns->first; i < columns->end; i++) {
        CAPPY_TRY(cappy_grid_add(grid, error, "%.1f", task->values[i]));
    }
    return add_ours(columns, found != NULL ? found->picks : NULL, grid, error);
}

static cappy_status add_mean(const struct columns *columns, bool of_all, struct cappy_grid *grid,
                             cappy_error *error)
{
    const struct cappy_figures *figures = columns->figures;
    const bool is_whole = figures->n_tasks == columns->benchmark->n_tasks;
    CAPPY_TRY(cappy_grid_add(grid, error, of_all ? "mean of all %zu" : "mean of these %zu",
                             of_all ? columns->benchmark->n_tasks : figures->n_tasks));
    CAPPY_TRY(cappy_grid_add(grid, error, "%s", ""));
    for (size_t i = columns->first; i < columns->end; i++) {
        CAPPY_TRY(cappy_grid_add(grid, error, "%.1f", average(columns, i, of_all)));
    }
    return add_ours(columns, !of_all || is_whole ? figures->means : NULL, grid, error);
}

static cappy_status fill(const struct columns *columns, struct cappy_grid *grid, cappy_error *error)
{
    const struct cappy_benchmark *benchmark = columns->benchmark;
    CAPPY_TRY(add_headings(columns, grid, error));
    for (size_t i = 0; i < benchmark->n_tasks; i++) {
        CAPPY_TRY(add_task(columns, &benchmark->tasks[i], grid, error));
    }
    CAPPY_TRY(add_mean(columns, true, grid, error));
    return columns->figures->n_tasks < benchmark->n_tasks ? add_mean(columns, false, grid, error)
                                                          : CAPPY_OK;
}

cappy_status cappy_benchmark_print(const struct cappy_benchmark *benchmark, size_t system,
                                   const struct cappy_figures *figures, struct cappy_buffer *out,
                                   cappy_error *error)
{
    const struct columns columns = choose_columns(benchmark, system, figures);
    struct cappy_grid grid;
    cappy_grid_begin(&grid);
    cappy_status status = fill(&columns, &grid, error);
    if (status == CAPPY_OK) {
        status = cappy_grid_write(&grid, out, error);
    }
    cappy_grid_free(&grid);
    return status;
}

/* ---- Ways to choose -------------------------------------------------------------------------- */

static cappy_status fill_means(const struct cappy_benchmark *benchmark, size_t system,
                               const double *ways, const struct cappy_figures *figures,
                               struct cappy_grid *grid, cappy_error *error)
{
    CAPPY_TRY(cappy_grid_add(grid, error, "chosen by"));
    CAPPY_TRY(cappy_grid_add(grid, error, "published, %zu tasks", benchmark->n_tasks));
    CAPPY_TRY(cappy_grid_add(grid, error, "here, %zu tasks", figures->n_tasks));
    CAPPY_TRY(cappy_grid_add(grid, error, "95 %% interval"));
    cappy_grid_head(grid, false);
    for (size_t i = 0; i < benchmark->n_means; i++) {
        CAPPY_TRY(cappy_grid_add(grid, error, "%s", benchmark->means[i].title));
        CAPPY_TRY(cappy_grid_add(grid, error, "%.2f", benchmark->means[i].values[system]));
        CAPPY_TRY(isfinite(ways[i]) ? cappy_grid_add(grid, error, "%.2f", ways[i] * PERCENT)
                                    : cappy_grid_add(grid, error, "-"));
        CAPPY_TRY(cappy_grid_add(grid, error, "%s", ""));
    }
    for (size_t i = 0; i < SHOWN; i++) {
        const struct cappy_figure *mean = &figures->means[shown[i]];
        if (mean->is_given) {
            CAPPY_TRY(cappy_grid_add(grid, error, "%s", cappy_pick_name(shown[i])));
            CAPPY_TRY(cappy_grid_add(grid, error, "-"));
            CAPPY_TRY(cappy_grid_add(grid, error, "%.2f", mean->mean * PERCENT));
            CAPPY_TRY(cappy_grid_add(grid, error, "%.2f to %.2f", mean->low * PERCENT,
                                     mean->high * PERCENT));
        }
    }
    return CAPPY_OK;
}

cappy_status cappy_benchmark_print_means(const struct cappy_benchmark *benchmark, size_t system,
                                         const double *ways, const struct cappy_figures *figures,
                                         struct cappy_buffer *out, cappy_error *error)
{
    struct cappy_grid grid;
    cappy_grid_begin(&grid);
    cappy_status status = fill_means(benchmark, system, ways, figures, &grid, error);
    if (status == CAPPY_OK) {
        status = cappy_grid_write(&grid, out, error);
    }
    cappy_grid_free(&grid);
    return status;
}

/* ---- For programs ---------------------------------------------------------------------------- */

/* {task: value} of one system. */
static json_t *list_system(const struct cappy_published *rows, size_t n, size_t system,
                           bool by_name)
{
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) {
        json_object_set_new(object, by_name ? rows[i].name : rows[i].title,
                            json_real(rows[i].values[system]));
    }
    return object;
}

json_t *cappy_benchmark_json(const struct cappy_benchmark *benchmark, size_t system,
                             const double *ways, const struct cappy_figures *figures)
{
    const struct columns columns = choose_columns(benchmark, system, figures);
    json_t *object = cappy_figures_json(figures);
    json_t *published = json_object();
    json_t *missing = json_array();
    for (size_t i = columns.first; i < columns.end; i++) {
        json_object_set_new(published, benchmark->systems[i],
                            list_system(benchmark->tasks, benchmark->n_tasks, i, false));
    }
    for (size_t i = 0; i < benchmark->n_tasks; i++) {
        if (find_task(figures, &benchmark->tasks[i]) == NULL) {
            json_array_append_new(missing, json_string(benchmark->tasks[i].title));
        }
    }
    int failed = object == NULL;
    failed |= json_object_set_new(object, "published", published);
    failed |= json_object_set_new(object, "missing", missing);
    if (ways != NULL) {
        json_t *here = json_object();
        for (size_t i = 0; i < benchmark->n_means; i++) {
            if (isfinite(ways[i])) {
                json_object_set_new(here, benchmark->means[i].name, json_real(ways[i]));
            }
        }
        failed |= json_object_set_new(object, "ways", here);
        failed |=
            json_object_set_new(object, "published_ways",
                                list_system(benchmark->means, benchmark->n_means, system, true));
    }
    if (failed != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}
