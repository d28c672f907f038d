/* SPDX-License-Identifier: Apache-2.0 */
/* A prompt, and the answers to it as they come in. */
#ifndef CAPPY_LLM_PROMPT_H
#define CAPPY_LLM_PROMPT_H

#include "llm/store.h"

enum cappy_answer_state {
    CAPPY_ANSWER_EMPTY,
    CAPPY_ANSWER_ASKED, /* a call for it is under way, or waits to be tried again */
    CAPPY_ANSWER_FILLED,
    CAPPY_ANSWER_FAILED,
};

/* The place of one answer. */
struct cappy_answer_slot {
    enum cappy_answer_state state;
    char *text; /* [size] */
    size_t size;
};

/* The answers by one decoding. */
struct cappy_part {
    const struct cappy_decoding *decoding;
    struct cappy_answer_slot *slots; /* [decoding->count] */
    size_t n_wanted;                 /* the first of them */
    size_t n_empty;                  /* of those wanted */
    size_t n_asked;                  /* likewise */
    json_t *body;                    /* of a call for one answer, without its seed */
    struct cappy_buffer text;        /* what it is known by in the store */
    struct cappy_store_key key;      /* borrows from text */
    bool is_loaded;                  /* the store was asked */
};

struct cappy_prompt {
    struct cappy_prompt *next;     /* in the order in which they were added */
    struct cappy_prompt *previous; /* the list of the sampler */
    struct cappy_sampler *sampler;
    struct cappy_part *parts; /* [n_parts] */
    size_t n_parts;
    struct cappy_answer_slot *slots; /* of all parts */
    size_t n_wanted;                 /* the first of them */
    size_t n_open;                   /* of those, neither filled nor failed */
    size_t n_failed;
    char *reason; /* of the first failure */
};

/* Makes a prompt of an instruction; no answer is wanted yet. */
cappy_status cappy_prompt_create(const struct cappy_llm_options *options, enum cappy_llm_api api,
                                 cappy_text url, const struct cappy_sample_plan *plan,
                                 cappy_text instruction, struct cappy_prompt **prompt,
                                 cappy_error *error);

/* Frees it, out of any list. */
void cappy_prompt_destroy(struct cappy_prompt *prompt);

/* Makes the first `n` slots wanted; returns how many of the new ones were filled already. */
size_t cappy_prompt_want(struct cappy_prompt *prompt, size_t n);

/* Fills slot `index` of the part, which is empty or asked for. */
cappy_status cappy_prompt_fill(struct cappy_prompt *prompt, struct cappy_part *part, size_t index,
                               cappy_text text, cappy_error *error);

/* Marks slots that were asked for as failed. */
cappy_status cappy_prompt_fail(struct cappy_prompt *prompt, struct cappy_part *part, size_t first,
                               size_t n, const char *reason, cappy_error *error);

/* Marks empty slots as asked for, or slots asked for as empty. */
void cappy_prompt_ask(struct cappy_part *part, size_t first, size_t n);
void cappy_prompt_release(struct cappy_part *part, size_t first, size_t n);

/* Fills the part's empty slots with what the store holds; *n receives how many of those wanted. */
cappy_status cappy_prompt_load(struct cappy_prompt *prompt, struct cappy_part *part,
                               struct cappy_store *store, size_t *n, cappy_error *error);

/* Whether both ask the same. */
bool cappy_part_is_same(const struct cappy_part *a, const struct cappy_part *b);

#endif
