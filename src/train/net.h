/* SPDX-License-Identifier: Apache-2.0 */
/* The forward and the backward pass of training over a pack of sequences. Private to train.
 *
 * As in scoring, sequences lie end to end and nothing is padded. What the backward pass needs of
 * the forward pass stays in the workspace between the two; everything is fp32, and what a matrix
 * product multiplies is rounded to bf16 on its way where the precision asks for it.
 *
 * Whatever the number of threads, every sum is made in the same order: a thread owns outputs, or
 * columns, or blocks of rows of a fixed size, never a part of a sum.
 *
 * Legend: T packed tokens, S sequences, H hidden, F feed-forward, L labels. */
#ifndef CAPPY_TRAIN_NET_H
#define CAPPY_TRAIN_NET_H

#include "train/params.h"

/* One tokenized pair. */
struct cappy_example {
    const int32_t *ids;      /* [n], special tokens included */
    const int32_t *segments; /* [n] */
    size_t n;
    uint32_t key[2]; /* of what dropout drops */
};

/* Rows of floats. */
struct cappy_array {
    float *data;
    size_t stride; /* floats */
};

/* What a layer keeps for its gradient. In the last layer everything but qkv has a row for the first
 * token of each sequence alone. */
struct cappy_trace {
    struct cappy_array input;         /* [T, H] */
    struct cappy_array qkv;           /* [T, 3H] */
    struct cappy_array context;       /* [T, H] */
    struct cappy_array attention_sum; /* [T, H], before the norm */
    struct cappy_array middle;        /* [T, H], behind it */
    struct cappy_array before;        /* [T, F], before the activation */
    struct cappy_array output_sum;    /* [T, H], before the norm */
    struct cappy_array output;        /* [T, H] */
};

/* Rates of dropout, as numbers dropped of 65,536. */
struct cappy_rates {
    uint32_t hidden;
    uint32_t attention;
    uint32_t head;
};

struct cappy_net_memory {
    size_t tokens;               /* room for these many */
    size_t sequences;            /* and these */
    char *memory;                /* all of the below */
    struct cappy_array embedded; /* [T, H], before the norm */
    struct cappy_trace *traces;  /* [layers] */
    struct cappy_array queries;  /* [S, H + panel], of the last layer */
    struct cappy_array firsts;   /* [S, H], input of the last layer, first tokens alone */
    struct cappy_array features; /* [S, H], input of the head, behind its dropout */
    struct cappy_array pooled;   /* [S, H], behind tanh */
    struct cappy_array dropped;  /* [S, H], behind dropout */
    struct cappy_array scores;   /* [S, L] */
    size_t *begins;              /* [S + 1], row of each sequence's first token */
    /* Scratch of the passes: */
    struct cappy_array active;    /* [T, F], behind the activation */
    struct cappy_array d_active;  /* [T, F] */
    struct cappy_array d_qkv;     /* [T, 3H] */
    struct cappy_array d_hidden;  /* [T, H] */
    struct cappy_array d_sum;     /* [T, H] */
    struct cappy_array d_context; /* [T, H] */
    struct cappy_array d_dropped; /* [T, H] */
    uint64_t *lookups[3];         /* [T], rows of the tables and who looked them up, sorted */
    size_t n_lookups[3];
    float *partials;    /* [blocks of rows, 2H], gradients of a norm's weight and bias */
    char *narrow;       /* operand rows in bf16 */
    char *transposed;   /* a gradient's transpose: rows of a product */
    char *threads;      /* scratch of each thread */
    size_t thread_size; /* bytes of one thread's */
};

struct cappy_net {
    const struct cappy_config *config;
    const struct cappy_kernels *kernels;
    const struct cappy_params *params;
    cappy_precision precision; /* FP32 or BF16 */
    size_t threads;
    struct cappy_rates rates;
    float *weights;   /* [size], borrowed */
    float *gradients; /* [size], borrowed */
    struct cappy_net_memory memory;
};

/* Makes room for passes of `tokens` and `sequences`; cheap where there is room. */
cappy_status cappy_net_reserve(struct cappy_net *net, size_t tokens, size_t sequences,
                               cappy_error *error);
void cappy_net_free(struct cappy_net *net);

/* scores[n][L] of examples[n], whose tokens together fit the room. With `train`, dropout drops. */
void cappy_net_forward(struct cappy_net *net, const struct cappy_example *examples, size_t n,
                       bool train, float *scores);

/* After cappy_net_forward with `train` of the same examples: adds to the gradients what follows
 * from d_scores[n][L], the gradient of the loss by each score. To each number
 * of the gradients it adds once, what the whole pass makes of it: passes that were computed apart,
 * each from 0, and then added up in order have the same bits as passes one after another. */
void cappy_net_backward(struct cappy_net *net, const struct cappy_example *examples, size_t n,
                        const float *d_scores);

#endif
