/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, and finding one by its name. */
#include <stdint.h>
#include <string.h>

#include "cli/cli.h"

const struct cappy_command *const cappy_commands[] = {
#define COMMAND_ADDRESS(name) &cappy_command_##name,
    CAPPY_COMMAND_MAP(COMMAND_ADDRESS)
#undef COMMAND_ADDRESS
        NULL};

static const char *next_command(const void *context, size_t index)
{
    (void)context;
    return cappy_commands[index] != NULL ? cappy_commands[index]->name : NULL;
}

cappy_status cappy_command_find(const char *name, const struct cappy_command **command,
                                cappy_error *error)
{
    for (size_t i = 0; cappy_commands[i] != NULL; i++) {
        if (strcmp(cappy_commands[i]->name, name) == 0) {
            *command = cappy_commands[i];
            return CAPPY_OK;
        }
    }
    const char *nearest = cappy_nearest_name(name, next_command, NULL);
    return cappy_error_set(error, CAPPY_ARGUMENT, "there is no command \"%s\"%s%s%s", name,
                           nearest != NULL ? "; did you mean \"" : "",
                           nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

/* ---- Nearest names --------------------------------------------------------------------------- */

enum { NAME_LIMIT = 32, FAR = 1000 };

/* The number of letters to insert, delete or change to turn `a` into `b` (Levenshtein), or FAR for
 * long names. */
static size_t measure_distance(const char *a, const char *b)
{
    size_t n_a = strlen(a);
    size_t n_b = strlen(b);
    size_t row[NAME_LIMIT + 1];
    if (n_a > NAME_LIMIT || n_b > NAME_LIMIT) {
        return FAR;
    }
    for (size_t j = 0; j <= n_b; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0]; /* the entry above and to the left */
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
            size_t gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < gap ? change : gap;
        }
    }
    return row[n_b];
}

const char *cappy_nearest_name(const char *name, const char *(*next)(const void *, size_t),
                               const void *context)
{
    const char *nearest = NULL;
    size_t least = FAR;
    size_t length = strlen(name);
    for (size_t i = 0; next(context, i) != NULL; i++) {
        const char *candidate = next(context, i);
        /* The beginning of a name counts as a single slip. */
        size_t distance = length >= 2 && strncmp(candidate, name, length) == 0
                              ? 1
                              : measure_distance(name, candidate);
        if (distance < least) {
            least = distance;
            nearest = candidate;
        }
    }
    return least <= 1 + length / 4 && least < length ? nearest : NULL;
}
