/* SPDX-License-Identifier: Apache-2.0 */
/* The folders of checkpoints: finding, making and removing them. Private to train. */
#ifndef CAPPY_TRAIN_FOLDERS_H
#define CAPPY_TRAIN_FOLDERS_H

#include <stdbool.h>

#include "base/base.h"

/* The steps of the checkpoints in `directory`, newest first, in new memory. */
cappy_status cappy_folders_list(const char *directory, size_t **steps, size_t *n,
                                cappy_error *error);

/* "directory/checkpoint-N", with ".part" while it is made or removed, in new memory. */
char *cappy_folder_path(const char *directory, size_t step, bool is_part);

/* Removes a folder of files; where there is none, nothing. */
void cappy_folder_remove(const char *path);

/* Removes what interrupted writing and removing left in `directory`. */
void cappy_folders_tidy(const char *directory);

#endif
