/* SPDX-License-Identifier: Apache-2.0 */
/* The page about a run of cappy adapt. */
#include <string.h>

#include "cli/adapt.h"

/* What the log of the steps says. */
struct history {
    double *steps;
    double *losses;
    size_t n_steps;
    double *check_steps;
    double *check_values;
    size_t n_checks;
    size_t capacity;
};

static cappy_status reserve(struct history *history, cappy_error *error)
{
    if (history->n_steps < history->capacity) {
        return CAPPY_OK;
    }
    const size_t capacity = 2 * history->capacity + 256;
    double **const arrays[] = {&history->steps, &history->losses, &history->check_steps,
                               &history->check_values};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        double *moved = cappy_realloc(*arrays[i], capacity, sizeof *moved);
        if (moved == NULL) {
            return cappy_error_no_memory(error);
        }
        *arrays[i] = moved;
    }
    history->capacity = capacity;
    return CAPPY_OK;
}

static cappy_status add_line(struct history *history, const json_t *line, cappy_error *error)
{
    const json_t *validation = json_object_get(line, "validation");
    const double step = json_number_value(json_object_get(line, "step"));
    CAPPY_TRY(reserve(history, error));
    history->steps[history->n_steps] = step;
    history->losses[history->n_steps++] = json_number_value(json_object_get(line, "loss"));
    if (json_is_number(validation)) {
        history->check_steps[history->n_checks] = step;
        history->check_values[history->n_checks++] = json_number_value(validation);
    }
    return CAPPY_OK;
}

static cappy_status read_history(const char *path, struct history *history, cappy_error *error)
{
    struct cappy_lines *lines;
    CAPPY_TRY(cappy_lines_open(path, CAPPY_LINE_LIMIT, &lines, error));
    cappy_status status = CAPPY_OK;
    const char *text = NULL;
    do {
        size_t size;
        struct cappy_row row;
        status = cappy_lines_next(lines, &text, &size, error);
        if (status == CAPPY_OK && text != NULL) {
            status = cappy_row_parse(cappy_lines_name(lines), cappy_lines_number(lines), text, size,
                                     &row, error);
            if (status == CAPPY_OK) {
                status = add_line(history, row.json, error);
                cappy_row_free(&row);
            }
        }
    } while (status == CAPPY_OK && text != NULL);
    cappy_lines_close(lines);
    return status;
}

static void free_history(struct history *history)
{
    cappy_free(history->steps);
    cappy_free(history->losses);
    cappy_free(history->check_steps);
    cappy_free(history->check_values);
}

static cappy_status write_subtitle(const struct cappy_adapt *adapt, struct cappy_buffer *out,
                                   cappy_error *error)
{
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    const struct cappy_common *common = &arguments->common;
    CAPPY_TRY(cappy_adapt_append_parts(adapt, out, error));
    CAPPY_TRY(cappy_buffer_format(
        out, error, ". Step %zu of %zu. From %s: ", adapt->outcome.best_step,
        adapt->outcome.state.steps, common->model != NULL ? common->model : "the default model"));
    for (size_t i = 0; i < common->n_operands; i++) {
        CAPPY_TRY(cappy_buffer_format(out, error, "%s%s", i == 0 ? "" : ", ", common->operands[i]));
    }
    return arguments->held_out != NULL
               ? cappy_buffer_format(out, error, "; held out: %s", arguments->held_out)
               : CAPPY_OK;
}

static cappy_status write_page(const struct cappy_adapt *adapt, const struct history *history,
                               struct cappy_buffer *out, cappy_error *error)
{
    struct cappy_buffer subtitle;
    struct cappy_buffer title;
    cappy_buffer_init(&subtitle, SIZE_MAX / 2);
    cappy_buffer_init(&title, SIZE_MAX / 2);
    cappy_status status = write_subtitle(adapt, &subtitle, error);
    if (status == CAPPY_OK) {
        status = cappy_buffer_format(&title, error, "cappy adapt: %s", adapt->arguments->out);
    }
    if (status == CAPPY_OK) {
        const struct cappy_report report = {
            .title = {title.data, title.size},
            .subtitle = {subtitle.data, subtitle.size},
            .suite = &adapt->held_out,
            .open = &adapt->open,
            .closed = &adapt->closed,
            .temperature = adapt->temperature,
            .seed = adapt->arguments->seed,
            .adjective = "held-out ",
            .model = "adapted model",
            .steps = history->steps,
            .losses = history->losses,
            .n_steps = history->n_steps,
            .check_steps = history->check_steps,
            .check_values = history->check_values,
            .n_checks = history->n_checks,
        };
        status = cappy_report_begin(report.title, out, error);
        status = status == CAPPY_OK ? cappy_report_add(&report, out, error) : status;
    }
    if (status == CAPPY_OK) {
        status = cappy_report_end(out, error);
    }
    cappy_buffer_free(&title);
    cappy_buffer_free(&subtitle);
    return status;
}

cappy_status cappy_adapt_report(const struct cappy_adapt *adapt, cappy_error *error)
{
    struct history history = {0};
    struct cappy_buffer page;
    cappy_buffer_init(&page, SIZE_MAX / 2);
    cappy_status status = read_history(adapt->log_path, &history, error);
    if (status == CAPPY_OK) {
        status = write_page(adapt, &history, &page, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_file_write(adapt->arguments->report, page.data, page.size, error);
    }
    free_history(&history);
    cappy_buffer_free(&page);
    return status;
}
