/* SPDX-License-Identifier: Apache-2.0 */
/* The forward and the backward pass of training over a pack of sequences. Private to train.
 *
 * As in scoring, sequences lie end to end, nothing is padded, and what neighbours share by the
 * prefix mask is computed once. A pass is cut into slots of whole sequences, about as many tokens
 * as a cache holds. A thread takes a slot through all layers by itself; backwards all slots of a
 * layer come before its weight gradients, which are sums over the tokens of the pass. What the
 * backward pass needs of the forward pass stays in the workspace between the two, or is computed
 * again from a part of it, to the same bits. With the precision BF16, rows that are operands of a
 * product are bf16; sums of products, residuals, norms and gradients of weights are fp32.
 *
 * Whatever the number of threads, every sum is made in the same order: slots depend on the examples
 * alone, a thread owns outputs or slots, and what slots add up to is added in their order.
 *
 * Legend: T packed tokens, S sequences, R rows of a slot, H hidden, F feed-forward, L labels. */
#ifndef CAPPY_TRAIN_NET_H
#define CAPPY_TRAIN_NET_H

#include "train/params.h"

/* One tokenized pair. */
struct cappy_example {
    const int32_t *ids;      /* [n], special tokens included */
    const int32_t *segments; /* [n] */
    size_t n;
    uint32_t key[2]; /* of what dropout drops */
    size_t head;     /* the token that the head reads; those before it see themselves alone */
    size_t shared;   /* 0, or head where the example before has the same first `head` ids */
};

/* Rows of floats. */
struct cappy_array {
    float *data;
    size_t stride; /* floats */
};

/* What a layer keeps for its gradient. In the last layer everything but input, qkv and kept has a
 * row for the token of each sequence that the head reads alone. Rows are of the net's precision.
 * Where layers are computed again, they share all but output_sum, and the last one what it has by
 * sequences. */
struct cappy_trace {
    struct cappy_rows input;          /* [T, H] */
    struct cappy_rows qkv;            /* [T, 3H] */
    struct cappy_rows context;        /* [T, H] */
    struct cappy_array attention_sum; /* [T, H], before the norm */
    struct cappy_rows middle;         /* [T, H], behind it */
    struct cappy_rows active;         /* [T, F], behind the activation */
    struct cappy_rows slope;          /* [T, F], of the activation */
    struct cappy_array output_sum;    /* [T, H], before the norm */
    uint16_t *kept;                   /* of the heads of each sequence, BF16 only */
};

/* Rates of dropout, as numbers dropped of 65,536. */
struct cappy_rates {
    uint32_t hidden;
    uint32_t attention;
    uint32_t head;
};

/* Whole sequences that one thread takes at a time. Of those that share a prefix and stand behind
 * one another in a slot, the first, the leader, has rows for it; its followers have rows for what
 * comes behind the prefix alone. */
struct cappy_slot {
    size_t first;       /* example */
    size_t n;           /* examples */
    size_t row;         /* of its first token */
    size_t tokens;      /* that have rows */
    size_t place;       /* of its first token among those of weight gradients (linear.h) */
    size_t first_place; /* the same for its first tokens alone */
};

enum { CAPPY_TABLES = 3 };

/* Bytes between the blocks of m rows: an odd number of lines, so that the blocks of a row fall into
 * different cache sets. */
static inline size_t cappy_rows_apart(size_t m)
{
    return (m | 1) * CAPPY_BLOCK_BYTES;
}

struct cappy_net_memory {
    size_t tokens;    /* room for these many */
    size_t sequences; /* and these */
    size_t rows;      /* and these of a slot */
    char *memory;     /* all of the below */
    struct cappy_slot *slots;
    size_t n_slots;
    size_t *begins;  /* [S + 1], first row of each sequence */
    size_t *leaders; /* [S], whose prefix a sequence has: its own where that is itself */
    size_t *kept;    /* [S + 1], where what each sequence's heads keep begins */
    struct cappy_array embedded; /* [T, H], before the norm */
    struct cappy_trace *traces;  /* [layers] */
    struct cappy_rows queries;   /* [S, H], of the last layer */
    struct cappy_rows firsts;    /* [S, H], input of the last layer, tokens that the head reads */
    struct cappy_array features; /* [S, H], input of the head, behind its dropout */
    struct cappy_array pooled;   /* [S, H], behind tanh */
    struct cappy_array dropped;  /* [S, H], behind dropout */
    struct cappy_array scores;   /* [S, L] */
    /* Of the backward pass: */
    struct cappy_array d_hidden;     /* [T, H] */
    char *operands;                  /* of the weight gradients of one layer */
    size_t places;                   /* of tokens in them, in the pass that was planned last */
    size_t first_places;             /* and of first tokens */
    float *partials;                 /* [slots, norms of a layer, 2H], gradients of weight, bias */
    uint64_t *lookups[CAPPY_TABLES]; /* [T], rows of the tables and who looked them up, sorted */
    size_t n_lookups[CAPPY_TABLES];
    char *desks;      /* working memory of each thread */
    size_t desk_size; /* bytes of one thread's */
};

/* The matrices of the layers as the kernels want them, BF16 only. */
struct cappy_net_packed {
    char *memory;
    struct cappy_matrix *matrices; /* [layers, linears of a layer, 2]: for output, for gradient */
    bool is_current;               /* they hold the weights as they are */
};

struct cappy_net {
    const struct cappy_config *config;
    const struct cappy_kernels *kernels;
    const struct cappy_params *params;
    cappy_precision precision; /* FP32 or BF16 */
    size_t threads;
    bool is_tiled; /* BF16 rows lie in blocks; set by cappy_net_reserve */
    struct cappy_rates rates;
    bool recompute;   /* keep a layer's output_sum alone, and compute the rest again backwards */
    float *weights;   /* [size], borrowed */
    float *gradients; /* [size], borrowed */
    struct cappy_net_memory memory;
    struct cappy_net_packed packed;
};

/* Makes room for passes of `tokens` and `sequences`; cheap where there is room. */
cappy_status cappy_net_reserve(struct cappy_net *net, size_t tokens, size_t sequences,
                               cappy_error *error);
void cappy_net_free(struct cappy_net *net);

/* A pass as it is filled with examples. Zero-initialise. */
struct cappy_filling {
    size_t n;      /* examples of the last slot */
    size_t tokens; /* its rows */
    size_t rows;   /* of all slots */
};

/* Adds an example; whether it begins a slot, and with that has rows for its prefix. */
bool cappy_filling_add(struct cappy_filling *filling, const struct cappy_example *example);

/* Rows of a pass of examples[n]: tokens that are computed. */
size_t cappy_net_rows(const struct cappy_example *examples, size_t n);

/* To be called when the weights have changed. */
void cappy_net_changed(struct cappy_net *net);

/* scores[n][L] of examples[n], whose rows together fit the room. With `train`, dropout drops. */
void cappy_net_forward(struct cappy_net *net, const struct cappy_example *examples, size_t n,
                       bool train, float *scores);

/* After cappy_net_forward with `train` of the same examples: adds to the gradients what follows
 * from d_scores[n][L], the gradient of the loss by each score. To each number
 * of the gradients it adds once, what the whole pass makes of it: passes that were computed apart,
 * each from 0, and then added up in order have the same bits as passes one after another. */
void cappy_net_backward(struct cappy_net *net, const struct cappy_example *examples, size_t n,
                        const float *d_scores);

#endif
