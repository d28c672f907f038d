/* SPDX-License-Identifier: Apache-2.0 */
/* A sampler opened as the common options say. */
#ifndef CAPPY_CLI_SAMPLING_H
#define CAPPY_CLI_SAMPLING_H

#include "cli/cli.h"
#include "cli/progress.h"
#include "llm/llm.h"

struct cappy_sampling {
    struct cappy_llm_options options;
    struct cappy_sample_plan plan;
    json_t *settings;
    char *store; /* the default file */
    struct cappy_sampler *sampler;
};

/* The endpoint's key from the environment; NULL where there is none. */
cappy_status cappy_sampling_find_key(const struct cappy_llm_arguments *arguments, const char **key,
                                     cappy_error *error);

/* Opens it. It must stay where it is until the caller closes it. */
cappy_status cappy_sampling_open(const struct cappy_common *common, struct cappy_sampling *sampling,
                                 cappy_error *error);
void cappy_sampling_close(struct cappy_sampling *sampling);

/* Draws the progress bar with what sampling has cost so far. */
void cappy_sampling_progress(const struct cappy_sampling *sampling, struct cappy_progress *progress,
                             uint64_t done, uint64_t total, size_t n_rows);

/* Says on standard error what it has cost. */
void cappy_sampling_report(const struct cappy_sampling *sampling);

#endif
