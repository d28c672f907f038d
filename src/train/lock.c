/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* F_OFD_SETLK: works on network file systems too, and between threads */
#include "train/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether `path` still names the file that is open: the one who had the lock before may have
 * removed it. */
static bool is_same(int descriptor, const char *path)
{
    struct stat open_file;
    struct stat named;
    return fstat(descriptor, &open_file) == 0 && stat(path, &named) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

static cappy_status try_lock(const char *directory, struct cappy_lock *lock, cappy_error *error)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    lock->descriptor = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->descriptor < 0) {
        return cappy_error_set(error, CAPPY_IO, "%s: cannot be written to: %s", directory,
                               strerror(errno));
    }
    if (fcntl(lock->descriptor, F_OFD_SETLK, &whole) == 0) {
        return CAPPY_OK;
    }
    const int reason = errno;
    close(lock->descriptor);
    lock->descriptor = -1;
    if (reason != EAGAIN && reason != EACCES) {
        unlink(lock->path); /* no locks here */
        return CAPPY_OK;
    }
    return cappy_error_set(error, CAPPY_IO,
                           "%s: another run is at work there: wait until it is done, or choose "
                           "another --out",
                           directory);
}

cappy_status cappy_lock_open(const char *directory, struct cappy_lock *lock, cappy_error *error)
{
    *lock =
        (struct cappy_lock){.descriptor = -1, .path = cappy_path_join(directory, CAPPY_LOCK_NAME)};
    if (lock->path == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = CAPPY_OK;
    do {
        if (lock->descriptor >= 0) {
            close(lock->descriptor);
        }
        status = try_lock(directory, lock, error);
    } while (status == CAPPY_OK && lock->descriptor >= 0 && !is_same(lock->descriptor, lock->path));
    if (status != CAPPY_OK) {
        cappy_lock_close(lock);
    }
    return status;
}

void cappy_lock_close(struct cappy_lock *lock)
{
    if (lock->descriptor >= 0) {
        unlink(lock->path);
        close(lock->descriptor);
    }
    cappy_free(lock->path);
    *lock = (struct cappy_lock){.descriptor = -1};
}
