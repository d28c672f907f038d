/* SPDX-License-Identifier: Apache-2.0 */
/* Opening what a run needs. */
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/folders.h"
#include "train/head.h"
#include "train/loss.h"
#include "train/settings.h"

/* A pass has room for as many tokens as take about a gigabyte, within these bounds: it depends on
 * the model alone, so that every machine makes the same passes. */
enum { PASS_BYTES = 1 << 30, MIN_PASS = 512, MAX_PASS = 4096 };

static size_t choose_pass_tokens(const struct cappy_config *config)
{
    const size_t per_layer =
        8 * config->hidden_size + 2 * config->ffn_size; /* struct cappy_trace */
    const size_t bytes = config->n_layers * per_layer * sizeof(float);
    const size_t tokens = PASS_BYTES / bytes;
    return tokens < MIN_PASS ? MIN_PASS : tokens > MAX_PASS ? MAX_PASS : tokens;
}

/* ---- The model ---- */

static cappy_status find_base(const struct cappy_train_job *job, char *base, size_t capacity,
                              cappy_error *error)
{
    if (job->model == NULL) {
        return cappy_model_default(base, capacity, error);
    }
    const int n = snprintf(base, capacity, "%s", job->model);
    return n >= 0 && (size_t)n < capacity
               ? CAPPY_OK
               : cappy_error_set(error, CAPPY_ARGUMENT, "--model: the path is too long");
}

static uint32_t rate_of(double share)
{
    return (uint32_t)lrint(share * 65536);
}

/* Opens the base model and checks that it and the settings go together. */
static cappy_status open_base(struct cappy_run *run, cappy_error *error)
{
    const struct cappy_settings *settings = &run->settings;
    CAPPY_TRY(find_base(run->job, run->base, sizeof run->base, error));
    CAPPY_TRY(cappy_model_open_unbound(run->base, &run->model, error));
    CAPPY_TRY(cappy_origin_read(run->base, &run->origin, error));
    struct cappy_config *config = &run->model->config;
    CAPPY_TRY(cappy_head_check(run->model, run->base, error));
    if (cappy_head_is_missing(run->model)) {
        CAPPY_TRY(cappy_config_add_head(config, error));
    }
    if (settings->mask >= 0) {
        config->mask = (enum cappy_mask)settings->mask;
    }
    run->settings.mask = (int)config->mask;
    CAPPY_TRY(cappy_model_check_mask(run->model, config->mask, error));
    if (settings->max_length > run->model->max_length ||
        (settings->max_length != 0 && settings->max_length < CAPPY_MIN_LENGTH)) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "a maximum length of %zu tokens was asked for; this model takes %d "
                               "to %zu",
                               settings->max_length, CAPPY_MIN_LENGTH, run->model->max_length);
    }
    return CAPPY_OK;
}

static cappy_status load_weights(struct cappy_run *run, cappy_error *error)
{
    const struct cappy_train_job *job = run->job;
    const struct cappy_weights *weights = run->model->weights;
    if (run->model->config.head != CAPPY_HEAD_NEW) {
        return cappy_params_load(&run->params, weights, run->net.weights, error);
    }
    static const char *const made[] = {
        [CAPPY_POOLER_OWN] = "classifier is made anew, at random by the seed",
        [CAPPY_POOLER_IDENTITY] =
            "classifier is made anew, at random by the seed, behind a pooler that changes nothing",
        [CAPPY_POOLER_DRAWN] = "pooler and classifier are made anew, at random by the seed",
    };
    enum cappy_pooler pooler;
    CAPPY_TRY(cappy_head_load(&run->params, weights, run->settings.seed, run->net.weights, &pooler,
                              error));
    if (job->note != NULL) {
        char text[512];
        snprintf(text, sizeof text, "%.300s has no classification head: its %s", run->base,
                 made[pooler]);
        job->note(job->context, text);
    }
    return CAPPY_OK;
}

/* The first process of a team is the one that saves, and so the one that needs it. */
static cappy_status open_average(struct cappy_run *run, cappy_error *error)
{
    const size_t size = run->params.size;
    if (!(run->settings.ema_decay > 0) || run->team.rank != 0) {
        return CAPPY_OK;
    }
    run->average = cappy_alloc_aligned(size, sizeof *run->average);
    if (run->average == NULL) {
        return cappy_error_no_memory(error);
    }
    memcpy(run->average, run->net.weights, size * sizeof *run->average);
    return CAPPY_OK;
}

static cappy_status open_model(struct cappy_run *run, cappy_error *error)
{
    const struct cappy_settings *settings = &run->settings;
    CAPPY_TRY(open_base(run, error));
    const struct cappy_config *config = &run->model->config;
    CAPPY_TRY(cappy_params_init(config, &run->params, error));
    const bool is_given = settings->dropout >= 0;
    run->net = (struct cappy_net){
        .config = config,
        .kernels = run->model->kernels,
        .params = &run->params,
        .precision = settings->precision,
        .recompute = run->job->recompute,
        .rates = {rate_of(is_given ? settings->dropout : config->hidden_dropout),
                  rate_of(is_given ? settings->dropout : config->attention_dropout),
                  rate_of(is_given ? settings->dropout : config->head_dropout)},
        .weights = cappy_alloc_aligned(run->params.size, sizeof(float)),
        .gradients = cappy_alloc_aligned(run->params.size, sizeof(float)),
    };
    CAPPY_TRY(cappy_threads_choose(run->job->threads, &run->net.threads, error));
    if (run->net.weights == NULL || run->net.gradients == NULL) {
        return cappy_error_no_memory(error);
    }
    const cappy_status status = load_weights(run, error);
    return status == CAPPY_OK ? open_average(run, error) : cappy_error_at(error, status, run->base);
}

/* ---- The rows ---- */

/* Those of a list stay together, and those that share a prefix, so that it is computed once. */
static enum cappy_grouping choose_grouping(const struct cappy_run *run)
{
    return cappy_loss_is_of_lists(run->settings.loss)     ? CAPPY_GROUP_LISTS
           : run->model->config.mask == CAPPY_MASK_PREFIX ? CAPPY_GROUP_PREFIXES
                                                          : CAPPY_GROUP_NONE;
}

static cappy_status open_rows(struct cappy_run *run, cappy_error *error)
{
    const struct cappy_settings *settings = &run->settings;
    const size_t length = settings->max_length != 0 ? settings->max_length : run->model->max_length;
    CAPPY_TRY(cappy_dataset_open(run->job, run->model, length, choose_grouping(run), &run->dataset,
                                 error));
    CAPPY_TRY(cappy_check_open(run->job, run->model, length, &run->check, error));
    run->plan = (struct cappy_plan){.dataset = &run->dataset,
                                    .seed = settings->seed,
                                    .batch_size = settings->batch_size,
                                    .end = SIZE_MAX};
    run->resolved = *settings;
    if (settings->steps == 0) {
        if (__builtin_mul_overflow(settings->epochs, cappy_plan_units(&run->dataset),
                                   &run->plan.end)) {
            return cappy_error_set(error, CAPPY_ARGUMENT, "--epochs: %zu are too many",
                                   settings->epochs);
        }
        CAPPY_TRY(cappy_plan_count(&run->plan, &run->resolved.steps, error));
    }
    const bool ends_early = settings->until != 0 && settings->until < run->resolved.steps;
    run->state.steps = ends_early ? settings->until : run->resolved.steps;
    return CAPPY_OK;
}

/* Everything that can be opened without the directory of the result. */
static cappy_status open_alone(struct cappy_run *run, cappy_error *error)
{
    CAPPY_TRY(cappy_settings_check(&run->settings, error));
    CAPPY_TRY(open_model(run, error));
    CAPPY_TRY(cappy_optimiser_init(&run->params, run->net.kernels, run->net.threads,
                                   &run->optimiser, error));
    run->has_sum = run->team.size > 1 || run->settings.passes_per_sum > 1;
    if (run->has_sum) {
        CAPPY_TRY(cappy_sum_init(&run->team, run->params.size, &run->sum, error));
    }
    run->losses = cappy_alloc(run->team.size, sizeof *run->losses);
    run->pass_tokens = run->settings.pass_tokens != 0 ? run->settings.pass_tokens
                                                      : choose_pass_tokens(&run->model->config);
    return run->losses != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

static cappy_status open_directory(struct cappy_run *run, cappy_error *error)
{
    CAPPY_TRY(cappy_train_prepare(run->job->directory, run->job->resume, error));
    CAPPY_TRY(cappy_lock_open(run->job->directory, &run->lock, error));
    cappy_folders_tidy(run->job->directory);
    return CAPPY_OK;
}

/* Processes with other rows or other kernels would not compute the same run. */
static cappy_status compare_team(struct cappy_run *run, cappy_error *error)
{
    const char *kernels = run->net.kernels->name;
    struct facts {
        uint64_t rows;
        char kernels[32];
    } facts = {.rows = run->dataset.fingerprint};
    snprintf(facts.kernels, sizeof facts.kernels, "%s", kernels);
    cappy_team_share(&run->team, &facts, sizeof facts);
    if (facts.rows != run->dataset.fingerprint) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "the rows are not those that the first process reads: all must "
                               "find the same files under the same names");
    }
    if (strcmp(facts.kernels, kernels) != 0) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "the kernels are %s, and those of the first process %s: name a set "
                               "that all have by CAPPY_ISA",
                               kernels, facts.kernels);
    }
    if (run->team.size > 1 && cappy_check_is_wanted(&run->check)) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "rows are checked by a single process only: start it alone");
    }
    return CAPPY_OK;
}

/* Where one process of a team fails, all do; the first one makes the directory for all. */
static cappy_status open_parts(struct cappy_run *run, cappy_error *error)
{
    const struct cappy_team *team = &run->team;
    cappy_status status = open_alone(run, error);
    if (status == CAPPY_OK && team->rank == 0) {
        status = open_directory(run, error);
    }
    CAPPY_TRY(cappy_team_agree(team, status, error));
    CAPPY_TRY(cappy_team_agree(team, open_rows(run, error), error));
    return cappy_team_agree(team, compare_team(run, error), error);
}

cappy_status cappy_run_open(const struct cappy_train_job *job, struct cappy_run *run,
                            cappy_error *error)
{
    *run = (struct cappy_run){.job = job,
                              .team = job->team != NULL ? *job->team : (struct cappy_team){0, 1},
                              .settings = job->settings,
                              .lock = {.descriptor = -1},
                              .dataset = {.descriptor = -1},
                              .check = {.dataset = {.descriptor = -1}}};
    const cappy_status status = open_parts(run, error);
    if (status != CAPPY_OK) {
        cappy_run_close(run);
    }
    return status;
}

void cappy_run_close(struct cappy_run *run)
{
    cappy_batch_free(&run->batch);
    cappy_plan_free(&run->plan);
    cappy_dataset_close(&run->dataset);
    cappy_check_close(&run->check);
    cappy_optimiser_free(&run->optimiser);
    cappy_net_free(&run->net);
    cappy_free(run->average);
    cappy_free(run->net.weights);
    cappy_free(run->net.gradients);
    cappy_params_free(&run->params);
    cappy_sum_free(&run->sum);
    cappy_free(run->losses);
    cappy_free(run->scores);
    cappy_free(run->d_scores);
    cappy_model_close(run->model);
    cappy_lock_close(&run->lock);
}
