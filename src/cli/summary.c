/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/summary.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cells.h"

enum { SHOWN_TASKS = 20, SHOWN_NAMES = 5, NAME_WIDTH = 40, BAR_WIDTH = 30 };

/* A line of the table: a task, or several together. */
struct line {
    size_t n_instructions;
    size_t n_responses;
    double sum;
};

static void add(struct line *line, const struct cappy_task_tally *task)
{
    line->n_instructions += task->n_instructions;
    line->n_responses += task->n_responses;
    line->sum += task->sum;
}

static cappy_status append_name(const char *name, size_t width, struct cappy_buffer *out,
                                cappy_error *error)
{
    size_t used;
    CAPPY_TRY(cappy_cells_cut((cappy_text){name, strlen(name)}, width, &used, out, error));
    return cappy_buffer_format(out, error, "%*s", (int)(width - used), "");
}

static cappy_status append_line(const char *name, const struct line *line, struct cappy_buffer *out,
                                cappy_error *error)
{
    CAPPY_TRY(append_name(name, NAME_WIDTH, out, error));
    CAPPY_TRY(
        cappy_buffer_format(out, error, "  %12zu  %10zu", line->n_instructions, line->n_responses));
    if (line->n_responses == 0) {
        return cappy_buffer_format(out, error, "       -\n");
    }
    return cappy_buffer_format(out, error, "  %6.4f\n", line->sum / (double)line->n_responses);
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

/* The larger first; of equal ones, the one that came first: they lie in that order. */
static int compare_tasks(const void *left, const void *right)
{
    const struct cappy_task_tally *a = *(const struct cappy_task_tally *const *)left;
    const struct cappy_task_tally *b = *(const struct cappy_task_tally *const *)right;
    if (a->n_responses != b->n_responses) {
        return a->n_responses > b->n_responses ? -1 : 1;
    }
    return a < b ? -1 : a > b;
}

static cappy_status append_tasks(const struct cappy_tally *tally,
                                 const struct cappy_task_tally *const *order,
                                 struct cappy_buffer *out, cappy_error *error)
{
    struct line rest = {0};
    struct line all = {0};
    char name[64];
    CAPPY_TRY(cappy_buffer_format(out, error, "%-*s  %12s  %10s  %6s\n", NAME_WIDTH, "task",
                                  "instructions", "rows", "mean"));
    for (size_t i = 0; i < tally->n_tasks; i++) {
        add(&all, order[i]);
        if (i >= SHOWN_TASKS) {
            add(&rest, order[i]);
            continue;
        }
        struct line line = {0};
        add(&line, order[i]);
        CAPPY_TRY(append_line(order[i]->name, &line, out, error));
    }
    if (tally->n_tasks > SHOWN_TASKS) {
        snprintf(name, sizeof name, "(%zu more)", tally->n_tasks - SHOWN_TASKS);
        CAPPY_TRY(append_line(name, &rest, out, error));
    }
    return append_line("(all)", &all, out, error);
}

static cappy_status append_table(const struct cappy_tally *tally, struct cappy_buffer *out,
                                 cappy_error *error)
{
    const struct cappy_task_tally **order = cappy_alloc(tally->n_tasks, sizeof *order);
    if (order == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < tally->n_tasks; i++) {
        order[i] = &tally->tasks[i];
    }
    if (tally->n_tasks > 0) {
        qsort(order, tally->n_tasks, sizeof *order, compare_tasks);
    }
    const cappy_status status = append_tasks(tally, order, out, error);
    cappy_free(order);
    return status;
}

/* ---- Scores ---------------------------------------------------------------------------------- */

static cappy_status append_histogram(const struct cappy_tally *tally, struct cappy_buffer *out,
                                     cappy_error *error)
{
    size_t most = 1;
    for (size_t i = 0; i < CAPPY_SCORE_BINS; i++) {
        most = tally->bins[i] > most ? tally->bins[i] : most;
    }
    CAPPY_TRY(cappy_buffer_format(out, error, "\nscore             rows\n"));
    for (size_t i = 0; i < CAPPY_SCORE_BINS; i++) {
        CAPPY_TRY(cappy_buffer_format(out, error, "%.1f to %.1f  %10zu  ", (double)i / 10,
                                      (double)(i + 1) / 10, tally->bins[i]));
        CAPPY_TRY(cappy_cells_bar((double)tally->bins[i] / (double)most, BAR_WIDTH, out, error));
        while (out->data[out->size - 1] == ' ') {
            out->data[--out->size] = '\0';
        }
        CAPPY_TRY(cappy_buffer_append(out, "\n", 1, error));
    }
    return CAPPY_OK;
}

static cappy_status append_totals(const struct cappy_tally *tally, double seconds,
                                  struct cappy_buffer *out, cappy_error *error)
{
    size_t n = 0;
    for (size_t i = 0; i < CAPPY_KINDS; i++) {
        n += tally->kinds[i];
    }
    CAPPY_TRY(cappy_buffer_format(out, error, "\n%zu rows from %zu task rows in %.2f s", n,
                                  tally->n_rows, seconds));
    const char *join = ": ";
    for (size_t i = 0; i < CAPPY_KINDS; i++) {
        if (tally->kinds[i] > 0) {
            CAPPY_TRY(cappy_buffer_format(out, error, "%s%zu %s", join, tally->kinds[i],
                                          cappy_kind_name((enum cappy_kind)i)));
            join = ", ";
        }
    }
    return cappy_buffer_append(out, "\n", 1, error);
}

/* ---- Remarks --------------------------------------------------------------------------------- */

static cappy_status append_single(const struct cappy_tally *tally, struct cappy_buffer *out,
                                  cappy_error *error)
{
    size_t n = 0;
    for (size_t i = 0; i < tally->n_tasks; i++) {
        n += tally->tasks[i].n_rows == 1;
    }
    if (n == 0) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_buffer_format(out, error, "warning: tasks with one row only: %zu (", n));
    size_t shown = 0;
    for (size_t i = 0; i < tally->n_tasks && shown < SHOWN_NAMES; i++) {
        size_t used;
        const char *name = tally->tasks[i].name;
        if (tally->tasks[i].n_rows == 1) {
            CAPPY_TRY(cappy_buffer_format(out, error, "%s", shown++ > 0 ? ", " : ""));
            CAPPY_TRY(
                cappy_cells_cut((cappy_text){name, strlen(name)}, NAME_WIDTH, &used, out, error));
        }
    }
    return cappy_buffer_format(
        out, error, "%s): nothing to take mismatches from; give rows of one kind the same task\n",
        n > shown ? ", ..." : "");
}

static cappy_status append_remark(const char *what, size_t n, struct cappy_buffer *out,
                                  cappy_error *error)
{
    return n > 0 ? cappy_buffer_format(out, error, "%s: %zu\n", what, n) : CAPPY_OK;
}

static cappy_status append_remarks(const struct cappy_tally *tally, struct cappy_buffer *out,
                                   cappy_error *error)
{
    CAPPY_TRY(append_remark("duplicates left out", tally->n_duplicates, out, error));
    CAPPY_TRY(append_remark("task rows left out by --cap", tally->n_capped, out, error));
    CAPPY_TRY(
        append_remark("responses scored 0 left out by --balance", tally->n_balanced, out, error));
    CAPPY_TRY(append_remark("task rows without a mismatch, as no row held has another reference of "
                            "their task",
                            tally->n_unmatched, out, error));
    CAPPY_TRY(append_remark("task rows with a reference in which ROUGE-L sees no words (a-z, 0-9), "
                            "and so grades 0",
                            tally->n_blind, out, error));
    return append_single(tally, out, error);
}

cappy_status cappy_summary_write(const struct cappy_tally *tally, double seconds,
                                 struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(append_table(tally, out, error));
    CAPPY_TRY(append_histogram(tally, out, error));
    CAPPY_TRY(append_totals(tally, seconds, out, error));
    return append_remarks(tally, out, error);
}
