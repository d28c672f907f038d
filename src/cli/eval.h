/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of cappy eval. */
#ifndef CAPPY_CLI_EVAL_H
#define CAPPY_CLI_EVAL_H

#include "cli/inputs.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "eval/eval.h"

enum cappy_eval_kind { CAPPY_EVAL_CLASSIFY, CAPPY_EVAL_POOL };

struct cappy_eval_arguments {
    struct cappy_common common;
    const char *label;
    const char *samples;
    const char *report;
    size_t limit; /* 0: none */
    size_t seed;
    int grading; /* an enum cappy_grading */
    bool alone;
    bool scored;
    struct cappy_real mix_weight;
};

struct cappy_eval {
    const struct cappy_eval_arguments *arguments;
    enum cappy_eval_kind kind;
    struct cappy_progress progress;
    bool with_alone; /* score without the instruction, too */

    struct cappy_suite suite;
    struct cappy_eval_place *places; /* [n_places], tasks of files, in the order of their rows */
    size_t n_places;
    size_t n_single; /* rows that have one answer alone, and are in no figure */

    struct cappy_session session;
    bool has_session;
    double probe;   /* the model's score of a fixed pair, to know it again */
    size_t n_kept;  /* cases whose scores were in the samples already */
    size_t n_pairs; /* scored */
    double begun;   /* by cappy_clock */
    double weight;  /* of consensus in the mix */
    struct cappy_figures figures;
};

/* Adds a row to the suite, which owns it on success: task rows, of the wanted kind. */
cappy_status cappy_eval_add(struct cappy_eval *eval, struct cappy_row *row, cappy_error *error);

void cappy_eval_free_rows(struct cappy_eval *eval);

/* Reads the rows of the files. */
cappy_status cappy_eval_read(struct cappy_eval *eval, char *const *paths, size_t n,
                             cappy_error *error);

/* Ends reading. Tasks of the same name in several files get the names of these. */
cappy_status cappy_eval_complete(struct cappy_eval *eval, cappy_error *error);

/* Scores all cases; those that are in the samples already are not scored again, and those that are
 * scored come into them. */
cappy_status cappy_eval_score(struct cappy_eval *eval, cappy_error *error);

/* Takes the scores from the rows. */
cappy_status cappy_eval_take_scores(struct cappy_eval *eval, cappy_error *error);

/* Prints the figures, and writes the page of --report. */
cappy_status cappy_eval_tell(struct cappy_eval *eval, cappy_error *error);

/* ---- Samples: rows with their scores, a file for each file of rows ---- */

struct cappy_samples {
    const char *directory;
    const char *source; /* the file whose rows are being written; NULL: none */
    char *path;
    int descriptor;
    struct cappy_buffer text;
};

/* Takes the scores of the cases from `first` on, all of one file, from its samples, as far as they
 * go: *kept receives how many that are. Leaves the file open to write behind them. CAPPY_FORMAT
 * where they are of other rows or another model. */
cappy_status cappy_samples_resume(struct cappy_samples *samples, struct cappy_eval *eval,
                                  size_t first, size_t n, size_t *kept, cappy_error *error);

/* Writes scored cases [first, end) of the file. */
cappy_status cappy_samples_write(struct cappy_samples *samples, const struct cappy_eval *eval,
                                 size_t first, size_t end, cappy_error *error);
cappy_status cappy_samples_close(struct cappy_samples *samples, cappy_status status,
                                 cappy_error *error);

/* Sets the scores of a case from the members "scores" and, where the suite has those, "alone" of
 * `json`. CAPPY_FORMAT where they are not there, or not as many as there are responses. */
cappy_status cappy_samples_take(struct cappy_eval *eval, struct cappy_case *item,
                                const json_t *json, cappy_error *error);

#endif
