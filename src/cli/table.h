/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: answers best first, each with what it was chosen by and a bar. */
#ifndef CAPPY_CLI_TABLE_H
#define CAPPY_CLI_TABLE_H

#include "cli/choice.h"
#include "cli/output.h"

struct cappy_table {
    size_t width; /* columns of the terminal */
    bool is_colored;
};

/* How tables for `output` look: as wide as its terminal, else $COLUMNS, else 100 columns; coloured
 * on a terminal unless $NO_COLOR is set. */
struct cappy_table cappy_table_style(const struct cappy_output *output);

/* Appends the instruction as a heading and the texts below it, best first. */
cappy_status cappy_table_rank(const struct cappy_table *table, const struct cappy_choice *choice,
                              struct cappy_buffer *out, cappy_error *error);

/* Appends one line: the best of the texts, which are labels, its score, and the instruction. */
cappy_status cappy_table_label(const struct cappy_table *table, const struct cappy_choice *choice,
                               struct cappy_buffer *out, cappy_error *error);

#endif
