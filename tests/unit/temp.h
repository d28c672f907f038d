/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch directories for tests. */
#ifndef CAPPY_TESTS_TEMP_H
#define CAPPY_TESTS_TEMP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct temp {
    char directory[256];
    char path[512]; /* what temp_path and temp_write gave last */
};

static inline void temp_fail(const char *what)
{
    perror(what);
    abort();
}

static inline void temp_make(struct temp *temp)
{
    const char *root = getenv("TMPDIR");
    snprintf(temp->directory, sizeof temp->directory, "%s/cappy-test-XXXXXX",
             root != NULL ? root : P_tmpdir);
    if (mkdtemp(temp->directory) == NULL) {
        temp_fail(temp->directory);
    }
}

/* The path of `name` in the directory; valid until the next call. */
static inline const char *temp_path(struct temp *temp, const char *name)
{
    snprintf(temp->path, sizeof temp->path, "%s/%s", temp->directory, name);
    return temp->path;
}

static inline const char *temp_write(struct temp *temp, const char *name, const void *data,
                                     size_t size)
{
    FILE *file = fopen(temp_path(temp, name), "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        temp_fail(temp->path);
    }
    return temp->path;
}

static inline const char *temp_write_text(struct temp *temp, const char *name, const char *text)
{
    return temp_write(temp, name, text, strlen(text));
}

/* Links the file at `from` into the directory. */
static inline void temp_link(struct temp *temp, const char *from, const char *name)
{
    if (symlink(from, temp_path(temp, name)) != 0) {
        temp_fail(temp->path);
    }
}

/* Removes the directory and what is in it; it holds files and links, and directories only when
 * empty. */
static inline void temp_remove(struct temp *temp)
{
    DIR *directory = opendir(temp->directory);
    for (struct dirent *entry = NULL; directory != NULL && (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            remove(temp_path(temp, entry->d_name)) != 0) {
            temp_fail(temp->path);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    rmdir(temp->directory);
}

/* For cmocka_run_group_tests: *state is a directory for the tests of a group. */
static inline int temp_set_up(void **state)
{
    static struct temp temp;
    temp_make(&temp);
    *state = &temp;
    return 0;
}

static inline int temp_tear_down(void **state)
{
    temp_remove(*state);
    return 0;
}

#endif
