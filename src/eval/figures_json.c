/* SPDX-License-Identifier: Apache-2.0 */
/* Figures for programs. */
#include <stdio.h>

#include "eval/eval.h"

static void set_number(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key, json_real(value));
}

static void set_text(json_t *object, const char *key, cappy_text text)
{
    json_object_set_new(object, key, json_stringn(text.data, text.size));
}

static json_t *make_interval(const struct cappy_figure *figure)
{
    return json_pack("[f, f]", figure->low, figure->high);
}

/* {"random": ..., ...} of what is given. */
static json_t *list_means(const struct cappy_figure *picks)
{
    json_t *object = json_object();
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        if (picks[pick].is_given) {
            set_number(object, cappy_pick_name((enum cappy_pick)pick), picks[pick].mean);
        }
    }
    return object;
}

static json_t *list_intervals(const struct cappy_figure *picks)
{
    json_t *object = json_object();
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        if (picks[pick].is_given) {
            json_object_set_new(object, cappy_pick_name((enum cappy_pick)pick),
                                make_interval(&picks[pick]));
        }
    }
    return object;
}

static json_t *make_figure(const struct cappy_figure *figure)
{
    return json_pack("{s: f, s: [f, f]}", "mean", figure->mean, "interval", figure->low,
                     figure->high);
}

static json_t *list_differences(const struct cappy_figures *figures)
{
    json_t *object = json_object();
    for (size_t c = 0; c < CAPPY_CONTRASTS; c++) {
        char name[64];
        snprintf(name, sizeof name, "%s-%s", cappy_pick_name(cappy_contrasts[c].more),
                 cappy_pick_name(cappy_contrasts[c].less));
        if (figures->contrasts[c].is_given) {
            json_object_set_new(object, name, make_figure(&figures->contrasts[c]));
        }
    }
    return object;
}

static json_t *list_gaps(const struct cappy_figures *figures)
{
    json_t *object = json_object();
    for (size_t pick = 0; pick < CAPPY_PICKS; pick++) {
        const bool is_end = pick == CAPPY_PICK_RANDOM || pick == CAPPY_PICK_ORACLE;
        if (figures->gaps[pick].is_given && !is_end) {
            json_object_set_new(object, cappy_pick_name((enum cappy_pick)pick),
                                make_figure(&figures->gaps[pick]));
        }
    }
    return object;
}

static void add_measures(const struct cappy_figures *figures, json_t *object)
{
    for (size_t i = 0; i < CAPPY_MEASURES; i++) {
        if (figures->measures[i].is_given) {
            json_object_set_new(object, cappy_measure_name((enum cappy_measure)i),
                                make_figure(&figures->measures[i]));
        }
    }
    if (figures->calibration.is_given) {
        set_number(object, "calibration_error", figures->calibration.mean);
    }
    if (figures->source.size > 0) {
        set_text(object, "best_source", figures->source);
    }
    if (figures->templates.n > 0) {
        json_t *templates = json_object();
        json_object_set_new(templates, "n", json_integer((json_int_t)figures->templates.n));
        set_number(templates, "mean", figures->templates.mean);
        set_number(templates, "best", figures->templates.best);
        set_text(templates, "best_name", figures->templates.best_name);
        set_number(templates, "worst", figures->templates.worst);
        set_text(templates, "worst_name", figures->templates.worst_name);
        json_object_set_new(object, "templates", templates);
    }
}

/* Of one task, or of all together. */
static json_t *make_one(const struct cappy_figures *figures)
{
    json_t *object = json_pack(
        "{s: I, s: I, s: I, s: o, s: o, s: o}", "rows", (json_int_t)figures->n, "examples",
        (json_int_t)figures->n_examples, "responses", (json_int_t)figures->n_responses, "picks",
        list_means(figures->picks), "intervals", list_intervals(figures->picks), "differences",
        list_differences(figures));
    if (object == NULL) {
        return NULL;
    }
    static const struct {
        const char *key;
        enum cappy_pick pick;
    } shown[] = {{"accuracy", CAPPY_PICK_SCORER},
                 {"random", CAPPY_PICK_RANDOM},
                 {"majority", CAPPY_PICK_MAJORITY}};
    for (size_t i = 0; figures->is_closed && i < sizeof shown / sizeof *shown; i++) {
        if (figures->picks[shown[i].pick].is_given) {
            set_number(object, shown[i].key, figures->picks[shown[i].pick].mean);
        }
    }
    if (figures->gaps[CAPPY_PICK_ORACLE].is_given) {
        json_object_set_new(object, "gap_closed", list_gaps(figures));
    }
    add_measures(figures, object);
    return object;
}

json_t *cappy_figures_json(const struct cappy_figures *figures)
{
    json_t *object = make_one(figures);
    json_t *tasks = json_object();
    for (size_t i = 0; i < figures->n_tasks; i++) {
        const struct cappy_figures *task = &figures->tasks[i];
        json_object_setn_new(tasks, task->task.data, task->task.size, make_one(task));
    }
    if (object == NULL || json_object_set_new(object, "tasks", tasks) != 0) {
        json_decref(object);
        return NULL;
    }
    if (figures->n_tasks > 0) {
        json_object_set_new(object, "means", list_means(figures->means));
        json_object_set_new(object, "mean_intervals", list_intervals(figures->means));
    }
    return object;
}
