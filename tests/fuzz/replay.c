/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz harness over files and folders of inputs, without a fuzzing engine. Fails when it
 * found none. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/base.h"
#include "fuzz.h"

enum { INPUT_LIMIT = 64 << 20 };

static int run_file(const char *path)
{
    struct cappy_buffer input;
    cappy_error error;
    cappy_buffer_init(&input, INPUT_LIMIT);
    if (cappy_file_read(path, &input, &error) != CAPPY_OK) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    /* A copy of the exact size lets the sanitizer see a read one byte past the end. */
    uint8_t *exact = malloc(input.size != 0 ? input.size : 1);
    for (size_t i = 0; i < input.size; i++) {
        exact[i] = (uint8_t)input.data[i];
    }
    LLVMFuzzerTestOneInput(exact, input.size);
    free(exact);
    cappy_buffer_free(&input);
    return 1;
}

static int run_path(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return run_file(path);
    }
    int n = 0;
    DIR *directory = opendir(path);
    for (struct dirent *entry = NULL; directory != NULL && (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.') {
            char *name = cappy_path_join(path, entry->d_name);
            n += run_path(name);
            cappy_free(name);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++) {
        n += run_path(argv[i]);
    }
    printf("%d inputs replayed\n", n);
    return n > 0 ? 0 : 1;
}
