/* SPDX-License-Identifier: Apache-2.0 */
/* Where a command's data goes: standard output or the file of --output. Lines arrive whole or not
 * at all: when a write fails, a regular file is cut back to its last whole line. */
#ifndef CAPPY_CLI_OUTPUT_H
#define CAPPY_CLI_OUTPUT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/base.h"

struct cappy_output {
    int descriptor;
    const char *name; /* for messages */
    bool is_regular;
    bool is_terminal;
    size_t n_lines; /* written, whole ones */
};

/* Opens `path`; NULL and "-" mean standard output. CAPPY_ARGUMENT when it is a file that `is_input`
 * (may be NULL) knows, given `input`, as one that is being read: that one is left as it is. */
cappy_status cappy_output_open(const char *path,
                               bool (*is_input)(const void *input, dev_t device, ino_t inode),
                               const void *input, struct cappy_output *output, cappy_error *error);

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
