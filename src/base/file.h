/* SPDX-License-Identifier: Apache-2.0 */
/* Files: mapped whole and read-only, read whole under a limit. Directories, devices and pipes
 * are refused. */
#ifndef CAPPY_BASE_FILE_H
#define CAPPY_BASE_FILE_H

#include <stdbool.h>

#include "base/buffer.h"

struct cappy_file {
    const unsigned char *data; /* [size], mapped; NULL for an empty file */
    size_t size;
};

/* Maps `path` read-only. CAPPY_IO when it cannot be opened or is not a regular file. */
cappy_status cappy_file_map(const char *path, struct cappy_file *file, cappy_error *error);
void cappy_file_unmap(struct cappy_file *file);

/* Tells the system that file[offset..offset+size) will not be needed soon, so that its pages
 * need not stay resident. */
void cappy_file_release(const struct cappy_file *file, size_t offset, size_t size);

/* Appends the whole of `path` to `buffer`. CAPPY_FORMAT when the file is larger than the buffer's
 * limit allows. */
cappy_status cappy_file_read(const char *path, struct cappy_buffer *buffer, cappy_error *error);

bool cappy_file_exists(const char *path);

/* "directory/name" in new memory. */
char *cappy_path_join(const char *directory, const char *name);

#endif
