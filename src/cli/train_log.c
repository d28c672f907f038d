/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/train_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LOG = 1 << 30 };

static const char head[] = "{\"step\": ";

/* Bytes of the log's lines up to step `begun`. */
static size_t find_end(const struct cappy_buffer *text, size_t begun)
{
    size_t end = 0;
    while (end < text->size) {
        const char *line = text->data + end;
        const char *next = memchr(line, '\n', text->size - end);
        if (next == NULL || strncmp(line, head, sizeof head - 1) != 0 ||
            strtoull(line + sizeof head - 1, NULL, 10) > begun) {
            break;
        }
        end += (size_t)(next - line) + 1;
    }
    return end;
}

cappy_status cappy_train_log_open(const char *path, size_t begun, struct cappy_train_log *log,
                                  cappy_error *error)
{
    *log = (struct cappy_train_log){.path = path};
    if (path == NULL) {
        return CAPPY_OK;
    }
    struct cappy_buffer old;
    cappy_buffer_init(&old, MAX_LOG);
    cappy_status status = CAPPY_OK;
    if (begun > 0 && cappy_file_exists(path)) {
        status = cappy_file_read(path, &old, error);
    }
    if (status == CAPPY_OK) {
        const size_t kept = find_end(&old, begun);
        log->file = fopen(path, "w");
        if (log->file != NULL) {
            setvbuf(log->file, NULL, _IOLBF, 0);
        }
        if (log->file == NULL || (kept > 0 && fwrite(old.data, 1, kept, log->file) != kept)) {
            status = cappy_error_set(error, CAPPY_IO, "%s: cannot be written to: %s", path,
                                     strerror(errno));
        }
    }
    cappy_buffer_free(&old);
    return status;
}

void cappy_train_log_add(struct cappy_train_log *log, const struct cappy_train_state *state)
{
    if (log->file != NULL) {
        fprintf(log->file,
                "%s%zu, \"loss\": %.9g, \"gradient_norm\": %.9g, \"learning_rate\": %.9g, "
                "\"examples\": %zu, \"tokens\": %zu, \"seconds\": %.3f",
                head, state->step, state->loss, state->norm, state->rate, state->batch_examples,
                state->batch_tokens, state->seconds);
        if (state->is_checked) {
            fprintf(log->file, ", \"validation\": %.9g", state->value);
        }
        fputs("}\n", log->file);
    }
}

cappy_status cappy_train_log_close(struct cappy_train_log *log, cappy_status status,
                                   cappy_error *error)
{
    if (log->file == NULL) {
        return status;
    }
    const bool failed = ferror(log->file) != 0;
    if ((fclose(log->file) != 0 || failed) && status == CAPPY_OK) {
        status = cappy_error_set(error, CAPPY_IO, "%s: the log could not be written", log->path);
    }
    log->file = NULL;
    return status;
}
