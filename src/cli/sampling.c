/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sampling.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWERS = 8 };

static const char key_variable[] = "CAPPY_LLM_KEY";

/* ---- Options --------------------------------------------------------------------------------- */

static cappy_status read_plan(const struct cappy_llm_arguments *arguments,
                              struct cappy_sample_plan *plan, cappy_error *error)
{
    if (arguments->plan == NULL) {
        return cappy_sample_plan_default(arguments->n_answers != 0 ? arguments->n_answers : ANSWERS,
                                         plan, error);
    }
    if (arguments->n_answers != 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--plan says how many answers to sample: leave out -n");
    }
    return cappy_sample_plan_read(arguments->plan, plan, error);
}

static cappy_status read_settings(const char *text, json_t **settings, cappy_error *error)
{
    cappy_error reason;
    if (text == NULL) {
        return CAPPY_OK;
    }
    if (cappy_json_parse(text, strlen(text), settings, &reason) != CAPPY_OK) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "--llm-settings: %s", reason.message);
    }
    if (!json_is_object(*settings)) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--llm-settings must be an object, such as {\"min_p\": 0.1}");
    }
    const char *name;
    json_t *value;
    json_object_foreach(*settings, name, value)
    {
        CAPPY_TRY(cappy_setting_check(name, error));
    }
    return CAPPY_OK;
}

/* The variable must be there where it was asked for by name. */
cappy_status cappy_sampling_find_key(const struct cappy_llm_arguments *arguments, const char **key,
                                     cappy_error *error)
{
    const char *name = arguments->key_variable != NULL ? arguments->key_variable : key_variable;
    *key = getenv(name);
    if (*key == NULL && arguments->key_variable != NULL) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "--llm-key-env: there is no variable %s",
                               name);
    }
    *key = *key != NULL && **key != '\0' ? *key : NULL;
    return CAPPY_OK;
}

static cappy_status find_store(char **path, cappy_error *error)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    /* As the XDG specification has it, only absolute paths count. */
    if (cache != NULL && cache[0] == '/') {
        *path = cappy_path_join(cache, "cappy/samples.db");
    } else if (home != NULL && home[0] == '/') {
        *path = cappy_path_join(home, ".cache/cappy/samples.db");
    } else {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "there is no $HOME to keep samples in: name a file with --store");
    }
    return *path != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static cappy_status fill(const struct cappy_llm_arguments *arguments,
                         struct cappy_sampling *sampling, cappy_error *error)
{
    if (arguments->url == NULL) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "say with --llm URL which endpoint to sample from, such as --llm "
                               "http://127.0.0.1:8000/v1");
    }
    CAPPY_TRY(read_plan(arguments, &sampling->plan, error));
    CAPPY_TRY(read_settings(arguments->settings, &sampling->settings, error));
    CAPPY_TRY(cappy_sampling_find_key(arguments, &sampling->options.key, error));
    if (arguments->store == NULL) {
        CAPPY_TRY(find_store(&sampling->store, error));
    }
    sampling->options = (struct cappy_llm_options){
        .url = arguments->url,
        .api = (enum cappy_llm_api)arguments->api,
        .model = arguments->model,
        .key = sampling->options.key,
        .system = arguments->system,
        .settings = sampling->settings,
        .max_tokens = arguments->max_tokens,
        .has_seed = arguments->seed != CAPPY_NO_SEED,
        .seed = arguments->seed,
        .in_flight = arguments->in_flight,
        .retries = arguments->retries,
        .timeout = (double)arguments->timeout,
        .max_calls = arguments->max_calls,
        .max_tokens_total = arguments->max_tokens_total,
        .authorities = getenv("SSL_CERT_FILE"),
        .store = arguments->store != NULL ? arguments->store : sampling->store};
    return CAPPY_OK;
}

cappy_status cappy_sampling_open(const struct cappy_common *common, struct cappy_sampling *sampling,
                                 cappy_error *error)
{
    *sampling = (struct cappy_sampling){0};
    cappy_status status = fill(&common->llm, sampling, error);
    if (status == CAPPY_OK) {
        status =
            cappy_sampler_create(&sampling->options, &sampling->plan, &sampling->sampler, error);
    }
    if (status != CAPPY_OK) {
        cappy_sampling_close(sampling);
    }
    return status;
}

void cappy_sampling_close(struct cappy_sampling *sampling)
{
    cappy_sampler_free(sampling->sampler);
    cappy_sample_plan_free(&sampling->plan);
    json_decref(sampling->settings);
    cappy_free(sampling->store);
    *sampling = (struct cappy_sampling){0};
}

/* ---- Cost ------------------------------------------------------------------------------------ */

void cappy_sampling_progress(const struct cappy_sampling *sampling, struct cappy_progress *progress,
                             uint64_t done, uint64_t total, size_t n_rows)
{
    const struct cappy_sampler_counts counts = cappy_sampler_count(sampling->sampler);
    char text[160];
    char pause[64] = "";
    if (counts.waiting > 0) {
        snprintf(pause, sizeof pause, ", the endpoint wants a pause of %.0f s", counts.waiting);
    }
    snprintf(text, sizeof text, "%zu rows, %" PRIu64 " calls, %" PRIu64 " tokens%s", n_rows,
             counts.calls, counts.prompt_tokens + counts.answer_tokens, pause);
    cappy_progress_show(progress, done, total, text);
}

void cappy_sampling_report(const struct cappy_sampling *sampling)
{
    const struct cappy_sampler_counts counts = cappy_sampler_count(sampling->sampler);
    fprintf(stderr,
            "%" PRIu64 " answers from the store, %" PRIu64 " sampled with %" PRIu64 " calls",
            counts.stored, counts.answers, counts.calls);
    if (counts.retries > 0) {
        fprintf(stderr, " (%" PRIu64 " of them tries again)", counts.retries);
    }
    if (counts.prompt_tokens + counts.answer_tokens > 0) {
        fprintf(stderr, ", %" PRIu64 " tokens of prompts and %" PRIu64 " of answers",
                counts.prompt_tokens, counts.answer_tokens);
    }
    fprintf(stderr, "\n");
}
