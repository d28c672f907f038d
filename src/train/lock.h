/* SPDX-License-Identifier: Apache-2.0 */
/* One run at a time in a directory. Private to train. */
#ifndef CAPPY_TRAIN_LOCK_H
#define CAPPY_TRAIN_LOCK_H

#include "base/base.h"

/* The name of the file that is locked; it is gone when the run ends, but not when it is killed. */
#define CAPPY_LOCK_NAME ".lock"

struct cappy_lock {
    int descriptor; /* -1: not locked */
    char *path;
};

/* Locks `directory` for as long as this process lives, or until cappy_lock_close. CAPPY_IO when
 * another run has it. Where the file system knows no locks, *lock is not locked. */
cappy_status cappy_lock_open(const char *directory, struct cappy_lock *lock, cappy_error *error);
void cappy_lock_close(struct cappy_lock *lock);

#endif
