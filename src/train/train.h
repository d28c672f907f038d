/* SPDX-License-Identifier: Apache-2.0 */
/* The face of train: from rows with targets to a trained scorer.
 *
 * A run is a function of its settings, its rows and the base model: the same bits come out with any
 * number of threads, and after any number of interruptions. */
#ifndef CAPPY_TRAIN_H
#define CAPPY_TRAIN_H

#include <stdbool.h>

#include "base/base.h"

enum cappy_loss_kind {
    CAPPY_LOSS_MSE,
    CAPPY_LOSS_BCE,
    CAPPY_LOSS_LISTWISE,
    CAPPY_LOSS_COMBINED,
    CAPPY_LOSSES
};

enum cappy_schedule { CAPPY_SCHEDULE_LINEAR, CAPPY_SCHEDULE_CONSTANT, CAPPY_SCHEDULE_REFERENCE };

/* What the result depends on; kept in every checkpoint, and the same when a run goes on. */
struct cappy_settings {
    size_t steps;      /* updates of the weights; 0: as many as `epochs` makes */
    size_t epochs;     /* passes over the rows */
    size_t until;      /* ends behind this step, with the rate it has there; 0: behind the last */
    size_t batch_size; /* examples of one update */
    size_t max_length; /* tokens of a pair; 0: the model's limit */
    uint64_t seed;
    enum cappy_loss_kind loss;
    enum cappy_schedule schedule;
    int mask;                  /* 0: full, 1: prefix; negative: as the base model has it */
    cappy_precision precision; /* FP32, or BF16 for what is multiplied */
    cappy_precision store;     /* FP32, or BF16: of the weights in the result */
    double rate;               /* of learning, at its peak */
    double warmup;             /* share of the steps on which the rate rises from 0 */
    double decay;              /* of matrices and tables */
    double clip;               /* longest gradient; 0: any */
    double dropout;            /* negative: as config.json has it */
    double temperature;        /* of the listwise and the combined loss */
    double beta1;
    double beta2;
    double epsilon;
    double ema_decay;      /* the result is this average of the weights; 0: their last ones */
    size_t pass_tokens;    /* computed at once, at most; 0: as many as the model suggests */
    size_t passes_per_sum; /* whose gradients are added up by themselves; 1 if not set */
    size_t check_every;    /* steps between checks; 0: at the end alone */
    size_t patience;       /* end after so many checks in a row without a better one; 0: never */
};

/* The defaults. */
struct cappy_settings cappy_settings_default(void);

/* What a run would begin from. */
struct cappy_base {
    bool has_head;             /* of a sequence classifier: it gives scores as it is */
    bool has_prefix_mask;      /* pairs of one instruction share what is computed of it */
    cappy_precision precision; /* to train in: BF16 where that is what is fastest here, else FP32 */
};

/* Looks at the base model in a directory; NULL: the default one. CAPPY_UNSUPPORTED for one that
 * gives several numbers for a pair. */
cappy_status cappy_base_read(const char *model, struct cappy_base *base, cappy_error *error);

/* How a run stands. */
struct cappy_train_state {
    size_t step; /* done */
    size_t steps;
    double loss; /* of the last step's batch */
    double norm; /* of its gradient, before clipping */
    double rate;
    size_t batch_examples; /* of the last step */
    size_t batch_tokens;
    uint64_t examples; /* of all steps since this process began */
    uint64_t tokens;
    double seconds;  /* that they took, with checks and checkpoints */
    bool is_saved;   /* a checkpoint of this step was written */
    bool is_checked; /* the check rows were scored after this step */
    double value;    /* what that was worth */
};

/* Makes the directory of a result, or checks that one that is there may be used: it must be empty,
 * unless a run in it is to go on. A run does so itself; this is for who writes into it before. */
cappy_status cappy_train_prepare(const char *directory, bool resume, cappy_error *error);

/* Writes into the config.json of a finished model the temperature of choices by the mix. */
cappy_status cappy_train_keep_temperature(const char *directory, double temperature,
                                          cappy_error *error);

/* The processes that were started to train together, as by mpirun: which one this is, and how many
 * there are. */
struct cappy_team {
    size_t rank; /* from 0 */
    size_t size; /* 1: it is alone */
};

/* Joins them; to be called once. CAPPY_UNSUPPORTED where there are several and this build can train
 * in one process only; the rank is right then, too. */
cappy_status cappy_team_join(struct cappy_team *team, cappy_error *error);

/* Waits for the others to leave, too: when all is said. Does nothing in one process. */
void cappy_team_leave(void);

struct cappy_train_job {
    struct cappy_settings settings;
    const struct cappy_team *team; /* all with the same job; NULL: this process alone */
    const char *model;             /* directory of the base model; NULL: the default one */
    const char *const *files;
    size_t n_files;
    const char *directory; /* of the result */
    size_t save_every;     /* steps; 0: never */
    double save_seconds;   /* or so long since the last one; 0: never */
    bool resume;
    bool recompute; /* less memory and more time, to the same bits */
    size_t threads; /* 0: one for each processor */

    /* Rows that are not trained on, of the same form: they are scored every settings.check_every
     * steps and at the last, and the weights with which that was worth most become the result. */
    const char *const *check_files;
    size_t n_check_files; /* 0: no checks; the result is the last step's weights */
    /* What scores[n], the head's output for each of those rows before any activation, are worth:
     * more is better. Must depend on the scores alone. */
    cappy_status (*check)(void *context, size_t step, const float *scores, size_t n, double *value,
                          cappy_error *error);

    /* All may be NULL. */
    void *context;
    void (*report)(void *context, const struct cappy_train_state *state); /* after each step */
    void (*reading)(void *context, uint64_t done, uint64_t total, uint64_t rows);
    void (*note)(void *context, const char *sentence); /* something to tell a person */
    bool (*stop)(
        void *context); /* asked after each step, and on reading: whether to save and end */
};

struct cappy_train_outcome {
    bool is_complete;  /* false: stopped, to be resumed */
    bool was_complete; /* there was nothing left to do */
    size_t best_step;  /* whose weights are the result */
    size_t begun;      /* the step that this process began at */
    struct cappy_train_state state;
    uint64_t rows;
    uint64_t truncated; /* of the rows, cut to max_length */
};

/* Runs the job to its end, or until it is stopped. In a team all processes return the same status;
 * the message of the error is empty where another process has it. */
cappy_status cappy_train(const struct cappy_train_job *job, struct cappy_train_outcome *outcome,
                         cappy_error *error);

#endif
