/* SPDX-License-Identifier: Apache-2.0 */
/* The forward pass over a pack of sequences. */
#ifndef CAPPY_MODEL_ENCODER_H
#define CAPPY_MODEL_ENCODER_H

#include "model/model.h"

/* One tokenized pair. */
struct cappy_sequence {
    const int32_t *ids;      /* [n], special tokens included */
    const int32_t *segments; /* [n] */
    size_t n;
    float *scores; /* [L], where the result goes */
    size_t head;   /* the token that the head reads; those before it see themselves alone */
    size_t shared; /* 0, or head where the sequence before has the same first `head` ids: their rows
                      are then not computed again */
};

/* Rows that it takes in a pass. */
static inline size_t cappy_sequence_rows(const struct cappy_sequence *sequence)
{
    return sequence->n - sequence->shared;
}

/* The working memory of one pass: room for `capacity` tokens. What a matrix product reads is kept
 * in the precision of its matrix; what is added up and normalised, in fp32. In fp32 the two are the
 * same.
 * Rows lie in blocks (kernel.h) where the kernel set is fast with that. */
struct cappy_workspace {
    size_t capacity;
    bool is_tiled;
    char *memory;               /* everything below lies in here */
    struct cappy_rows hidden;   /* [T, H] fp32; what is added to it is so in place */
    struct cappy_rows qkv;      /* [T, 3H] fp32; tiled: bf16 */
    struct cappy_rows context;  /* [T, H] output of attention, fp32; tiled: bf16 */
    struct cappy_rows queries;  /* [S, H] of the head's tokens, in the last layer, as qkv */
    struct cappy_rows gathered; /* [n, D] keys of one head, then values, as qkv: of a sequence whose
                                   prefix stands elsewhere; one part for each member of the team.
                                   Prefix mask only */
    size_t gathered_rows;       /* of keys in a part */
    struct cappy_rows ffn;      /* [T, F] fp32 or bf16; a part of F where it is done in parts */
    struct cappy_rows narrow_hidden;  /* [T, H] in the precision of the matrix that reads it */
    struct cappy_rows narrow_context; /* [T, H] likewise */
    struct cappy_rows narrow_ffn;     /* as ffn in INT8; else ffn itself */
    size_t part_scales;               /* in INT8, scales of narrow_ffn for each part of its rows */
    struct cappy_rows head_in;        /* [S, H] fp32, not in blocks: hidden, or memory of qkv */
    struct cappy_rows head_out;       /* [S, H] fp32, not in blocks: memory of others too */
    size_t ffn_part;                  /* columns of F that are computed and used at a time */
    float *scratch;                   /* of attention, one part for each member of the team */
    size_t scratch_size;              /* floats in a part */
    float *sums;                      /* of matrix products, one part for each member of the team */
    size_t sums_size;                 /* floats in a part */
    float *part_sums;                 /* of `down` from part to part; team of one, F in parts */
};

/* Room for passes of up to `capacity` tokens by a team of up to `team` threads. Safe to call again
 * to enlarge. */
cappy_status cappy_workspace_init(struct cappy_workspace *workspace,
                                  const struct cappy_model *model, size_t capacity, size_t team,
                                  cappy_error *error);
void cappy_workspace_free(struct cappy_workspace *workspace);

/* A thread of the team that computes one pass together: each calls cappy_encode_pass with its own
 * `index` below `count`. With more than one, all are threads of one OpenMP parallel region, for the
 * barriers. */
struct cappy_member {
    size_t index;
    size_t count;
};

/* Computes the scores of sequences[count], whose rows together fit the workspace; the first one
 * shares nothing. */
void cappy_encode_pass(const struct cappy_model *model, struct cappy_workspace *workspace,
                       struct cappy_member member, const struct cappy_sequence *sequences,
                       size_t count);

/* Operations of the matrix products and of attention for a sequence. The last layer needs keys and
 * values of all tokens, everything else for one. */
double cappy_count_operations(const struct cappy_config *config,
                              const struct cappy_sequence *sequence);

#endif
