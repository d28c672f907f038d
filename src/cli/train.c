/* SPDX-License-Identifier: Apache-2.0 */
/* cappy train: from training rows to a model directory. */
#include "train/train.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/interrupts.h"
#include "cli/progress.h"
#include "cli/train_log.h"
#include "cli/training.h"

struct train_arguments {
    struct cappy_common common;
    const char *out;
    size_t steps;
    size_t epochs;
    size_t batch_size;
    size_t until;
    size_t seed;
    size_t pass_tokens;
    size_t passes_per_sum;
    size_t save_every;
    bool resume;
    bool recompute;
    int loss;     /* an enum cappy_loss_kind */
    int schedule; /* an enum cappy_schedule */
    int store;    /* a cappy_precision, from FP32 */
    struct cappy_real rate;
    struct cappy_real warmup;
    struct cappy_real decay;
    struct cappy_real clip;
    struct cappy_real dropout;
    struct cappy_real temperature;
    struct cappy_real ema_decay;
    const char *log;
};

/* Without --save-every, a checkpoint is written so many seconds after the last one. */
static const double SAVE_SECONDS = 600;

/* ---- What is told while it runs ---- */

struct watcher {
    const struct train_arguments *arguments;
    struct cappy_progress progress;
    struct cappy_train_log log;
    bool has_begun; /* a step was made */
    cappy_status log_status;
    cappy_error log_error;
};

static void show_reading(void *context, uint64_t done, uint64_t total, uint64_t rows)
{
    struct watcher *watcher = context;
    cappy_progress_update(&watcher->progress, done, total, rows, "rows read");
}

/* The first step shows where the run goes on, and so what stays of an old log. */
static void begin_steps(struct watcher *watcher, size_t step)
{
    const struct train_arguments *arguments = watcher->arguments;
    watcher->has_begun = true;
    cappy_progress_end(&watcher->progress);
    cappy_progress_begin(&watcher->progress, !arguments->common.quiet);
    watcher->progress.skipped = step;
    watcher->log_status =
        cappy_train_log_open(arguments->log, step - 1, &watcher->log, &watcher->log_error);
}

static void show_step(void *context, const struct cappy_train_state *state)
{
    struct watcher *watcher = context;
    if (!watcher->has_begun) {
        begin_steps(watcher, state->step);
    }
    const double seconds = state->seconds;
    cappy_train_log_add(&watcher->log, state);
    char text[120];
    snprintf(text, sizeof text, "step %zu  loss %.4f  rate %.1e  %.0f examples/s  %.0f tokens/s",
             state->step, state->loss, state->rate,
             seconds > 0 ? (double)state->examples / seconds : 0,
             seconds > 0 ? (double)state->tokens / seconds : 0);
    cappy_progress_show(&watcher->progress, state->step, state->steps, text);
}

static void show_note(void *context, const char *sentence)
{
    struct watcher *watcher = context;
    cappy_progress_end(&watcher->progress);
    fprintf(stderr, "cappy train: note: %s\n", sentence);
    cappy_progress_begin(&watcher->progress, !watcher->arguments->common.quiet);
}

static bool is_stopped(void *context)
{
    struct watcher *watcher = context;
    return cappy_interrupted() || watcher->log_status != CAPPY_OK;
}

/* ---- What is told at the end ---- */

static void print_summary(const struct train_arguments *arguments,
                          const struct cappy_train_outcome *outcome)
{
    const struct cappy_train_state *state = &outcome->state;
    if (outcome->truncated > 0) {
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " rows were too long and were truncated\n",
                outcome->truncated, outcome->rows);
    }
    if (outcome->was_complete) {
        fprintf(stderr, "%s: was finished already\n", arguments->out);
        return;
    }
    fprintf(stderr,
            "%zu steps, %" PRIu64 " examples, %" PRIu64 " tokens in %.1f s: %.0f examples/s, %.0f "
            "tokens/s; loss %.4f; %s\n",
            state->step - outcome->begun, state->examples, state->tokens, state->seconds,
            (double)state->examples / state->seconds, (double)state->tokens / state->seconds,
            state->loss, arguments->out);
}

static void set_real(const struct cappy_real *given, double *value)
{
    *value = given->is_given ? given->value : *value;
}

/* What is fastest differs from machine to machine; a run should not. */
static cappy_precision choose_precision(const struct train_arguments *arguments)
{
    const cappy_precision wish =
        (cappy_precision)(arguments->common.precision + CAPPY_PRECISION_FP32);
    return wish == CAPPY_PRECISION_AUTO ? CAPPY_PRECISION_FP32 : wish;
}

static struct cappy_settings choose_settings(const struct train_arguments *arguments)
{
    struct cappy_settings settings = cappy_settings_default();
    settings.steps = arguments->steps;
    settings.epochs = arguments->epochs != 0 ? arguments->epochs : settings.epochs;
    settings.until = arguments->until;
    settings.batch_size = arguments->batch_size != 0 ? arguments->batch_size : settings.batch_size;
    settings.seed = arguments->seed != 0 ? arguments->seed : settings.seed;
    settings.pass_tokens = arguments->pass_tokens;
    settings.passes_per_sum =
        arguments->passes_per_sum != 0 ? arguments->passes_per_sum : settings.passes_per_sum;
    settings.max_length = arguments->common.max_length;
    settings.loss = (enum cappy_loss_kind)arguments->loss;
    settings.schedule = (enum cappy_schedule)arguments->schedule;
    settings.mask = cappy_training_mask(arguments->common.mask);
    settings.precision = choose_precision(arguments);
    settings.store = (cappy_precision)(arguments->store + CAPPY_PRECISION_FP32);
    set_real(&arguments->rate, &settings.rate);
    set_real(&arguments->warmup, &settings.warmup);
    set_real(&arguments->decay, &settings.decay);
    set_real(&arguments->clip, &settings.clip);
    set_real(&arguments->dropout, &settings.dropout);
    set_real(&arguments->temperature, &settings.temperature);
    set_real(&arguments->ema_decay, &settings.ema_decay);
    return settings;
}

static cappy_status check(const struct train_arguments *arguments, const struct cappy_team *team,
                          cappy_error *error)
{
    CAPPY_TRY(cappy_training_check(&arguments->common, "training rows, or - for standard input",
                                   arguments->out, arguments->steps, arguments->epochs, error));
    for (size_t i = 0; team->size > 1 && i < arguments->common.n_operands; i++) {
        if (strcmp(arguments->common.operands[i], "-") == 0) {
            return cappy_error_set(error, CAPPY_ARGUMENT,
                                   "only one of %zu processes has the standard input: put the rows "
                                   "into a file that all can read",
                                   team->size);
        }
    }
    return CAPPY_OK;
}

/* For what all processes of a team find out: the first one says it. */
static cappy_status say_once(const struct cappy_team *team, cappy_status status, cappy_error *error)
{
    if (status != CAPPY_OK && team->rank != 0) {
        error->message[0] = '\0';
    }
    return status;
}

static cappy_status train(const struct train_arguments *arguments, const struct cappy_team *team,
                          cappy_error *error)
{
    CAPPY_TRY(say_once(team, check(arguments, team, error), error));
    const bool is_first = team->rank == 0; /* the one that a person hears */
    const bool is_quiet = arguments->common.quiet || !is_first;
    struct watcher watcher = {.arguments = arguments};
    const struct cappy_train_job job = {
        .settings = choose_settings(arguments),
        .team = team,
        .model = arguments->common.model,
        .files = (const char *const *)arguments->common.operands,
        .n_files = arguments->common.n_operands,
        .directory = arguments->out,
        .save_every = arguments->save_every,
        .save_seconds = arguments->save_every == 0 ? SAVE_SECONDS : 0,
        .resume = arguments->resume,
        .recompute = arguments->recompute,
        .threads = arguments->common.threads,
        .context = &watcher,
        .report = is_first ? show_step : NULL,
        .reading = is_first ? show_reading : NULL,
        .note = is_first ? show_note : NULL,
        .stop = is_stopped,
    };
    struct cappy_train_outcome outcome;
    cappy_interrupts_watch();
    cappy_progress_begin(&watcher.progress, !is_quiet);
    cappy_status status = cappy_train(&job, &outcome, error);
    cappy_progress_end(&watcher.progress);
    if (watcher.log_status != CAPPY_OK) {
        *error = watcher.log_error;
        status = watcher.log_status;
    }
    status = cappy_train_log_close(&watcher.log, status, error);
    CAPPY_TRY(status);
    if (!is_quiet) {
        print_summary(arguments, &outcome);
    }
    if (!outcome.is_complete) {
        status = cappy_error_set(error, CAPPY_IO,
                                 "interrupted after step %zu of %zu, which is saved in %s: the "
                                 "same command with --resume goes on from there",
                                 outcome.state.step, outcome.state.steps, arguments->out);
    }
    return say_once(team, status, error);
}

static cappy_status run(const void *values, cappy_error *error)
{
    struct cappy_team team;
    cappy_status status = cappy_team_join(&team, error);
    status = say_once(&team, status, error);
    return status == CAPPY_OK ? train(values, &team, error) : status;
}

/* ---- Help ---- */

#define AT(member) offsetof(struct train_arguments, member)

enum { MANY = 1 << 30 };

const struct cappy_command cappy_command_train = {
    .name = "train",
    .summary = "train a scorer on rows with scores",
    .synopsis = (const char *const[]){"FILE... --out DIR", NULL},
    .description =
        (const char *const[]){
            "Reads training rows, JSON lines with \"instruction\", \"response\" and \"score\" (the "
            "target, from 0 for wrong to 1 for right), from all FILEs, plain or compressed with "
            "gzip, and trains a model on them, beginning with --model. The result, in DIR, is a "
            "Hugging Face model directory, for --model here and for transformers.",
            "With mpirun, where cappy was built for it, many processes share each batch, to the "
            "same result: docs/scaling.md.",
            "--model may be an encoder without a classification head, which gets a new one.",
            "The result depends on the options, the rows and the base model only: not on the "
            "number of threads, nor on how often the run was interrupted. Checkpoints are written "
            "into DIR on the way, whole or not at all; after an interruption of any kind the same "
            "command with --resume goes on from the newest one. Interrupted by Ctrl-C, it finishes "
            "the step and saves first.",
            NULL},
    .options =
        (const struct cappy_option[]){
            CAPPY_TRAINING_OUT(struct train_arguments),
            {.name = "steps",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(steps),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help =
                 "Update the weights N times, with as many passes over the rows as that takes."},
            {.name = "epochs",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(epochs),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help = "Pass over the rows N times; once if neither is given."},
            {.name = "batch-size",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(batch_size),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help = "Rows of one update; 32 if not given. Memory does not depend on it."},
            {.name = "learning-rate",
             .type = CAPPY_OPTION_REAL,
             .offset = AT(rate),
             .value = "X",
             .help = "The highest learning rate; 5e-5 if not given."},
            {.name = "loss",
             .type = CAPPY_OPTION_CHOICE,
             .offset = AT(loss),
             .value = "WHICH",
             .choices = cappy_loss_names,
             .help = "mse: the squared error of the score (if not given). bce: the cross-entropy "
                     "of its sigmoid, which becomes the model's score. listwise: the order of the "
                     "responses to one instruction alone, which stay together in a batch. "
                     "combined: both the squared error and the order."},
            {.name = "until",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(until),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help =
                 "End behind step N, with the learning rate that it has there: for a model that "
                 "another run begins with."},
            {.name = "schedule",
             .type = CAPPY_OPTION_CHOICE,
             .offset = AT(schedule),
             .value = "WHICH",
             .choices = (const char *const[]){"linear", "constant", "reference", NULL},
             .help = "The learning rate after it rose: down to 0 at the end (if not given), "
                     "constant, or as in Cappy's published run, which ended during the rise."},
            {.name = "warmup",
             .type = CAPPY_OPTION_REAL,
             .offset = AT(warmup),
             .value = "SHARE",
             .help = "The share of the steps on which it rises from 0; 0.1 if not given."},
            {.name = "weight-decay",
             .type = CAPPY_OPTION_REAL,
             .offset = AT(decay),
             .value = "X",
             .help = "Decay of matrices and embeddings (AdamW); 0.01 if not given."},
            {.name = "clip",
             .type = CAPPY_OPTION_REAL,
             .offset = AT(clip),
             .value = "LENGTH",
             .help = "Shorten longer gradients to this; 1 if not given, 0 for any length."},
            CAPPY_TRAINING_DROPOUT(struct train_arguments),
            CAPPY_TRAINING_TEMPERATURE(struct train_arguments),
            CAPPY_TRAINING_EMA_DECAY(struct train_arguments),
            {.name = "pass-tokens",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(pass_tokens),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help =
                 "Compute a batch in passes of at most N tokens: fewer take less memory, and let "
                 "more processes share a batch; as many as take about a gigabyte if not given."},
            CAPPY_TRAINING_RECOMPUTE(struct train_arguments),
            {.name = "passes-per-sum",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(passes_per_sum),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help = "Sum up the gradients of N passes by themselves, in one process, before they "
                     "are added to others: less to exchange between processes; 1 if not given."},
            {.name = "store",
             .type = CAPPY_OPTION_CHOICE,
             .offset = AT(store),
             .value = "TYPE",
             .choices = (const char *const[]){"fp32", "bf16", NULL},
             .help = "What the weights of the result are stored in: bf16 halves the file, and "
                     "rounds them; fp32 if not given."},
            {.name = "seed",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(seed),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help = "Of the order of the rows and of dropout; 1 if not given."},
            {.name = "save-every",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(save_every),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help = "Write a checkpoint every N steps; every ten minutes if not given."},
            CAPPY_TRAINING_RESUME(struct train_arguments),
            {.name = "log",
             .type = CAPPY_OPTION_PATH,
             .offset = AT(log),
             .value = "FILE",
             .help = "Write a JSON line for each step to FILE."},
            {.name = NULL}},
    .groups = CAPPY_WITH_HELP | CAPPY_WITH_MODEL | CAPPY_WITH_LENGTH | CAPPY_WITH_QUIET,
    .examples =
        (const struct cappy_usage_example[]){
            {"Twice over the rows:", "cappy train rows.jsonl --out scorer --epochs 2"},
            {"On after an interruption:",
             "cappy train rows.jsonl --out scorer --epochs 2 --resume"},
            {.what = NULL}},
    .arguments_size = sizeof(struct train_arguments),
    .max_operands = CAPPY_ANY_NUMBER,
    .run = run,
};
