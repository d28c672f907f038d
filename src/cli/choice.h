/* SPDX-License-Identifier: Apache-2.0 */
/* One instruction and the scored answers to choose from: what commands that choose have in
 * common. */
#ifndef CAPPY_CLI_CHOICE_H
#define CAPPY_CLI_CHOICE_H

#include "cli/cli.h"

struct cappy_choice {
    const cappy_pair *pairs; /* [n], all with the same instruction */
    const float *scores;     /* [n], finite */
    size_t n;                /* at least 1 */
};

/* The row --label of a command that chooses, for arguments with a member `label`. */
#define CAPPY_CHOICE_LABEL(arguments)                                                              \
    {                                                                                              \
        .name = "label", .type = CAPPY_OPTION_TEXT, .offset = offsetof(arguments, label),          \
        .value = "NAME|INDEX",                                                                     \
        .help = "Which number counts, of a model that gives several for a pair."                   \
    }

/* The index of the first highest score. */
size_t cappy_choice_best(const struct cappy_choice *choice);

/* Adds "scores" and "best" to `object`, and "label", the best response, when `with_label` is
 * set. */
cappy_status cappy_choice_set(json_t *object, const struct cappy_choice *choice, bool with_label,
                              cappy_error *error);

/* What to choose from when it stands on the command line. */
struct cappy_choice_job {
    const struct cappy_common *common;
    const char *label;       /* of the model, as for cappy_session_open */
    const cappy_pair *pairs; /* [n], all with the same instruction */
    size_t n;
    const char *list; /* what JSON output calls the responses */
    bool with_label;  /* as for cappy_choice_set */
};

/* Scores the pairs and prints a table, or a row with --json. */
cappy_status cappy_choice_run(const struct cappy_choice_job *job, cappy_error *error);

#endif
