/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a step whose loss or gradient is no number, or far too large. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "train/run.h"

enum { SHOWN = 5, ID_SIZE = 48, PLACE_SIZE = 200 };

/* The "id" of the row in that line, as JSON; empty where it has none, or the file cannot be read
 * again. */
static void find_id(const char *path, uint64_t line, char id[ID_SIZE])
{
    struct cappy_lines *lines;
    const char *text = NULL;
    size_t size;
    id[0] = '\0';
    if (strcmp(path, "-") == 0 ||
        cappy_lines_open(path, CAPPY_LINE_LIMIT, &lines, NULL) != CAPPY_OK) {
        return;
    }
    do {
        if (cappy_lines_next(lines, &text, &size, NULL) != CAPPY_OK) {
            text = NULL;
        }
    } while (text != NULL && cappy_lines_number(lines) < line);
    struct cappy_row row = {0};
    cappy_text found;
    if (text != NULL && cappy_row_parse(path, line, text, size, &row, NULL) == CAPPY_OK &&
        cappy_row_has(&row, "id") && cappy_row_get_json(&row, "id", &found, NULL) == CAPPY_OK) {
        snprintf(id, ID_SIZE, "%.*s", (int)(found.size < ID_SIZE ? found.size : ID_SIZE - 1),
                 found.data);
    }
    cappy_row_free(&row);
    cappy_lines_close(lines);
}

/* Names the first rows of the batch: their ids, where they have some, and their places. */
static void list_rows(const struct cappy_run *run, char *text, size_t capacity)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < run->batch.n && i < SHOWN; i++) {
        const char *path = run->job->files[run->dataset.rows[run->batch.rows[i]].file];
        const size_t length = strlen(path);
        const char *end = length > 60 ? path + length - 60 : path;
        char id[ID_SIZE];
        char row[PLACE_SIZE];
        find_id(path, run->batch.lines[i], id);
        const int n = snprintf(row, sizeof row, "%s%s%s%s:%" PRIu64, i == 0 ? "" : ", ", id,
                               id[0] != '\0' ? " in " : "", end, run->batch.lines[i]);
        if (n < 0 || used + (size_t)n >= capacity) {
            return;
        }
        memcpy(text + used, row, (size_t)n + 1);
        used += (size_t)n;
    }
    if (run->batch.n > SHOWN) {
        snprintf(text + used, capacity - used, " and %zu more", run->batch.n - SHOWN);
    }
}

cappy_status cappy_run_refuse(const struct cappy_run *run, cappy_error *error)
{
    char rows[600];
    char good[200];
    list_rows(run, rows, sizeof rows);
    if (run->saved_step > 0) {
        snprintf(good, sizeof good, "the last good checkpoint is %.100s/checkpoint-%zu",
                 run->job->directory, run->saved_step);
    } else {
        snprintf(good, sizeof good, "there is no checkpoint yet");
    }
    return cappy_error_set(error, CAPPY_FORMAT,
                           "step %zu: the loss is %g and the gradient's length %g: training has "
                           "gone astray; %s; try a lower --learning-rate (rows %s)",
                           run->state.step + 1, run->state.loss, run->state.norm, good, rows);
}
