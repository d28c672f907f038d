/* SPDX-License-Identifier: Apache-2.0 */
/* Where the default model is. */
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

static bool is_model(const char *directory)
{
    char config[PATH_MAX + 16];
    int n = snprintf(config, sizeof config, "%s/config.json", directory);
    return n > 0 && (size_t)n < sizeof config && cappy_file_exists(config);
}

static cappy_status copy_path(const char *directory, char *path, size_t capacity,
                              cappy_error *error)
{
    if (strlen(directory) >= capacity) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "the default model's path has %zu bytes, there is room for %zu",
                               strlen(directory) + 1, capacity);
    }
    memcpy(path, directory, strlen(directory) + 1);
    return CAPPY_OK;
}

/* The directory of the file that this code was loaded from: the command, or libcappy.so. */
static bool find_own_directory(char own[PATH_MAX])
{
    Dl_info info;
    static const char marker;
    const char *file = "/proc/self/exe";
    if (dladdr(&marker, &info) != 0 && info.dli_fname != NULL &&
        strstr(info.dli_fname, ".so") != NULL) {
        file = info.dli_fname;
    }
    if (realpath(file, own) == NULL) {
        return false;
    }
    char *slash = strrchr(own, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* Places of the model as seen from the directory of the program or library: installed (bin/, lib/,
 * lib/<triplet>/), then in the source tree (build/, build/tests/, and one deeper). */
static const char *const places[] = {
    "../" CAPPY_MODEL_SUBDIR, "../../" CAPPY_MODEL_SUBDIR, "../models/default",
    "../../models/default",   "../../../models/default",
};

cappy_status cappy_model_default(char *path, size_t capacity, cappy_error *error)
{
    const char *wish = getenv("CAPPY_MODEL");
    if (wish != NULL && wish[0] != '\0') {
        if (is_model(wish)) {
            return copy_path(wish, path, capacity, error);
        }
        return cappy_error_set(error, CAPPY_IO, "CAPPY_MODEL=%s: no model there (no config.json)",
                               wish);
    }
    char own[PATH_MAX];
    bool known = find_own_directory(own);
    for (size_t i = 0; known && i < sizeof places / sizeof places[0]; i++) {
        char candidate[2 * PATH_MAX];
        char resolved[PATH_MAX];
        snprintf(candidate, sizeof candidate, "%s/%s", own, places[i]);
        if (realpath(candidate, resolved) != NULL && is_model(resolved)) {
            return copy_path(resolved, path, capacity, error);
        }
    }
    return cappy_error_set(error, CAPPY_IO,
                           "the default model was not found; name one with --model DIR or in the "
                           "environment variable CAPPY_MODEL");
}
