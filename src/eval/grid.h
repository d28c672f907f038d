/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of text: aligned for people, and Markdown. Private to eval. */
#ifndef CAPPY_EVAL_GRID_H
#define CAPPY_EVAL_GRID_H

#include <stdbool.h>

#include "base/base.h"

enum { CAPPY_GRID_COLUMNS = 24 };

struct cappy_grid {
    struct cappy_buffer cells; /* row by row, each ending in a NUL */
    size_t columns;            /* as many as the first row has */
    size_t n;                  /* cells */
    bool is_left[CAPPY_GRID_COLUMNS];
};

/* The caller frees *grid. */
void cappy_grid_begin(struct cappy_grid *grid);
void cappy_grid_free(struct cappy_grid *grid);

/* Adds a cell; those of the first row are headings. */
cappy_status cappy_grid_add(struct cappy_grid *grid, cappy_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a cell with the beginning of a text from anywhere. */
cappy_status cappy_grid_add_text(struct cappy_grid *grid, cappy_text text, cappy_error *error);

/* Ends the first row. The first column stands to the left, and so does the last where
 * `last_is_text` is set; the others stand to the right. */
void cappy_grid_head(struct cappy_grid *grid, bool last_is_text);

cappy_status cappy_grid_write(const struct cappy_grid *grid, struct cappy_buffer *out,
                              cappy_error *error);

#endif
