/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/adapt.h"
#include "cli/interrupts.h"
#include "cli/train_log.h"
#include "cli/training.h"

/* A checkpoint is written so many seconds after the last one. */
static const double SAVE_SECONDS = 120;

/* Of all steps. */
enum { CHECKS = 8, PATIENCE = 6 };

/* A new head, which is learnt from nothing, wants more and larger steps; many choices, which are
 * gone through again and again, want smaller ones. Where rows of a question stay together, a batch
 * is to have several questions. */
static const struct {
    size_t batch_size;
    double rate;
} with_head = {32, 1e-4}, without_head = {16, 2e-4};
static const double RATE_OF_CHOICES = 3e-5;
enum { PREFIX_BATCH_SIZE = 48 };

struct watcher {
    struct cappy_adapt *adapt;
    struct cappy_train_log log;
    bool has_begun;
    double begun;
    cappy_status log_status;
    cappy_error log_error;
};

static void show_reading(void *context, uint64_t done, uint64_t total, uint64_t rows)
{
    const struct watcher *watcher = context;
    cappy_progress_update(&watcher->adapt->progress, done, total, rows, "rows read");
}

/* The first step shows where the run goes on, and so what stays of an old log. */
static void begin_steps(struct watcher *watcher, size_t step)
{
    struct cappy_adapt *adapt = watcher->adapt;
    watcher->has_begun = true;
    cappy_progress_end(&adapt->progress);
    cappy_progress_begin(&adapt->progress, !adapt->arguments->common.quiet);
    adapt->progress.skipped = step;
    watcher->log_status =
        cappy_train_log_open(adapt->log_path, step - 1, &watcher->log, &watcher->log_error);
}

static void show_step(void *context, const struct cappy_train_state *state)
{
    struct watcher *watcher = context;
    if (!watcher->has_begun) {
        begin_steps(watcher, state->step);
    }
    const double seconds = state->seconds;
    char text[120];
    cappy_train_log_add(&watcher->log, state);
    snprintf(text, sizeof text, "step %zu  loss %.4f  %.0f tokens/s", state->step, state->loss,
             seconds > 0 ? (double)state->tokens / seconds : 0);
    cappy_progress_show(&watcher->adapt->progress, state->step, state->steps, text);
}

static void show_note(void *context, const char *sentence)
{
    struct watcher *watcher = context;
    struct cappy_adapt *adapt = watcher->adapt;
    cappy_progress_end(&adapt->progress);
    fprintf(stderr, "cappy adapt: note: %s\n", sentence);
    cappy_progress_begin(&adapt->progress, !adapt->arguments->common.quiet);
}

static bool is_stopped(void *context)
{
    const struct watcher *watcher = context;
    return cappy_interrupted() || watcher->log_status != CAPPY_OK;
}

static cappy_status check(void *context, size_t step, const float *scores, size_t n, double *value,
                          cappy_error *error)
{
    const struct watcher *watcher = context;
    struct cappy_suite *suite = &watcher->adapt->validation;
    (void)step;
    (void)n;
    CAPPY_TRY(cappy_suite_set(suite, CAPPY_VIEW_SCORER, scores, error));
    return cappy_suite_worth(suite, CAPPY_VIEW_SCORER, value, error);
}

/* ---- Settings -------------------------------------------------------------------------------- */

cappy_status cappy_adapt_look(struct cappy_adapt *adapt, cappy_error *error)
{
    const struct cappy_common *common = &adapt->arguments->common;
    const cappy_precision wish = (cappy_precision)(common->precision + CAPPY_PRECISION_FP32);
    CAPPY_TRY(cappy_base_read(common->model, &adapt->base, error));
    adapt->precision = wish == CAPPY_PRECISION_AUTO ? adapt->base.precision : wish;
    return CAPPY_OK;
}

static bool is_with_prefix_mask(const struct cappy_adapt *adapt)
{
    const int mask = cappy_training_mask(adapt->arguments->common.mask);
    return mask < 0 ? adapt->base.has_prefix_mask : mask != 0;
}

/* Candidates are all graded, so that one pass tells much, or two where batches are of few
 * questions; choices and references tell which one is right and are gone through again. But enough
 * examples for a few rows to be learnt, and of very few not so many that they are learnt by
 * heart. */
enum {
    PASSES = 1,
    PASSES_WITH_PREFIX_MASK = 2,
    PASSES_OF_CHOICES = 3,
    LEAST_EXAMPLES = 12000,
    MOST_PASSES = 10
};

static size_t choose_examples(const struct cappy_adapt *adapt)
{
    const size_t n = adapt->n_training;
    const size_t graded = adapt->n_graded;
    const size_t passes = is_with_prefix_mask(adapt) ? PASSES_WITH_PREFIX_MASK : PASSES;
    const size_t examples = graded * passes + (n - graded) * PASSES_OF_CHOICES;
    if (examples >= LEAST_EXAMPLES) {
        return examples < CAPPY_ADAPT_MOST ? examples : CAPPY_ADAPT_MOST;
    }
    return n * MOST_PASSES < LEAST_EXAMPLES ? n * MOST_PASSES : LEAST_EXAMPLES;
}

static size_t choose_batch_size(const struct cappy_adapt *adapt)
{
    if (adapt->arguments->batch_size != 0) {
        return adapt->arguments->batch_size;
    }
    if (is_with_prefix_mask(adapt)) {
        return PREFIX_BATCH_SIZE;
    }
    return adapt->base.has_head ? with_head.batch_size : without_head.batch_size;
}

static size_t choose_steps(const struct cappy_adapt *adapt, size_t batch_size)
{
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    if (arguments->steps != 0) {
        return arguments->steps;
    }
    const size_t examples =
        arguments->epochs != 0 ? adapt->n_training * arguments->epochs : choose_examples(adapt);
    return (examples + batch_size - 1) / batch_size;
}

static double choose_rate(const struct cappy_adapt *adapt, bool is_graded)
{
    if (!adapt->base.has_head) {
        return without_head.rate;
    }
    const bool is_many = adapt->n_training * PASSES_OF_CHOICES >= LEAST_EXAMPLES;
    return is_many && !is_graded ? RATE_OF_CHOICES : with_head.rate;
}

static struct cappy_settings choose_settings(const struct cappy_adapt *adapt)
{
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    struct cappy_settings settings = cappy_settings_default();
    settings.batch_size = choose_batch_size(adapt);
    settings.steps = choose_steps(adapt, settings.batch_size);
    settings.seed = arguments->seed;
    settings.max_length = arguments->common.max_length;
    settings.loss = (enum cappy_loss_kind)arguments->loss;
    settings.mask = cappy_training_mask(arguments->common.mask);
    settings.precision = adapt->precision;
    const bool is_graded = adapt->n_graded > adapt->n_training / 2;
    settings.rate = choose_rate(adapt, is_graded);
    settings.rate = arguments->rate.is_given ? arguments->rate.value : settings.rate;
    /* What is seen once needs nothing against being learnt by heart. */
    settings.dropout = is_graded ? 0 : settings.dropout;
    settings.dropout = arguments->dropout.is_given ? arguments->dropout.value : settings.dropout;
    settings.temperature =
        arguments->temperature.is_given ? arguments->temperature.value : settings.temperature;
    settings.ema_decay =
        arguments->ema_decay.is_given ? arguments->ema_decay.value : settings.ema_decay;
    settings.check_every = (settings.steps + CHECKS - 1) / CHECKS;
    settings.patience = PATIENCE;
    return settings;
}

/* ---- The run --------------------------------------------------------------------------------- */

cappy_status cappy_adapt_train(struct cappy_adapt *adapt, cappy_error *error)
{
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    struct watcher watcher = {.adapt = adapt, .begun = cappy_clock()};
    const struct cappy_train_job job = {
        .settings = choose_settings(adapt),
        .model = arguments->common.model,
        .files = (const char *const[]){adapt->rows_path},
        .n_files = 1,
        .directory = arguments->out,
        .save_every = arguments->save_every,
        .save_seconds = arguments->save_every == 0 ? SAVE_SECONDS : 0,
        .resume = true, /* from the start where there is no checkpoint */
        .recompute = arguments->recompute,
        .threads = arguments->common.threads,
        .check_files = (const char *const[]){adapt->checks_path},
        .n_check_files = 1,
        .check = check,
        .context = &watcher,
        .report = show_step,
        .reading = show_reading,
        .note = show_note,
        .stop = is_stopped,
    };
    cappy_interrupts_watch();
    cappy_status status = cappy_train(&job, &adapt->outcome, error);
    cappy_progress_end(&adapt->progress);
    if (watcher.log_status != CAPPY_OK) {
        *error = watcher.log_error;
        status = watcher.log_status;
    }
    CAPPY_TRY(cappy_train_log_close(&watcher.log, status, error));
    adapt->train_seconds = cappy_clock() - watcher.begun;
    if (!adapt->outcome.is_complete) {
        return cappy_error_set(error, CAPPY_IO,
                               "interrupted after step %zu of %zu, which is saved in %s: the same "
                               "command with --resume goes on from there",
                               adapt->outcome.state.step, adapt->outcome.state.steps,
                               arguments->out);
    }
    return CAPPY_OK;
}
