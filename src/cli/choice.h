/* SPDX-License-Identifier: Apache-2.0 */
/* One instruction and the scored answers to choose from: what commands that choose have in
 * common. */
#ifndef CAPPY_CLI_CHOICE_H
#define CAPPY_CLI_CHOICE_H

#include "cli/session.h"
#include "task/task.h"

struct cappy_choice {
    const cappy_pair *pairs; /* [n], all with the same instruction */
    const float *scores;     /* [n], finite */
    const double *keys;      /* [n], what is chosen by: where several are as high, by score */
    size_t n;                /* at least 1 */
    size_t best;
};

/* The row --label of a command that chooses, for arguments with a member `label`. */
#define CAPPY_CHOICE_LABEL(arguments)                                                              \
    {                                                                                              \
        .name = "label", .type = CAPPY_OPTION_TEXT, .offset = offsetof(arguments, label),          \
        .value = "NAME|INDEX",                                                                     \
        .help = "Which number counts, of a model that gives several for a pair."                   \
    }

/* The row --table of a command that ranks, for arguments with a member `table`. */
#define CAPPY_CHOICE_TABLE(arguments)                                                              \
    {                                                                                              \
        .name = "table", .type = CAPPY_OPTION_FLAG, .offset = offsetof(arguments, table),          \
        .help = "Print a table for each row instead of the row."                                   \
    }

/* The values of the options below. */
struct cappy_select_arguments {
    int by; /* an enum cappy_selection */
    struct cappy_real mix_temperature;
};

/* --select and --mix-temperature of a command that chooses among answers, for arguments with a
 * member `select`. */
#define CAPPY_CHOICE_SELECT(arguments)                                                             \
    {.name = "select",                                                                             \
     .type = CAPPY_OPTION_CHOICE,                                                                  \
     .offset = offsetof(arguments, select.by),                                                     \
     .value = "HOW",                                                                               \
     .choices = cappy_selection_names,                                                             \
     .help =                                                                                       \
         "What the best is chosen by: score; consensus, the highest mean ROUGE-L to the "          \
         "others; vote, for short answers: the answer whose scores have the highest sum; mix: "    \
         "consensus in which the others count by their scores; auto (if not given): mix where "    \
         "the model brings a temperature for it, else score."},                                    \
    {                                                                                              \
        .name = "mix-temperature", .type = CAPPY_OPTION_REAL,                                      \
        .offset = offsetof(arguments, select.mix_temperature), .value = "T",                       \
        .help = "Of the mix: the lower, the more do high scores count, the higher, the more does " \
                "consensus; if not given, what cappy adapt has kept with the model, or else 1."    \
    }

/* CAPPY_ARGUMENT for one below 0. */
cappy_status cappy_temperature_check(const struct cappy_real *temperature, cappy_error *error);

/* CAPPY_ARGUMENT for a temperature without a mix, or below 0. */
cappy_status cappy_select_check(const struct cappy_select_arguments *select, cappy_error *error);

/* As it was asked for. */
struct cappy_choosing cappy_select_asked(const struct cappy_select_arguments *select);

/* How to choose with the session's model. */
struct cappy_choosing cappy_select_settle(const struct cappy_select_arguments *select,
                                          const struct cappy_session *session);

/* Says on standard error what was chosen by, where that is more than the score. */
void cappy_select_report(const struct cappy_choosing *how);

/* The choice among n > 0 responses; it lives until the chooser chooses again. */
cappy_status cappy_choice_make(struct cappy_chooser *chooser, const cappy_pair *pairs,
                               const float *scores, size_t n, struct cappy_choice *choice,
                               cappy_error *error);

/* Adds "scores" and "best" to `object`, and "label", the best response, when `with_label` is
 * set. */
cappy_status cappy_choice_set(json_t *object, const struct cappy_choice *choice, bool with_label,
                              cappy_error *error);

/* What to choose from when it stands on the command line. */
struct cappy_choice_job {
    const struct cappy_common *common;
    const char *label; /* of the model, as for cappy_session_open */
    struct cappy_select_arguments select;
    const cappy_pair *pairs; /* [n], all with the same instruction */
    size_t n;
    const char *list; /* what JSON output calls the responses */
    bool with_label;  /* as for cappy_choice_set */
};

/* Scores the pairs and prints a table, or a row with --json. */
cappy_status cappy_choice_run(const struct cappy_choice_job *job, cappy_error *error);

#endif
