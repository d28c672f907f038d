/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as a table for people, and as JSON. */
#include <stdio.h>

#include "eval/eval.h"

enum { SHOWN_TASKS = 12, NAME_WIDTH = 34 };

/* ---- For people ------------------------------------------------------------------------------ */

static cappy_status print_picks(const struct cappy_figures *figures, struct cappy_buffer *out,
                                cappy_error *error)
{
    CAPPY_TRY(cappy_buffer_format(
        out, error, "%zu held-out %s, %zu responses: %s\n", figures->n,
        figures->is_closed ? "choices" : "questions", figures->n_responses,
        figures->is_closed ? "how often the right one is picked" : "how good the picked one is"));
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        const struct cappy_figure *figure = &figures->picks[pick];
        if (figure->is_given) {
            CAPPY_TRY(cappy_buffer_format(out, error, "  %-9s  %.4f  (%.4f to %.4f)  %s\n",
                                          cappy_pick_name((enum cappy_pick)pick), figure->mean,
                                          figure->low, figure->high,
                                          cappy_pick_title((enum cappy_pick)pick)));
        }
    }
    for (size_t c = 0; c < CAPPY_CONTRASTS; c++) {
        const struct cappy_figure *figure = &figures->contrasts[c];
        char name[64];
        snprintf(name, sizeof name, "%s - %s", cappy_pick_name(cappy_contrasts[c].more),
                 cappy_pick_name(cappy_contrasts[c].less));
        if (figure->is_given) {
            CAPPY_TRY(cappy_buffer_format(out, error, "  %-18s  %+.4f  (%+.4f to %+.4f)\n", name,
                                          figure->mean, figure->low, figure->high));
        }
    }
    return CAPPY_OK;
}

/* The beginning of a name, without a character cut in two and without control characters. */
static void shorten(cappy_text name, char *text)
{
    size_t n = name.size < NAME_WIDTH ? name.size : NAME_WIDTH;
    while (n < name.size && n > 0 && ((unsigned char)name.data[n] & 0xC0u) == 0x80u) {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        text[i] = name.data[i];
        if ((unsigned char)text[i] < ' ' || text[i] == 127) {
            text[i] = ' ';
        }
    }
    text[n] = '\0';
}

static cappy_status print_tasks(const struct cappy_figures *figures, struct cappy_buffer *out,
                                cappy_error *error)
{
    if (figures->n_tasks < 2) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_buffer_format(out, error, "\n  %-*s  %5s", NAME_WIDTH, "task", "rows"));
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        if (figures->picks[pick].is_given) {
            CAPPY_TRY(
                cappy_buffer_format(out, error, "  %9s", cappy_pick_name((enum cappy_pick)pick)));
        }
    }
    CAPPY_TRY(cappy_buffer_append(out, "\n", 1, error));
    for (size_t i = 0; i < figures->n_tasks && i < SHOWN_TASKS; i++) {
        const struct cappy_task_figures *task = &figures->tasks[i];
        char name[NAME_WIDTH + 1];
        shorten(task->task, name);
        CAPPY_TRY(cappy_buffer_format(out, error, "  %-*s  %5zu", NAME_WIDTH, name, task->n));
        for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
            if (figures->picks[pick].is_given) {
                CAPPY_TRY(cappy_buffer_format(out, error, "  %9.4f", task->means[pick]));
            }
        }
        CAPPY_TRY(cappy_buffer_append(out, "\n", 1, error));
    }
    if (figures->n_tasks > SHOWN_TASKS) {
        CAPPY_TRY(cappy_buffer_format(out, error, "  and %zu more tasks\n",
                                      figures->n_tasks - SHOWN_TASKS));
    }
    return CAPPY_OK;
}

cappy_status cappy_figures_print(const struct cappy_figures *figures, struct cappy_buffer *out,
                                 cappy_error *error)
{
    if (figures->n == 0) {
        return CAPPY_OK;
    }
    CAPPY_TRY(print_picks(figures, out, error));
    return print_tasks(figures, out, error);
}

/* ---- For programs ---------------------------------------------------------------------------- */

/* {"random": ..., ...} of what is given. */
static json_t *list_means(const struct cappy_figures *figures, const double *means)
{
    json_t *object = json_object();
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        if (figures->picks[pick].is_given) {
            json_object_set_new(object, cappy_pick_name((enum cappy_pick)pick),
                                json_real(means[pick]));
        }
    }
    return object;
}

static json_t *list_intervals(const struct cappy_figures *figures)
{
    json_t *object = json_object();
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        const struct cappy_figure *figure = &figures->picks[pick];
        if (figure->is_given) {
            json_object_set_new(object, cappy_pick_name((enum cappy_pick)pick),
                                json_pack("[f, f]", figure->low, figure->high));
        }
    }
    return object;
}

static json_t *list_differences(const struct cappy_figures *figures)
{
    json_t *object = json_object();
    for (size_t c = 0; c < CAPPY_CONTRASTS; c++) {
        const struct cappy_figure *figure = &figures->contrasts[c];
        char name[64];
        snprintf(name, sizeof name, "%s-%s", cappy_pick_name(cappy_contrasts[c].more),
                 cappy_pick_name(cappy_contrasts[c].less));
        if (figure->is_given) {
            json_object_set_new(object, name,
                                json_pack("{s: f, s: [f, f]}", "mean", figure->mean, "interval",
                                          figure->low, figure->high));
        }
    }
    return object;
}

static json_t *list_tasks(const struct cappy_figures *figures)
{
    json_t *object = json_object();
    for (size_t i = 0; i < figures->n_tasks; i++) {
        const struct cappy_task_figures *task = &figures->tasks[i];
        json_t *value = json_pack("{s: I, s: o}", "rows", (json_int_t)task->n, "picks",
                                  list_means(figures, task->means));
        json_object_setn_new(object, task->task.data, task->task.size, value);
    }
    return object;
}

json_t *cappy_figures_json(const struct cappy_figures *figures)
{
    double means[CAPPY_PICKS];
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        means[pick] = figures->picks[pick].mean;
    }
    json_t *object =
        json_pack("{s: I, s: I, s: o, s: o, s: o, s: o}", "rows", (json_int_t)figures->n,
                  "responses", (json_int_t)figures->n_responses, "picks",
                  list_means(figures, means), "intervals", list_intervals(figures), "differences",
                  list_differences(figures), "tasks", list_tasks(figures));
    if (object != NULL && figures->is_closed && figures->picks[CAPPY_PICK_SCORER].is_given) {
        json_object_set_new(object, "accuracy", json_real(means[CAPPY_PICK_SCORER]));
    }
    return object;
}
