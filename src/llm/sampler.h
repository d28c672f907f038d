/* SPDX-License-Identifier: Apache-2.0 */
/* A sampler's state, which is shared by the choice of what to send (sampler.c) and by what is made
 * of the outcome (outcome.c). */
#ifndef CAPPY_LLM_SAMPLER_H
#define CAPPY_LLM_SAMPLER_H

#include "llm/prompt.h"
#include "llm/transfer.h"

enum cappy_try_state { CAPPY_TRY_FREE, CAPPY_TRY_SENT, CAPPY_TRY_WAITING };

/* A call for some answers, through all its tries. */
struct cappy_try {
    struct cappy_transfer transfer;
    enum cappy_try_state state;
    struct cappy_prompt *prompt;
    struct cappy_part *part;
    size_t first; /* of the part's slots */
    size_t n;
    size_t tries;    /* sent so far */
    size_t in_vain;  /* those that count against the limit of retries */
    uint64_t n_good; /* good calls of the sampler when it was sent */
    double due;      /* when it is to be sent again, as the sampler's clock */
    bool is_alone;   /* asks for one answer because a call for several was refused */
};

struct cappy_sampler {
    const struct cappy_llm_options *options;
    const struct cappy_sample_plan *plan;
    enum cappy_llm_api api;
    char *url;
    struct curl_slist *headers;
    struct cappy_store *store;
    CURLM *multi;
    struct cappy_try *tries;    /* [options->in_flight] */
    size_t n_sent;              /* of them under way */
    struct cappy_prompt *first; /* prompts in the order in which they were added */
    struct cappy_prompt *last;
    struct cappy_random random;

    /* Whether the endpoint gives several answers to a call is found out once: the first call for
     * more than n_honoured goes out alone. */
    size_t n_honoured; /* the most answers that a call has brought, from 1 */
    size_t n_limit;    /* the most to ask for */
    const struct cappy_try *prober;

    struct cappy_sampler_counts counts;
    uint64_t n_good;      /* calls that brought answers */
    double paused_until;  /* nothing is sent before; 0: there is no pause */
    cappy_status stopped; /* CAPPY_OK: not stopped */
    char *sentence;       /* why it is */
    bool is_broken;       /* answers could not be stored: none may be used */
};

/* Deals with a call that has come to its end with this result of libcurl. */
cappy_status cappy_sampler_settle(struct cappy_sampler *sampler, struct cappy_try *attempt,
                                  int result, cappy_error *error);

#endif
