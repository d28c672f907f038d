/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs to measure with, the same on every machine. */
#ifndef CAPPY_CLI_WORKLOAD_H
#define CAPPY_CLI_WORKLOAD_H

#include "base/base.h"

struct cappy_workload {
    cappy_pair *pairs; /* [n_pairs] */
    size_t n_pairs;
    cappy_text *texts; /* [n_texts], what the pairs point to */
    size_t n_texts;
};

/* 512 pairs of 24 to 512 tokens, four for each instruction. On failure too the caller frees it,
 * here and below. */
cappy_status cappy_workload_mixed(struct cappy_workload *workload, cappy_error *error);

/* n pairs of `tokens` tokens each. */
cappy_status cappy_workload_equal(size_t n, size_t tokens, struct cappy_workload *workload,
                                  cappy_error *error);

void cappy_workload_free(struct cappy_workload *workload);

#endif
