/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void cappy_grid_begin(struct cappy_grid *grid)
{
    *grid = (struct cappy_grid){0};
    cappy_buffer_init(&grid->cells, SIZE_MAX / 2);
}

void cappy_grid_free(struct cappy_grid *grid)
{
    cappy_buffer_free(&grid->cells);
}

static cappy_status add(struct cappy_grid *grid, const char *text, cappy_error *error)
{
    grid->n++;
    return cappy_buffer_append(&grid->cells, text, strlen(text) + 1, error);
}

cappy_status cappy_grid_add(struct cappy_grid *grid, cappy_error *error, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return add(grid, text, error);
}

cappy_status cappy_grid_add_text(struct cappy_grid *grid, cappy_text text, cappy_error *error)
{
    enum { SHOWN = 60 };
    char shown[SHOWN + 1];
    size_t n = text.size < SHOWN ? text.size : SHOWN;
    while (n < text.size && n > 0 && ((unsigned char)text.data[n] & 0xC0u) == 0x80u) {
        n--; /* no character is cut in two */
    }
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        shown[i] = c < ' ' || c == 127 || c == '|' ? ' ' : text.data[i];
    }
    shown[n] = '\0';
    return add(grid, shown, error);
}

void cappy_grid_head(struct cappy_grid *grid, bool last_is_text)
{
    grid->columns = grid->n < CAPPY_GRID_COLUMNS ? grid->n : CAPPY_GRID_COLUMNS;
    grid->is_left[0] = true;
    grid->is_left[grid->columns - 1] |= last_is_text;
}

static size_t measure(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xC0u) != 0x80u;
    }
    return n;
}

static cappy_status write_line(const struct cappy_grid *grid, const size_t *widths,
                               struct cappy_buffer *out, cappy_error *error)
{
    static const char dashes[] = "--------------------------------------------------------------"
                                 "--------------------------------------------------------------";
    for (size_t i = 0; i < grid->columns; i++) {
        const bool is_left = grid->is_left[i];
        CAPPY_TRY(cappy_buffer_format(out, error, "|%.*s%s", (int)(widths[i] - !is_left), dashes,
                                      is_left ? "" : ":"));
    }
    return cappy_buffer_append(out, "|\n", 2, error);
}

cappy_status cappy_grid_write(const struct cappy_grid *grid, struct cappy_buffer *out,
                              cappy_error *error)
{
    size_t widths[CAPPY_GRID_COLUMNS];
    const char *cell = grid->cells.data;
    for (size_t i = 0; i < grid->columns; i++) {
        widths[i] = 2;
    }
    for (size_t i = 0; i < grid->n; i++, cell += strlen(cell) + 1) {
        const size_t width = measure(cell);
        size_t *widest = &widths[i % grid->columns];
        *widest = width > *widest ? width : *widest;
    }
    cell = grid->cells.data;
    for (size_t i = 0; i < grid->n; i++, cell += strlen(cell) + 1) {
        const size_t column = i % grid->columns;
        const int room = (int)(widths[column] - measure(cell));
        CAPPY_TRY(grid->is_left[column]
                      ? cappy_buffer_format(out, error, "|%s%*s", cell, room, "")
                      : cappy_buffer_format(out, error, "|%*s%s", room, "", cell));
        if (column + 1 == grid->columns) {
            CAPPY_TRY(cappy_buffer_append(out, "|\n", 2, error));
        }
        if (i + 1 == grid->columns) {
            CAPPY_TRY(write_line(grid, widths, out, error));
        }
    }
    return CAPPY_OK;
}
