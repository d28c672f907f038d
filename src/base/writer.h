/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are there whole or not at all, whenever the power goes: written under another name,
 * synced, renamed. */
#ifndef CAPPY_BASE_WRITER_H
#define CAPPY_BASE_WRITER_H

#include "cappy.h"

struct cappy_writer {
    int descriptor;
    char *path;
    char *temporary;   /* the name until it is whole */
    uint32_t checksum; /* CRC-32 of what was added */
};

/* Begins the file `path`. The caller closes *writer. */
cappy_status cappy_writer_open(const char *path, struct cappy_writer *writer, cappy_error *error);
cappy_status cappy_writer_add(struct cappy_writer *writer, const void *data, size_t size,
                              cappy_error *error);

/* With a `status` of CAPPY_OK makes the file durable under its name, replacing what had it; else
 * leaves nothing behind. Returns `status`, or what went wrong only now. */
cappy_status cappy_writer_close(struct cappy_writer *writer, cappy_status status,
                                cappy_error *error);

/* The three in one. */
cappy_status cappy_file_write(const char *path, const void *data, size_t size, cappy_error *error);

/* Makes the names in a directory durable: of files made, renamed or removed. */
cappy_status cappy_directory_sync(const char *path, cappy_error *error);

/* CRC-32 of a file's contents. */
cappy_status cappy_file_checksum(const char *path, uint32_t *checksum, cappy_error *error);

#endif
