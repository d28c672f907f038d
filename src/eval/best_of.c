/* SPDX-License-Identifier: Apache-2.0 */
/* Best of N, as a table for people and as JSON. */
#include "eval/curves.h"
#include "eval/grid.h"

/* More tasks than these are shown together. */
enum { MOST_TASKS = 6 };

struct shown {
    const struct cappy_figures *figures;
    struct cappy_best_of best_of;
};

typedef cappy_status show_function(void *context, const struct shown *shown, cappy_error *error);

static cappy_status show_task(const struct cappy_scope *whole, const struct cappy_figures *figures,
                              double temperature, uint64_t seed, show_function *show, void *context,
                              cappy_error *error)
{
    struct shown shown = {.figures = figures};
    struct cappy_scope scope;
    cappy_status status = cappy_scope_narrow(whole, figures->task, &scope, error);
    if (status == CAPPY_OK) {
        status = cappy_best_of_make(&scope, temperature, seed, &shown.best_of, error);
    }
    cappy_scope_free(&scope);
    return status == CAPPY_OK ? show(context, &shown, error) : status;
}

/* Shows each task, where there are few, else all in one. */
static cappy_status show_all(const struct cappy_suite *suite, const struct cappy_figures *figures,
                             double temperature, uint64_t seed, show_function *show, void *context,
                             cappy_error *error)
{
    struct cappy_scope whole;
    cappy_status status = cappy_scope_open(suite, true, false, &whole, error);
    if (status == CAPPY_OK && figures->n_tasks > MOST_TASKS) {
        struct shown shown = {.figures = figures};
        status = cappy_best_of_make(&whole, temperature, seed, &shown.best_of, error);
        status = status == CAPPY_OK ? show(context, &shown, error) : status;
    } else {
        for (size_t i = 0; i < figures->n_tasks && status == CAPPY_OK; i++) {
            status = show_task(&whole, &figures->tasks[i], temperature, seed, show, context, error);
        }
    }
    cappy_scope_free(&whole);
    return status;
}

static bool is_shown(const struct cappy_figures *figures, size_t pick)
{
    static const bool shown[CAPPY_PICKS] = {
        [CAPPY_PICK_RANDOM] = true,    [CAPPY_PICK_ALONE] = true,  [CAPPY_PICK_BASE] = true,
        [CAPPY_PICK_CONSENSUS] = true, [CAPPY_PICK_SCORER] = true, [CAPPY_PICK_MIX] = true,
        [CAPPY_PICK_ORACLE] = true};
    return shown[pick] && figures->picks[pick].is_given;
}

/* ---- For people ------------------------------------------------------------------------------ */

/* 1, 2, 4 and so on, and the last. */
static size_t find_next(size_t n, size_t most)
{
    return n == most || 2 * n <= most ? 2 * n : most;
}

static cappy_status fill(const struct shown *shown, struct cappy_grid *grid, cappy_error *error)
{
    const size_t most = shown->best_of.most;
    CAPPY_TRY(cappy_grid_add(grid, error, "best of"));
    for (size_t n = 1; n <= most; n = find_next(n, most)) {
        CAPPY_TRY(cappy_grid_add(grid, error, "%zu", n));
    }
    cappy_grid_head(grid, false);
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        if (!is_shown(shown->figures, pick)) {
            continue;
        }
        CAPPY_TRY(cappy_grid_add(grid, error, "%s", cappy_pick_name((enum cappy_pick)pick)));
        for (size_t n = 1; n <= most; n = find_next(n, most)) {
            CAPPY_TRY(cappy_grid_add(grid, error, "%.4f", shown->best_of.worth[pick][n - 1]));
        }
    }
    return CAPPY_OK;
}

static cappy_status print(void *context, const struct shown *shown, cappy_error *error)
{
    struct cappy_buffer *out = context;
    struct cappy_grid grid;
    const cappy_text task = shown->figures->task;
    cappy_grid_begin(&grid);
    cappy_status status = fill(shown, &grid, error);
    if (status == CAPPY_OK) {
        status = cappy_buffer_format(out, error, "\nBest of N answers drawn at random%s%.*s:\n\n",
                                     task.size > 0 ? ", " : "",
                                     (int)(task.size < 80 ? task.size : 80), task.data);
    }
    if (status == CAPPY_OK) {
        status = cappy_grid_write(&grid, out, error);
    }
    cappy_grid_free(&grid);
    return status;
}

cappy_status cappy_best_of_print(const struct cappy_suite *suite,
                                 const struct cappy_figures *figures, double temperature,
                                 uint64_t seed, struct cappy_buffer *out, cappy_error *error)
{
    return show_all(suite, figures, temperature, seed, print, out, error);
}

/* ---- For programs ---------------------------------------------------------------------------- */

static cappy_status add_json(void *context, const struct shown *shown, cappy_error *error)
{
    json_t *object = context;
    json_t *one = json_object();
    const cappy_text task = shown->figures->task;
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        json_t *list = is_shown(shown->figures, pick) ? json_array() : NULL;
        for (size_t n = 0; list != NULL && n < shown->best_of.most; n++) {
            json_array_append_new(list, json_real(shown->best_of.worth[pick][n]));
        }
        if (list != NULL) {
            json_object_set_new(one, cappy_pick_name((enum cappy_pick)pick), list);
        }
    }
    return json_object_setn_new(object, task.size > 0 ? task.data : "all",
                                task.size > 0 ? task.size : 3, one) == 0
               ? CAPPY_OK
               : cappy_error_no_memory(error);
}

json_t *cappy_best_of_json(const struct cappy_suite *suite, const struct cappy_figures *figures,
                           double temperature, uint64_t seed)
{
    json_t *object = json_object();
    if (show_all(suite, figures, temperature, seed, add_json, object, NULL) != CAPPY_OK) {
        json_decref(object);
        return NULL;
    }
    return object;
}
