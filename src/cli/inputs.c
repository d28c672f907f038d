/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cappy_input_announce(const struct cappy_common *common)
{
    if (common->n_operands == 0 && !common->quiet && isatty(STDIN_FILENO)) {
        fprintf(stderr, "reading rows from the terminal: one JSON object a line, Ctrl-D ends\n");
    }
}

cappy_status cappy_input_open(const struct cappy_common *common, struct cappy_lines **lines,
                              cappy_error *error)
{
    cappy_input_announce(common);
    return cappy_lines_open(common->n_operands > 0 ? common->operands[0] : "-", CAPPY_LINE_LIMIT,
                            lines, error);
}

bool cappy_input_is_file(const void *lines, dev_t device, ino_t inode)
{
    return lines != NULL && cappy_lines_is_file(lines, device, inode);
}

static bool is_standard(const char *path)
{
    return strcmp(path, "-") == 0;
}

static cappy_status look_at(const char *path, struct cappy_input *input, cappy_error *error)
{
    struct stat file;
    const int result = is_standard(path) ? fstat(STDIN_FILENO, &file) : stat(path, &file);
    if (result != 0 || (!is_standard(path) && access(path, R_OK) != 0)) {
        return cappy_error_set(error, CAPPY_IO, "%s: %s", is_standard(path) ? "stdin" : path,
                               strerror(errno));
    }
    if (S_ISDIR(file.st_mode)) {
        return cappy_error_set(error, CAPPY_IO, "%s: is a directory, not a file", path);
    }
    *input = (struct cappy_input){.path = path,
                                  .is_regular = S_ISREG(file.st_mode),
                                  .device = file.st_dev,
                                  .inode = file.st_ino,
                                  .size = file.st_size > 0 ? (uint64_t)file.st_size : 0};
    return CAPPY_OK;
}

static cappy_status refuse_twice(const struct cappy_input *a, const struct cappy_input *b,
                                 cappy_error *error)
{
    if (strcmp(a->path, b->path) == 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "%s is given twice: its rows would count twice", a->path);
    }
    return cappy_error_set(error, CAPPY_ARGUMENT,
                           "%s and %s are the same file: its rows would count twice", a->path,
                           b->path);
}

static cappy_status look_at_all(char *const *paths, size_t n, struct cappy_inputs *inputs,
                                cappy_error *error)
{
    for (size_t i = 0; i < inputs->n; i++) {
        struct cappy_input *file = &inputs->files[i];
        CAPPY_TRY(look_at(n > 0 ? paths[i] : "-", file, error));
        for (size_t j = 0; j < i; j++) {
            const struct cappy_input *other = &inputs->files[j];
            const bool both_standard = is_standard(file->path) && is_standard(other->path);
            if (both_standard || (file->is_regular && other->is_regular &&
                                  file->device == other->device && file->inode == other->inode)) {
                return refuse_twice(other, file, error);
            }
        }
    }
    return CAPPY_OK;
}

static uint64_t measure(const struct cappy_inputs *inputs)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < inputs->n; i++) {
        if (!inputs->files[i].is_regular) {
            return 0;
        }
        sum += inputs->files[i].size;
    }
    return sum;
}

cappy_status cappy_inputs_open(char *const *paths, size_t n, struct cappy_inputs *inputs,
                               cappy_error *error)
{
    *inputs = (struct cappy_inputs){.n = n > 0 ? n : 1};
    inputs->files = cappy_alloc(inputs->n, sizeof *inputs->files);
    if (inputs->files == NULL) {
        return cappy_error_no_memory(error);
    }
    const cappy_status status = look_at_all(paths, n, inputs, error);
    if (status != CAPPY_OK) {
        cappy_inputs_close(inputs);
        return status;
    }
    inputs->total = measure(inputs);
    return CAPPY_OK;
}

void cappy_inputs_close(struct cappy_inputs *inputs)
{
    cappy_lines_close(inputs->lines);
    cappy_free(inputs->files);
    *inputs = (struct cappy_inputs){0};
}

cappy_status cappy_inputs_next(struct cappy_inputs *inputs, struct cappy_row *row, bool *ended,
                               cappy_error *error)
{
    for (*ended = false; inputs->at < inputs->n; inputs->at++) {
        const struct cappy_input *file = &inputs->files[inputs->at];
        const char *line;
        size_t size;
        if (inputs->lines == NULL) {
            CAPPY_TRY(cappy_lines_open(file->path, CAPPY_LINE_LIMIT, &inputs->lines, error));
        }
        CAPPY_TRY(cappy_lines_next(inputs->lines, &line, &size, error));
        if (line != NULL) {
            return cappy_row_parse(is_standard(file->path) ? "stdin" : file->path,
                                   cappy_lines_number(inputs->lines), line, size, row, error);
        }
        cappy_lines_close(inputs->lines);
        inputs->lines = NULL;
        inputs->done += file->size;
    }
    *ended = true;
    return CAPPY_OK;
}

bool cappy_inputs_ready(const struct cappy_inputs *inputs)
{
    return inputs->lines == NULL || cappy_lines_ready(inputs->lines);
}

void cappy_inputs_place(const struct cappy_inputs *inputs, uint64_t *done, uint64_t *total)
{
    uint64_t here = 0;
    uint64_t size;
    if (inputs->lines != NULL) {
        cappy_lines_place(inputs->lines, &here, &size);
    }
    *done = inputs->done + here;
    *total = inputs->total;
}

cappy_status cappy_inputs_each(char *const *paths, size_t n, struct cappy_progress *progress,
                               cappy_status (*take)(void *context, struct cappy_row *row,
                                                    cappy_error *error),
                               void *context, cappy_error *error)
{
    struct cappy_inputs inputs;
    uint64_t n_rows = 0;
    CAPPY_TRY(cappy_inputs_open(paths, n, &inputs, error));
    cappy_status status = CAPPY_OK;
    for (bool ended = false; status == CAPPY_OK && !ended;) {
        struct cappy_row row = {0};
        uint64_t done;
        uint64_t total;
        status = cappy_inputs_next(&inputs, &row, &ended, error);
        if (status == CAPPY_OK && !ended) {
            status = take(context, &row, error);
            n_rows++;
        }
        cappy_row_free(&row);
        cappy_inputs_place(&inputs, &done, &total);
        cappy_progress_update(progress, done, total, n_rows, "rows");
    }
    cappy_inputs_close(&inputs);
    return status;
}

bool cappy_inputs_has_file(const void *inputs, dev_t device, ino_t inode)
{
    const struct cappy_inputs *all = inputs;
    for (size_t i = 0; i < all->n; i++) {
        if (all->files[i].is_regular && all->files[i].device == device &&
            all->files[i].inode == inode) {
            return true;
        }
    }
    return false;
}
