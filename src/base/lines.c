/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes flow from the descriptor into `raw`, from there (inflated, or as they are) behind the end
 * of `text`, and leave `text` as lines. zlib's own file layer is not used because it waits until
 * its buffer is full, which would hold back the rows of a slow pipe, and because it takes a file
 * cut off between two gzip members for a whole one. */
#include "base/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/error.h"

enum { CHUNK = 64 << 10, GZIP_WINDOW = 15 + 16 };

enum form { FORM_UNKNOWN, FORM_PLAIN, FORM_GZIP };

struct cappy_lines {
    char *name;
    int descriptor;
    struct stat file;

    unsigned char raw[CHUNK]; /* bytes raw_start .. raw_end are still to be used */
    size_t raw_start;
    size_t raw_end;
    uint64_t n_read; /* bytes, since the start */
    bool raw_ended;

    enum form form;
    z_stream inflater;
    bool in_member; /* a gzip member has begun and not ended */

    struct cappy_buffer text; /* bytes `start` and up are still to be given */
    size_t start;
    size_t searched; /* no LF in text[start .. searched) */
    size_t line_limit;
    size_t number;
    bool text_ended;
};

cappy_status cappy_lines_open(const char *path, size_t line_limit, struct cappy_lines **lines,
                              cappy_error *error)
{
    bool standard = strcmp(path, "-") == 0;
    struct cappy_lines *made = cappy_alloc(1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    made->line_limit = line_limit;
    cappy_buffer_init(&made->text, line_limit + 2 * CHUNK);
    made->descriptor = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    made->name = cappy_strndup(standard ? "stdin" : path, strlen(standard ? "stdin" : path));
    cappy_status status = CAPPY_OK;
    if (made->name == NULL) {
        status = cappy_error_no_memory(error);
    } else if (made->descriptor < 0 || fstat(made->descriptor, &made->file) != 0) {
        status = cappy_error_set(error, CAPPY_IO, "%s: %s", made->name, strerror(errno));
    } else if (S_ISDIR(made->file.st_mode)) {
        status = cappy_error_set(error, CAPPY_IO, "%s: is a directory, not a file", made->name);
    }
    if (status != CAPPY_OK) {
        cappy_lines_close(made);
        return status;
    }
    *lines = made;
    return CAPPY_OK;
}

void cappy_lines_close(struct cappy_lines *lines)
{
    if (lines == NULL) {
        return;
    }
    if (lines->form == FORM_GZIP) {
        inflateEnd(&lines->inflater);
    }
    if (lines->descriptor > STDIN_FILENO) {
        close(lines->descriptor);
    }
    cappy_buffer_free(&lines->text);
    cappy_free(lines->name);
    cappy_free(lines);
}

/* Reads once, behind what is still in `raw`. */
static cappy_status read_raw(struct cappy_lines *lines, cappy_error *error)
{
    memmove(lines->raw, lines->raw + lines->raw_start, lines->raw_end - lines->raw_start);
    lines->raw_end -= lines->raw_start;
    lines->raw_start = 0;
    ssize_t n;
    do {
        n = read(lines->descriptor, lines->raw + lines->raw_end, CHUNK - lines->raw_end);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return cappy_error_set(error, CAPPY_IO, "%s: cannot be read: %s", lines->name,
                               strerror(errno));
    }
    lines->raw_end += (size_t)n;
    lines->n_read += (uint64_t)n;
    lines->raw_ended = n == 0;
    return CAPPY_OK;
}

/* Reads until two bytes are there to tell the form by, or the file ends. */
static cappy_status read_magic(struct cappy_lines *lines, bool *is_gzip, cappy_error *error)
{
    while (lines->raw_end - lines->raw_start < 2 && !lines->raw_ended) {
        CAPPY_TRY(read_raw(lines, error));
    }
    const unsigned char *raw = lines->raw + lines->raw_start;
    *is_gzip = lines->raw_end - lines->raw_start >= 2 && raw[0] == 0x1f && raw[1] == 0x8b;
    return CAPPY_OK;
}

static cappy_status find_form(struct cappy_lines *lines, cappy_error *error)
{
    bool is_gzip;
    CAPPY_TRY(read_magic(lines, &is_gzip, error));
    if (is_gzip) {
        if (inflateInit2(&lines->inflater, GZIP_WINDOW) != Z_OK) {
            return cappy_error_no_memory(error);
        }
        lines->in_member = true;
    }
    lines->form = is_gzip ? FORM_GZIP : FORM_PLAIN;
    return CAPPY_OK;
}

/* Between two gzip members: another one follows, or the file ends, perhaps after the zeros that
 * tapes are padded with. Anything else is damage: rows could be missing. */
static cappy_status begin_member(struct cappy_lines *lines, cappy_error *error)
{
    bool is_gzip;
    CAPPY_TRY(read_magic(lines, &is_gzip, error));
    if (is_gzip) {
        inflateReset(&lines->inflater);
        lines->in_member = true;
        return CAPPY_OK;
    }
    while (lines->raw_start < lines->raw_end && lines->raw[lines->raw_start] == 0) {
        lines->raw_start++;
    }
    if (lines->raw_start < lines->raw_end) {
        return cappy_error_set(
            error, CAPPY_FORMAT,
            "%s: bytes that are not gzip data follow the gzip data at byte %llu", lines->name,
            (unsigned long long)(lines->n_read - lines->raw_end + lines->raw_start));
    }
    lines->text_ended = lines->raw_ended;
    return CAPPY_OK;
}

/* Inflates what is in `raw` into up to CHUNK bytes of text. */
static cappy_status inflate_raw(struct cappy_lines *lines, cappy_error *error)
{
    if (!lines->in_member) {
        CAPPY_TRY(begin_member(lines, error));
        if (!lines->in_member) {
            return lines->text_ended ? CAPPY_OK : read_raw(lines, error);
        }
    }
    if (lines->raw_start == lines->raw_end && !lines->raw_ended) {
        CAPPY_TRY(read_raw(lines, error));
    }
    z_stream *inflater = &lines->inflater;
    inflater->next_in = lines->raw + lines->raw_start;
    inflater->avail_in = (uInt)(lines->raw_end - lines->raw_start);
    inflater->next_out = (unsigned char *)lines->text.data + lines->text.size;
    inflater->avail_out = CHUNK;
    int result = inflate(inflater, Z_NO_FLUSH);
    lines->raw_start = lines->raw_end - inflater->avail_in;
    lines->text.size += CHUNK - inflater->avail_out;
    if (result == Z_STREAM_END) {
        lines->in_member = false;
    } else if (result == Z_MEM_ERROR) {
        return cappy_error_no_memory(error);
    } else if (result == Z_BUF_ERROR && lines->raw_ended) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "%s: the gzip data ends too early; the file is cut off: copy or "
                               "download it again",
                               lines->name);
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "%s: the gzip data is damaged near byte %llu (%s): copy or download "
                               "it again",
                               lines->name,
                               (unsigned long long)(lines->n_read - inflater->avail_in),
                               inflater->msg != NULL ? inflater->msg : "unknown");
    }
    return CAPPY_OK;
}

/* Adds at least one byte to `text`, or finds that there are no more, or (between gzip members) does
 * neither. */
static cappy_status read_text(struct cappy_lines *lines, cappy_error *error)
{
    struct cappy_buffer *text = &lines->text;
    if (lines->start > 0) {
        memmove(text->data, text->data + lines->start, text->size - lines->start);
        text->size -= lines->start;
        lines->searched -= lines->start;
        lines->start = 0;
    }
    CAPPY_TRY(cappy_buffer_reserve(text, CHUNK, error));
    if (lines->form == FORM_UNKNOWN) {
        CAPPY_TRY(find_form(lines, error));
    }
    if (lines->form == FORM_GZIP) {
        return inflate_raw(lines, error);
    }
    if (lines->raw_start == lines->raw_end && !lines->raw_ended) {
        CAPPY_TRY(read_raw(lines, error));
    }
    CAPPY_TRY(cappy_buffer_append(text, lines->raw + lines->raw_start,
                                  lines->raw_end - lines->raw_start, error));
    lines->raw_start = lines->raw_end;
    lines->text_ended = lines->raw_ended;
    return CAPPY_OK;
}

/* The next line, blank ones too. Sizes are without the line's end. */
static cappy_status next_line(struct cappy_lines *lines, const char **line, size_t *size,
                              cappy_error *error)
{
    for (;;) {
        char *text = lines->text.data;
        size_t left = lines->text.size - lines->searched;
        char *end = left != 0 ? memchr(text + lines->searched, '\n', left) : NULL;
        size_t length = (end != NULL ? (size_t)(end - text) : lines->text.size) - lines->start;
        if (length > lines->line_limit) {
            return cappy_error_set(
                error, CAPPY_FORMAT,
                "%s:%zu: the line is longer than %zu MiB: a row must be one line "
                "of JSON, and this long a one is most likely another kind of file",
                lines->name, lines->number + 1, lines->line_limit >> 20);
        }
        if (end != NULL || (lines->text_ended && length > 0)) {
            *line = text + lines->start;
            *size = length;
            lines->start += length + (end != NULL ? 1 : 0);
            lines->searched = lines->start;
            lines->number++;
            return CAPPY_OK;
        }
        if (lines->text_ended) {
            *line = NULL;
            *size = 0;
            return CAPPY_OK;
        }
        lines->searched = lines->text.size;
        CAPPY_TRY(read_text(lines, error));
    }
}

static bool is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') {
            return false;
        }
    }
    return true;
}

cappy_status cappy_lines_next(struct cappy_lines *lines, const char **line, size_t *size,
                              cappy_error *error)
{
    static const char mark[3] = "\xEF\xBB\xBF";
    do {
        CAPPY_TRY(next_line(lines, line, size, error));
        if (lines->number == 1 && *size >= sizeof mark && memcmp(*line, mark, sizeof mark) == 0) {
            *line += sizeof mark;
            *size -= sizeof mark;
        }
    } while (*line != NULL && is_blank(*line, *size));
    if (*size > 0 && (*line)[*size - 1] == '\r') {
        (*size)--;
    }
    return CAPPY_OK;
}

bool cappy_lines_ready(const struct cappy_lines *lines)
{
    const struct cappy_buffer *text = &lines->text;
    if (lines->text_ended || lines->raw_start < lines->raw_end ||
        (lines->start < text->size &&
         memchr(text->data + lines->start, '\n', text->size - lines->start) != NULL)) {
        return true;
    }
    struct pollfd input = {.fd = lines->descriptor, .events = POLLIN};
    return poll(&input, 1, 0) != 0;
}

const char *cappy_lines_name(const struct cappy_lines *lines)
{
    return lines->name;
}

size_t cappy_lines_number(const struct cappy_lines *lines)
{
    return lines->number;
}

void cappy_lines_place(const struct cappy_lines *lines, uint64_t *done, uint64_t *total)
{
    /* Plain text that waits in `text` has not been used yet; of gzip data that part is too small to
     * matter. */
    size_t waiting = lines->raw_end - lines->raw_start;
    if (lines->form == FORM_PLAIN) {
        waiting += lines->text.size - lines->start;
    }
    *done = lines->n_read - waiting;
    *total =
        S_ISREG(lines->file.st_mode) && lines->file.st_size > 0 ? (uint64_t)lines->file.st_size : 0;
}

bool cappy_lines_is_file(const struct cappy_lines *lines, dev_t device, ino_t inode)
{
    return S_ISREG(lines->file.st_mode) && lines->file.st_dev == device &&
           lines->file.st_ino == inode;
}
