/* SPDX-License-Identifier: Apache-2.0 */
/* Data leaves through write(2) and not through stdio, so that it is known how much of it
 * arrived. */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

cappy_status cappy_output_open(const char *path,
                               bool (*is_input)(const void *input, dev_t device, ino_t inode),
                               const void *input, struct cappy_output *output, cappy_error *error)
{
    bool standard = path == NULL || strcmp(path, "-") == 0;
    struct cappy_output made = {.descriptor = STDOUT_FILENO,
                                .name = standard ? "standard output" : path};
    /* Not truncated yet: it may turn out to be the input. */
    if (!standard) {
        made.descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    }
    struct stat file;
    if (made.descriptor < 0 || fstat(made.descriptor, &file) != 0) {
        return cappy_error_set(error, CAPPY_IO, "%s: cannot be written to: %s", made.name,
                               strerror(errno));
    }
    made.is_regular = S_ISREG(file.st_mode);
    made.is_terminal = isatty(made.descriptor) != 0;
    cappy_status status = CAPPY_OK;
    if (made.is_regular && is_input != NULL && is_input(input, file.st_dev, file.st_ino)) {
        status = cappy_error_set(error, CAPPY_ARGUMENT,
                                 "%s: is the input too: write to another file, then rename it",
                                 made.name);
    } else if (made.is_regular && !standard && ftruncate(made.descriptor, 0) != 0) {
        status = cappy_error_set(error, CAPPY_IO, "%s: cannot be emptied: %s", made.name,
                                 strerror(errno));
    }
    if (status != CAPPY_OK) {
        if (!standard) {
            close(made.descriptor);
        }
        return status;
    }
    *output = made;
    return CAPPY_OK;
}

static size_t count_lines(const char *data, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        n += data[i] == '\n';
    }
    return n;
}

/* After data[0..done) was written and no more could be: takes a part of a line back. False when
 * that is impossible. */
static bool cut_back(struct cappy_output *output, const char *data, size_t done)
{
    size_t whole = done;
    while (whole > 0 && data[whole - 1] != '\n') {
        whole--;
    }
    output->n_lines += count_lines(data, whole);
    off_t place = output->is_regular ? lseek(output->descriptor, 0, SEEK_CUR) : -1;
    return whole == done ||
           (place >= 0 && ftruncate(output->descriptor, place - (off_t)(done - whole)) == 0);
}

cappy_status cappy_output_write(struct cappy_output *output, const char *data, size_t size,
                                cappy_error *error)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(output->descriptor, data + done, size - done);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno != EINTR) {
            int reason = errno;
            bool whole = cut_back(output, data, done);
            return cappy_error_set(error, CAPPY_IO,
                                   "%s: cannot be written to: %s; %zu lines were written%s",
                                   output->name, strerror(reason), output->n_lines,
                                   whole ? "" : " and a part of another");
        }
    }
    output->n_lines += count_lines(data, size);
    return CAPPY_OK;
}

cappy_status cappy_output_close(struct cappy_output *output, cappy_status status,
                                cappy_error *error)
{
    int descriptor = output->descriptor;
    output->descriptor = -1;
    if (descriptor >= 0 && close(descriptor) != 0 && status == CAPPY_OK) {
        return cappy_error_set(error, CAPPY_IO, "%s: the last writes were lost: %s", output->name,
                               strerror(errno));
    }
    return status;
}

cappy_status cappy_output_print(const char *path, const struct cappy_buffer *text,
                                cappy_error *error)
{
    struct cappy_output output;
    CAPPY_TRY(cappy_output_open(path, NULL, NULL, &output, error));
    cappy_status status = cappy_output_write(&output, text->data, text->size, error);
    return cappy_output_close(&output, status, error);
}
