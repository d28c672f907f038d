/* SPDX-License-Identifier: Apache-2.0 */
#include "base/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

static cappy_status refuse(const char *path, cappy_error *error)
{
    return cappy_error_set(error, CAPPY_IO, "%s: cannot be written: %s", path, strerror(errno));
}

static void forget(struct cappy_writer *writer)
{
    if (writer->descriptor >= 0) {
        close(writer->descriptor);
    }
    cappy_free(writer->path);
    cappy_free(writer->temporary);
    *writer = (struct cappy_writer){.descriptor = -1};
}

cappy_status cappy_writer_open(const char *path, struct cappy_writer *writer, cappy_error *error)
{
    static const char suffix[] = ".part";
    const size_t size = strlen(path);
    *writer = (struct cappy_writer){.descriptor = -1};
    writer->path = cappy_strndup(path, size);
    writer->temporary = cappy_alloc(size + sizeof suffix, 1);
    if (writer->path == NULL || writer->temporary == NULL) {
        forget(writer);
        return cappy_error_no_memory(error);
    }
    memcpy(writer->temporary, path, size);
    memcpy(writer->temporary + size, suffix, sizeof suffix);
    writer->descriptor =
        open(writer->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (writer->descriptor < 0) {
        refuse(writer->temporary, error);
        forget(writer);
        return CAPPY_IO;
    }
    return CAPPY_OK;
}

cappy_status cappy_writer_add(struct cappy_writer *writer, const void *data, size_t size,
                              cappy_error *error)
{
    enum { PIECE = 1 << 30 };
    const unsigned char *bytes = data;
    while (size > 0) {
        const size_t piece = size < PIECE ? size : PIECE;
        const ssize_t n = write(writer->descriptor, bytes, piece);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return refuse(writer->path, error);
        }
        writer->checksum = (uint32_t)crc32(writer->checksum, bytes, (uInt)n);
        bytes += n;
        size -= (size_t)n;
    }
    return CAPPY_OK;
}

cappy_status cappy_directory_sync(const char *path, cappy_error *error)
{
    const int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems have nothing to sync in a directory, and say so. */
    const bool failed = descriptor < 0 || (fsync(descriptor) != 0 && errno != EINVAL);
    const cappy_status status = failed ? refuse(path, error) : CAPPY_OK;
    if (descriptor >= 0) {
        close(descriptor);
    }
    return status;
}

/* Syncs the directory that `path` is in. */
static cappy_status sync_parent(const char *path, cappy_error *error)
{
    const char *slash = strrchr(path, '/');
    char *parent =
        slash == NULL ? cappy_strndup(".", 1) : cappy_strndup(path, (size_t)(slash - path) + 1);
    if (parent == NULL) {
        return cappy_error_no_memory(error);
    }
    const cappy_status status = cappy_directory_sync(parent, error);
    cappy_free(parent);
    return status;
}

cappy_status cappy_writer_close(struct cappy_writer *writer, cappy_status status,
                                cappy_error *error)
{
    if (writer->descriptor < 0) {
        return status;
    }
    if (status == CAPPY_OK && fsync(writer->descriptor) != 0) {
        status = refuse(writer->path, error);
    }
    const int closed = close(writer->descriptor);
    writer->descriptor = -1;
    if (status == CAPPY_OK && (closed != 0 || rename(writer->temporary, writer->path) != 0)) {
        status = refuse(writer->path, error);
    }
    if (status == CAPPY_OK) {
        status = sync_parent(writer->path, error);
    } else {
        unlink(writer->temporary);
    }
    forget(writer);
    return status;
}

cappy_status cappy_file_write(const char *path, const void *data, size_t size, cappy_error *error)
{
    struct cappy_writer writer;
    CAPPY_TRY(cappy_writer_open(path, &writer, error));
    const cappy_status status = cappy_writer_add(&writer, data, size, error);
    return cappy_writer_close(&writer, status, error);
}

cappy_status cappy_file_checksum(const char *path, uint32_t *checksum, cappy_error *error)
{
    enum { PIECE = 1 << 24 };
    struct cappy_file file;
    CAPPY_TRY(cappy_file_map(path, &file, error));
    uLong sum = 0;
    for (size_t at = 0; at < file.size; at += PIECE) {
        const size_t piece = file.size - at < PIECE ? file.size - at : PIECE;
        sum = crc32(sum, file.data + at, (uInt)piece);
        cappy_file_release(&file, at, piece);
    }
    cappy_file_unmap(&file);
    *checksum = (uint32_t)sum;
    return CAPPY_OK;
}
