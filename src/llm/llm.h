/* SPDX-License-Identifier: Apache-2.0 */
/* The face of llm: answers sampled from a language model that can only be called, behind an
 * endpoint that speaks as OpenAI's does. Whatever is sampled is in the store before it is used. */
#ifndef CAPPY_LLM_H
#define CAPPY_LLM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

/* ---- What to sample -------------------------------------------------------------------------- */

/* One way of sampling, and how many answers are wanted that way. */
struct cappy_decoding {
    char *name;       /* as in the plan's text, without the count */
    json_t *settings; /* an object: what is sent besides the prompt */
    size_t count;     /* from 1 */
};

struct cappy_sample_plan {
    struct cappy_decoding *decodings; /* [n] */
    size_t n;
    size_t n_answers; /* the sum of the counts */
};

enum { CAPPY_PLAN_ANSWERS = 1024 };

/* Reads a plan: "reference", or decodings with commas between them. A decoding is "default"
 * (nothing is sent), "greedy" (temperature 0), "plain" (temperature 1, top_p 1), or settings such
 * as temperature=0.9+min_p=0.1; "*4" behind it asks for four answers. The caller frees *plan.
 * Errors: CAPPY_ARGUMENT. */
cappy_status cappy_sample_plan_read(const char *text, struct cappy_sample_plan *plan,
                                    cappy_error *error);

/* The plan of n answers, from 1 to CAPPY_PLAN_ANSWERS, as the endpoint samples by itself. */
cappy_status cappy_sample_plan_default(size_t n, struct cappy_sample_plan *plan,
                                       cappy_error *error);
void cappy_sample_plan_free(struct cappy_sample_plan *plan);

/* CAPPY_ARGUMENT for the name of a setting that cappy sets itself, such as "n". */
cappy_status cappy_setting_check(const char *name, cappy_error *error);

/* ---- The endpoint ---------------------------------------------------------------------------- */

enum cappy_llm_api { CAPPY_LLM_CHAT, CAPPY_LLM_COMPLETIONS };

/* Everything in it is borrowed, and must outlive the sampler made from it. */
struct cappy_llm_options {
    const char *url;        /* http or https; its base, such as http://host/v1, or in full */
    enum cappy_llm_api api; /* where the URL does not say */
    const char *model;      /* NULL: none is named */
    const char *key;        /* sent as a bearer token; NULL: none */
    const char *system;     /* the system message of a chat; NULL: none */
    json_t *settings;       /* an object sent with every call, below what the plan says; or NULL */
    size_t max_tokens;      /* of an answer; 0: what the endpoint does by itself */
    bool has_seed;          /* send seeds, counted from `seed` for the answers to a prompt */
    uint64_t seed;
    size_t in_flight;          /* calls at a time */
    size_t retries;            /* of a call, after its first try */
    double timeout;            /* seconds for a call */
    uint64_t max_calls;        /* 0: no limit; a retry is a call */
    uint64_t max_tokens_total; /* of prompts and answers as the endpoint counts them; 0: no limit */
    const char *store;         /* the file of the store */
    const char *authorities; /* a file of certificates to trust instead of the system\'s; or NULL */
};

/* ---- Sampling -------------------------------------------------------------------------------- */

struct cappy_sampler;

/* A prompt and the answers to it. */
struct cappy_prompt;

/* What has happened so far. */
struct cappy_sampler_counts {
    uint64_t calls;   /* sent, those tried again too */
    uint64_t retries; /* of them */
    uint64_t answers; /* sampled */
    uint64_t stored;  /* answers that the store held */
    uint64_t prompt_tokens;
    uint64_t answer_tokens;
    size_t in_flight; /* calls now */
    double waiting;   /* seconds until calls are sent again, where the endpoint asked for a pause */
};

/* Makes a sampler, which opens the store and calls nobody yet. `options` and `plan` must outlive
 * it. Errors: CAPPY_ARGUMENT for options that cannot be, CAPPY_IO and CAPPY_FORMAT for the
 * store. */
cappy_status cappy_sampler_create(const struct cappy_llm_options *options,
                                  const struct cappy_sample_plan *plan,
                                  struct cappy_sampler **sampler, cappy_error *error);

/* Frees the sampler and its prompts. Calls that are under way are broken off. */
void cappy_sampler_free(struct cappy_sampler *sampler);

/* Asks for the first `n` of the plan's answers to `instruction`. The prompt is freed with
 * cappy_prompt_free once it is done, or else with the sampler. Prompts are worked off in this
 * order. */
cappy_status cappy_sampler_add(struct cappy_sampler *sampler, cappy_text instruction, size_t n,
                               struct cappy_prompt **prompt, cappy_error *error);

/* Goes on with the calls: sends, receives, stores. Waits up to `seconds` where nothing happens.
 * Fails when it makes no sense to go on (the endpoint refuses the key or knows no such model, a
 * limit is reached, the store cannot be written, cappy_sampler_stop), and only after the calls that
 * were under way have come to an end and their answers are stored. */
cappy_status cappy_sampler_work(struct cappy_sampler *sampler, double seconds, cappy_error *error);

/* Lets cappy_sampler_work send no more calls and then fail, with this status and sentence. */
void cappy_sampler_stop(struct cappy_sampler *sampler, cappy_status status, const char *sentence);

struct cappy_sampler_counts cappy_sampler_count(const struct cappy_sampler *sampler);

/* Whether all that was asked for has been sampled or has failed. */
bool cappy_prompt_is_done(const struct cappy_prompt *prompt);

/* Asks for the first `n` of the plan's answers, more than so far. Returns how many are asked for
 * now: at most all. */
size_t cappy_prompt_widen(struct cappy_prompt *prompt, size_t n);

/* An answer and the name of its decoding. */
struct cappy_sample {
    cappy_text text; /* lives as long as the prompt */
    const char *source;
};

/* The answers so far, in the order of the plan, at most as many as were asked for. Returns how many
 * there are. */
size_t cappy_prompt_list(const struct cappy_prompt *prompt, struct cappy_sample *samples);

/* How many answers could not be had, and, where any, why: of the first. */
size_t cappy_prompt_failed(const struct cappy_prompt *prompt, const char **reason);

/* Frees a prompt that is done. */
void cappy_prompt_free(struct cappy_prompt *prompt);

/* ---- Relaying -------------------------------------------------------------------------------- */

/* Passes requests of others on, each of them several times, and collects what comes back. A thread
 * of its own makes the calls. */
struct cappy_relay;

/* Everything in it is borrowed, and must outlive the relay. */
struct cappy_relay_options {
    const char *url;               /* as of cappy_llm_options; where it ends does not matter */
    const char *key;               /* sent as a bearer token; NULL: none */
    const char *authorities;       /* as of cappy_llm_options */
    const char *store;             /* the file of the store; NULL: nothing is stored */
    size_t in_flight;              /* calls at a time */
    size_t waiting;                /* answers that may wait for one, of all requests */
    double timeout;                /* seconds for a call */
    void (*notify)(void *context); /* there are requests to collect; called from the thread */
    void *context;
};

/* Why an answer could not be had. */
struct cappy_relay_failure {
    int status;               /* of HTTP; 0: there was none that could be passed on */
    bool is_timeout;          /* the call took too long */
    double retry_after;       /* seconds; 0: the endpoint did not ask for any */
    struct cappy_buffer body; /* what came with the status */
    bool is_json;             /* it is called so */
    char sentence[400];       /* the same in words */
};

/* A request. The caller sets the first part, and the rest to 0; all of it is the relay's from
 * cappy_relay_submit until it is collected. */
struct cappy_relayed {
    enum cappy_llm_api api;
    json_t *body;   /* for one answer that is not streamed; borrowed */
    size_t n;       /* answers wanted, from 1 */
    bool reuses;    /* takes answers from the store, and adds to it what is sampled */
    char trace[56]; /* a traceparent to send along; "": none */

    /* What came of it. Each reply is what a call brought, with no more choices than were asked for;
     * stored answers are the choices of a reply of their own. */
    json_t *replies; /* objects with "choices", a list of objects; NULL: nothing came */
    size_t n_answers;
    size_t n_stored; /* of them */
    size_t n_failed;
    size_t n_calls;
    struct cappy_relay_failure failure; /* the first */
    char store_problem[200];            /* why the store did not do; "": it did */
    bool is_cancelled;

    /* The relay's own. */
    struct cappy_relayed *next;
    struct cappy_relayed *previous;
    size_t n_asked; /* answers that calls under way are for */
    bool is_begun;  /* the store was asked */
    bool is_single; /* asks for one answer, to see whether it was their number */
    bool *held;     /* [n] numbers of answers that the store has */
};

/* What has happened so far. */
struct cappy_relay_counts {
    size_t in_flight;
    size_t waiting; /* answers */
    uint64_t answers;
    uint64_t calls[600]; /* that ended with each status; 0: with none */
};

/* Starts the thread. Errors: CAPPY_ARGUMENT for a URL or key that cannot be; those of the store. */
cappy_status cappy_relay_start(const struct cappy_relay_options *options,
                               struct cappy_relay **relay, cappy_error *error);

/* Ends it; all requests must have been collected. */
void cappy_relay_stop(struct cappy_relay *relay);

/* Takes a request. False when too much waits already. */
bool cappy_relay_submit(struct cappy_relay *relay, struct cappy_relayed *request);

/* Breaks its calls off. It is collected as others are, soon. */
void cappy_relay_cancel(struct cappy_relay *relay, struct cappy_relayed *request);

/* The requests that have ended since the last call, linked by `next`, first come first. */
struct cappy_relayed *cappy_relay_collect(struct cappy_relay *relay);

void cappy_relay_count(struct cappy_relay *relay, struct cappy_relay_counts *counts);

/* Frees what came of a request. */
void cappy_relayed_free(struct cappy_relayed *request);

#endif
