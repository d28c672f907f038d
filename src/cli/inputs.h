/* SPDX-License-Identifier: Apache-2.0 */
/* Where a command's rows come from: one file, or several, read one behind the other as if they were
 * one. */
#ifndef CAPPY_CLI_INPUTS_H
#define CAPPY_CLI_INPUTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/cli.h"
#include "cli/progress.h"

/* Tells who sits at a terminal that rows are read from there, where no file is given. */
void cappy_input_announce(const struct cappy_common *common);

/* Opens the first operand, or standard input, which is announced. Errors as cappy_lines_open. */
cappy_status cappy_input_open(const struct cappy_common *common, struct cappy_lines **lines,
                              cappy_error *error);

/* For cappy_output_open; `lines` is a struct cappy_lines, or NULL. */
bool cappy_input_is_file(const void *lines, dev_t device, ino_t inode);

struct cappy_input {
    const char *path;
    bool is_regular;
    dev_t device;
    ino_t inode;
    uint64_t size;
};

struct cappy_inputs {
    struct cappy_input *files; /* [n] */
    size_t n;
    size_t at; /* the file that is being read */
    struct cappy_lines *lines;
    uint64_t done;  /* bytes of the files before it */
    uint64_t total; /* bytes of all; 0 where that is not known */
};

/* Looks at all files; "-" is standard input, and so is none at all. Errors: CAPPY_IO for one that
 * cannot be read, CAPPY_ARGUMENT for one that is given twice, under whatever name. The paths are
 * borrowed. */
cappy_status cappy_inputs_open(char *const *paths, size_t n, struct cappy_inputs *inputs,
                               cappy_error *error);
void cappy_inputs_close(struct cappy_inputs *inputs);

/* The next row, for the caller to free; *ended tells that there are no more. The row's file name
 * lives as long as the paths. */
cappy_status cappy_inputs_next(struct cappy_inputs *inputs, struct cappy_row *row, bool *ended,
                               cappy_error *error);

/* Calls `take` with each row of the files, which it may keep by emptying it, and shows in the bar
 * how far that is. The first error of reading or of `take` ends it. */
cappy_status cappy_inputs_each(char *const *paths, size_t n, struct cappy_progress *progress,
                               cappy_status (*take)(void *context, struct cappy_row *row,
                                                    cappy_error *error),
                               void *context, cappy_error *error);

/* As cappy_lines_ready. */
bool cappy_inputs_ready(const struct cappy_inputs *inputs);

/* As cappy_lines_place, of all files together. */
void cappy_inputs_place(const struct cappy_inputs *inputs, uint64_t *done, uint64_t *total);

/* For cappy_output_open; `inputs` is a struct cappy_inputs. */
bool cappy_inputs_has_file(const void *inputs, dev_t device, ino_t inode);

#endif
