/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

/* Opens a regular file; *size receives its length. The descriptor, or -1 with *error set. */
static int open_regular(const char *path, size_t *size, cappy_error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        cappy_error_set(error, CAPPY_IO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        cappy_error_set(error, CAPPY_IO, "%s: not a regular file", path);
    } else if (status.st_size < 0 || (uintmax_t)status.st_size > SIZE_MAX / 2) {
        cappy_error_set(error, CAPPY_IO, "%s: too large for this machine", path);
    } else {
        *size = (size_t)status.st_size;
        return descriptor;
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    return -1;
}

cappy_status cappy_file_map(const char *path, struct cappy_file *file, cappy_error *error)
{
    *file = (struct cappy_file){0};
    size_t size;
    int descriptor = open_regular(path, &size, error);
    if (descriptor < 0) {
        return CAPPY_IO;
    }
    void *data = NULL;
    if (size != 0) {
        data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    }
    int map_errno = errno;
    close(descriptor);
    if (data == MAP_FAILED) {
        return cappy_error_set(error, map_errno == ENOMEM ? CAPPY_NO_MEMORY : CAPPY_IO,
                               "%s: cannot be mapped: %s", path, strerror(map_errno));
    }
    file->data = data;
    file->size = size;
    return CAPPY_OK;
}

void cappy_file_unmap(struct cappy_file *file)
{
    if (file->data != NULL) {
        munmap((void *)(uintptr_t)file->data, file->size);
    }
    *file = (struct cappy_file){0};
}

void cappy_file_release(const struct cappy_file *file, size_t offset, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)file->data + offset + page - 1) / page * page;
    uintptr_t last = ((uintptr_t)file->data + offset + size) / page * page;
    if (file->data != NULL && first < last) {
        madvise((void *)first, last - first,
                MADV_DONTNEED); /* clean pages of a file: read again if touched */
    }
}

cappy_status cappy_file_read(const char *path, struct cappy_buffer *buffer, cappy_error *error)
{
    size_t size;
    int descriptor = open_regular(path, &size, error);
    if (descriptor < 0) {
        return CAPPY_IO;
    }
    if (size > buffer->limit - buffer->size) {
        close(descriptor);
        return cappy_error_set(error, CAPPY_FORMAT, "%s: has %zu bytes, at most %zu are read", path,
                               size, buffer->limit - buffer->size);
    }
    cappy_status status = cappy_buffer_reserve(buffer, size, error);
    size_t done = 0;
    while (status == CAPPY_OK && done < size) {
        ssize_t n = read(descriptor, buffer->data + buffer->size, size - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            status = cappy_error_set(error, CAPPY_IO, "cannot be read: %s",
                                     n < 0 ? strerror(errno) : "the file became shorter");
            break;
        }
        done += (size_t)n;
        buffer->size += (size_t)n;
    }
    close(descriptor);
    if (status != CAPPY_OK) {
        return cappy_error_at(error, status, path);
    }
    buffer->data[buffer->size] = '\0';
    return CAPPY_OK;
}

bool cappy_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *cappy_path_join(const char *directory, const char *name)
{
    size_t left = strlen(directory);
    size_t right = strlen(name);
    char *path = cappy_alloc(left + right + 2, 1);
    if (path != NULL) {
        memcpy(path, directory, left);
        path[left] = '/';
        memcpy(path + left + 1, name, right);
    }
    return path;
}
