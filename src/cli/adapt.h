/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of cappy adapt. */
#ifndef CAPPY_CLI_ADAPT_H
#define CAPPY_CLI_ADAPT_H

#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/progress.h"
#include "cli/split.h"
#include "eval/eval.h"
#include "train/train.h"

struct cappy_adapt_arguments {
    struct cappy_common common;
    const char *out;
    const char *held_out;
    const char *split_by;
    const char *report;
    size_t steps;
    size_t epochs;
    size_t batch_size;
    size_t mismatches;
    size_t near;
    size_t corruptions;
    size_t seed;
    size_t save_every;
    bool resume;
    bool recompute;
    int loss; /* an enum cappy_loss_kind */
    struct cappy_real rate;
    struct cappy_real dropout;
    struct cappy_real temperature;
    struct cappy_real ema_decay;
};

/* So many examples are trained on at most, if nobody asks for more: no more than a night. */
enum { CAPPY_ADAPT_MOST = 400000 };

struct cappy_adapt {
    const struct cappy_adapt_arguments *arguments;
    struct cappy_progress progress;

    char *rows_path;   /* training rows, while it runs */
    char *checks_path; /* validation rows, likewise */
    char *log_path;    /* of the steps; stays */

    struct cappy_split split;
    struct cappy_split excluded; /* instructions of the file of --held-out */
    struct cappy_suite validation;
    struct cappy_suite held_out;
    struct cappy_majority majority; /* of the training rows */
    uint64_t n_expected;            /* training rows, if all rows were trained on */
    size_t n_training;              /* rows */
    size_t n_graded;                /* training rows beside candidates */
    size_t n_excluded;              /* rows left out because their instruction is held out */
    size_t n_dropped;               /* held-out cases with nothing to choose from */

    struct cappy_base base;
    cappy_precision precision; /* of training */
    struct cappy_train_outcome outcome;
    double begun;         /* by cappy_clock */
    double train_seconds; /* of this process, as those of all together */
    double temperature;   /* of the mix */
    struct cappy_figures open;
    struct cappy_figures closed;
};

/* Reads the rows, parts them, and writes those of training and validation. */
cappy_status cappy_adapt_read(struct cappy_adapt *adapt, cappy_error *error);

/* Looks at the base model, and refuses one that cannot be trained. */
cappy_status cappy_adapt_look(struct cappy_adapt *adapt, cappy_error *error);

/* Trains, watched by the validation rows. */
cappy_status cappy_adapt_train(struct cappy_adapt *adapt, cappy_error *error);

/* Scores what is held out with the base model and the adapted one. */
cappy_status cappy_adapt_measure(struct cappy_adapt *adapt, cappy_error *error);

/* Appends how the rows were parted. */
cappy_status cappy_adapt_append_parts(const struct cappy_adapt *adapt, struct cappy_buffer *out,
                                      cappy_error *error);

/* Writes the page that --report asks for. */
cappy_status cappy_adapt_report(const struct cappy_adapt *adapt, cappy_error *error);

/* Prints what that was worth. */
cappy_status cappy_adapt_print(const struct cappy_adapt *adapt, cappy_error *error);

#endif
