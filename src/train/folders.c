/* SPDX-License-Identifier: Apache-2.0 */
#include "train/folders.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "train/lock.h"
#include "train/train.h"

static const char prefix[] = "checkpoint-";
static const char suffix[] = ".part";

/* The step of a folder called `name`, and what follows its number; false when it is none. */
static bool parse_name(const char *name, size_t *step, const char **rest)
{
    const size_t start = sizeof prefix - 1;
    if (strncmp(name, prefix, start) != 0 || name[start] < '0' || name[start] > '9') {
        return false;
    }
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(name + start, &end, 10);
    *step = (size_t)value;
    *rest = end;
    return errno == 0;
}

static int compare_steps(const void *left, const void *right)
{
    const size_t a = *(const size_t *)left;
    const size_t b = *(const size_t *)right;
    return (a < b) - (a > b);
}

cappy_status cappy_folders_list(const char *directory, size_t **steps, size_t *n,
                                cappy_error *error)
{
    size_t capacity = 0;
    *steps = NULL;
    *n = 0;
    DIR *folder = opendir(directory);
    if (folder == NULL) {
        return cappy_error_set(error, CAPPY_IO, "%s: %s", directory, strerror(errno));
    }
    cappy_status status = CAPPY_OK;
    for (struct dirent *entry; status == CAPPY_OK && (entry = readdir(folder)) != NULL;) {
        size_t step;
        const char *rest;
        if (!parse_name(entry->d_name, &step, &rest) || rest[0] != '\0') {
            continue;
        }
        size_t *more = cappy_grow(*steps, *n, &capacity, sizeof *more);
        if (more == NULL) {
            status = cappy_error_no_memory(error);
            break;
        }
        *steps = more;
        (*steps)[(*n)++] = step;
    }
    closedir(folder);
    if (status != CAPPY_OK) {
        cappy_free(*steps);
        *steps = NULL;
    } else if (*n > 0) {
        qsort(*steps, *n, sizeof **steps, compare_steps);
    }
    return status;
}

char *cappy_folder_path(const char *directory, size_t step, bool is_part)
{
    char name[64];
    snprintf(name, sizeof name, "%s%zu%s", prefix, step, is_part ? suffix : "");
    return cappy_path_join(directory, name);
}

void cappy_folder_remove(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char *file = cappy_path_join(path, entry->d_name);
        if (file != NULL && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            unlink(file);
        }
        cappy_free(file);
    }
    if (folder != NULL) {
        closedir(folder);
        rmdir(path);
    }
}

void cappy_folders_tidy(const char *directory)
{
    DIR *folder = opendir(directory);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        size_t step;
        const char *rest;
        char *path = cappy_path_join(directory, entry->d_name);
        if (path != NULL && parse_name(entry->d_name, &step, &rest) && strcmp(rest, suffix) == 0) {
            cappy_folder_remove(path);
        }
        cappy_free(path);
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

/* Whether there is nothing in `directory` but what a run leaves that was killed at its start. */
static bool is_empty(const char *directory)
{
    size_t n = 0;
    DIR *folder = opendir(directory);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
             strcmp(entry->d_name, CAPPY_LOCK_NAME) != 0;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return folder != NULL && n == 0;
}

cappy_status cappy_train_prepare(const char *directory, bool resume, cappy_error *error)
{
    struct stat status;
    if (mkdir(directory, 0777) == 0) {
        return CAPPY_OK;
    }
    if (errno != EEXIST) {
        return cappy_error_set(error, CAPPY_IO, "%s: cannot be made: %s", directory,
                               strerror(errno));
    }
    if (stat(directory, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "%s: is there and is not a directory",
                               directory);
    }
    if (!resume && !is_empty(directory)) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "%s: is there and is not empty: go on with the run in it by "
                               "--resume, or choose another --out",
                               directory);
    }
    return CAPPY_OK;
}
