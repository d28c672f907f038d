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
    const char *group;
    const char *samples;
    const char *report;
    size_t limit; /* 0: none */
    size_t seed;
    int grading; /* an enum cappy_grading */
    int suite;   /* 0: none, else an enum cappy_benchmark_name plus 1 */
    bool alone;
    bool scored;
    const char *models;
    struct cappy_real mix_temperature;
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
    char *opened;       /* the folder of its model; NULL: the default one */
    size_t n_opened;    /* models, so far */
    double probe;       /* the model's score of a fixed pair, to know it again */
    size_t n_kept;      /* cases whose scores were in the samples already */
    size_t n_pairs;     /* scored */
    double begun;       /* by cappy_clock */
    double temperature; /* of the mix */
    struct cappy_figures figures;
    struct cappy_buffer page; /* what there is of it, for --report */

    /* Of --suite: */
    const struct cappy_benchmark *benchmark;
    const char *generator; /* the language model whose answers these are */
    json_t *paths;         /* what files the rows are of */
};

/* Adds a row to the suite, which owns it on success: task rows, of the wanted kind. */
cappy_status cappy_eval_add(struct cappy_eval *eval, struct cappy_row *row, cappy_error *error);

void cappy_eval_free_rows(struct cappy_eval *eval);

/* Reads the rows of the files. */
cappy_status cappy_eval_read(struct cappy_eval *eval, char *const *paths, size_t n,
                             cappy_error *error);

/* Ends reading. Tasks of the same name in several files get the names of these. */
cappy_status cappy_eval_complete(struct cappy_eval *eval, cappy_error *error);

void cappy_eval_close_model(struct cappy_eval *eval);

/* Opens models as they are needed and scores all cases; those that are in the samples already are
 * not scored again, and those that are scored come into them. */
cappy_status cappy_eval_score(struct cappy_eval *eval, cappy_error *error);

/* Takes the scores from the rows. */
cappy_status cappy_eval_take_scores(struct cappy_eval *eval, cappy_error *error);

/* Scores, or takes the scores from the rows for --scored. */
cappy_status cappy_eval_get_scores(struct cappy_eval *eval, cappy_error *error);

/* Makes the figures. */
cappy_status cappy_eval_measure(struct cappy_eval *eval, cappy_error *error);

/* Appends what was evaluated with, and how long it took. */
cappy_status cappy_eval_describe(const struct cappy_eval *eval, struct cappy_buffer *out,
                                 cappy_error *error);

/* Prints the figures, and writes the page of --report. */
cappy_status cappy_eval_tell(struct cappy_eval *eval, cappy_error *error);

/* Where --report asks for a page: adds the figures to it, under the title; writes it. */
cappy_status cappy_eval_add_to_page(struct cappy_eval *eval, const char *title, cappy_error *error);
cappy_status cappy_eval_write_page(struct cappy_eval *eval, cappy_error *error);

/* ---- Suites ---- */

/* Runs a benchmark on the data in the folder that is the operand. */
cappy_status cappy_eval_suite(struct cappy_eval *eval, enum cappy_benchmark_name name,
                              cappy_error *error);

/* Reads a file of scored responses as Cappy's authors have it, for promptsource11. The path must
 * outlive the rows, here and below. */
cappy_status cappy_eval_read_pairs(struct cappy_eval *eval, const char *path, cappy_error *error);

/* Reads a file of sampled answers to a task as they have it, for bigbench45. */
cappy_status cappy_eval_read_flan(struct cappy_eval *eval, const char *path, const char *task,
                                  cappy_error *error);

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
