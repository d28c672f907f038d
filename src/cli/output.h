/* SPDX-License-Identifier: Apache-2.0 */
/* Where a command's data goes: standard output or the file of --output. Lines arrive whole or not
 * at all: when a write fails, a regular file is cut back to its last whole line. */
#ifndef CAPPY_CLI_OUTPUT_H
#define CAPPY_CLI_OUTPUT_H

#include "base/base.h"

struct cappy_output {
    int descriptor;
    const char *name; /* for messages */
    bool is_regular;
    bool is_terminal;
    size_t n_lines; /* written, whole ones */
};

/* Opens `path`; NULL and "-" mean standard output. Not allowed to be the file that `input` (may be
 * NULL) reads. */
cappy_status cappy_output_open(const char *path, const struct cappy_lines *input,
                               struct cappy_output *output, cappy_error *error);

/* Writes data[0..size), which ends with a line feed. Errors: CAPPY_IO. */
cappy_status cappy_output_write(struct cappy_output *output, const char *data, size_t size,
                                cappy_error *error);

/* Closes it, and returns `status`, or what went wrong only now. */
cappy_status cappy_output_close(struct cappy_output *output, cappy_status status,
                                cappy_error *error);

/* Writes `text` to `path` (NULL: standard output) in one go. */
cappy_status cappy_output_print(const char *path, const struct cappy_buffer *text,
                                cappy_error *error);

#endif
