/* SPDX-License-Identifier: Apache-2.0 */
/* Added tokens: those that are found in the text before the model sees it, such as "<mask>". */
#ifndef CAPPY_TOKEN_ADDED_H
#define CAPPY_TOKEN_ADDED_H

#include "token/normalize.h"

struct cappy_added_token {
    char *content; /* what is looked for */
    size_t size;
    int32_t id;
    bool single_word; /* not where a word character stands before or behind it */
    bool lstrip;      /* takes the white space before it */
    bool rstrip;      /* takes the white space behind it */
    bool normalized;  /* looked for in normalised text */
};

/* Tokens that are looked for in the same text. */
struct cappy_added_set {
    struct cappy_added_token *tokens; /* [n], sorted by content */
    size_t n;
    bool first[256]; /* the bytes their contents begin with */
    int only_first;  /* the one such byte, or -1 where there are several */
};

struct cappy_added {
    struct cappy_added_set raw;        /* looked for in the text as it is */
    struct cappy_added_set normalized; /* looked for in the normalised text between those */
    int32_t largest_id;                /* -1 where there are none */
};

/* A part of the text: an added token, or (id -1) what lies before one or at the end. */
struct cappy_added_part {
    size_t start;
    size_t end;
    int32_t id;
};

/* Reads "added_tokens" for a model with `vocabulary`. A token's id is the model's, or the next free
 * one, as the reference has it, whatever the file says. CAPPY_FORMAT, CAPPY_UNSUPPORTED,
 * CAPPY_NO_MEMORY; *added is then empty. */
cappy_status cappy_added_read(const json_t *list, const json_t *vocabulary,
                              const struct cappy_normalizer *normalizer, struct cappy_added *added,
                              cappy_error *error);
void cappy_added_free(struct cappy_added *added);

/* A walk over the parts of a text. */
struct cappy_added_walk {
    const struct cappy_added_set *set;
    const unsigned char *text;
    size_t size;
    size_t search;      /* where the next token may begin */
    size_t done;        /* what lies before was handed out */
    size_t space_start; /* a run of white space that a token took */
    size_t space_end;
    struct cappy_added_part waiting; /* a token whose text before it was just handed out */
};

/* Writes the next part to *part. False at the end. */
bool cappy_added_next(struct cappy_added_walk *walk, struct cappy_added_part *part);

#endif
