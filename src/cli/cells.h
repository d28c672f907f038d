/* SPDX-License-Identifier: Apache-2.0 */
/* Texts and bars in the cells of a terminal. Texts come from anywhere: control and formatting
 * characters are shown as spaces. */
#ifndef CAPPY_CLI_CELLS_H
#define CAPPY_CLI_CELLS_H

#include "base/base.h"

/* The number of cells that `text` takes. */
size_t cappy_cells_measure(cappy_text text);

/* Appends `text` in at most `width` cells, the last of them an ellipsis where it does not fit;
 * *used receives their number. */
cappy_status cappy_cells_cut(cappy_text text, size_t width, size_t *used, struct cappy_buffer *out,
                             cappy_error *error);

/* Appends a bar of `width` cells, in eighths of a cell, for `share` of it. */
cappy_status cappy_cells_bar(double share, size_t width, struct cappy_buffer *out,
                             cappy_error *error);

#endif
