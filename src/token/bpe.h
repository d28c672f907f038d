/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-level byte-pair encoding: a word's bytes become symbols, and the two neighbours whose merge
 * ranks lowest (the leftmost where several do) become one symbol, until no neighbours merge. */
#ifndef CAPPY_TOKEN_BPE_H
#define CAPPY_TOKEN_BPE_H

#include "token/token.h"
#include "token/trie.h"

/* What becomes of two neighbours. */
struct cappy_merge {
    uint64_t pair; /* (left id << 32 | right id) + 1, so that 0 is an empty slot */
    uint32_t rank;
    int32_t id;
};

struct cappy_bpe {
    struct cappy_merge *merges; /* [mask + 1], open addressing, at most half full */
    size_t mask;
    int32_t byte_ids[256]; /* the symbol of each byte, or -1 where the vocabulary has none */
    int32_t unknown_id;    /* for such bytes; -1: they are dropped, as the reference does */
    bool fuse_unknown;     /* unknown bytes in a row become one unknown_id */
    bool whole_words;      /* ignore_merges: a word that is a token itself is that token */
    struct cappy_trie words;
    int32_t largest_id;
};

/* The working memory of cappy_bpe_encode. Zero-initialise; free with cappy_bpe_memory_free. */
struct cappy_bpe_memory {
    struct cappy_bpe_node *nodes;
    size_t n_nodes;
    uint64_t *heap; /* [2 * n_nodes] */
};

/* Reads a "model" of type BPE. CAPPY_FORMAT, CAPPY_UNSUPPORTED, CAPPY_NO_MEMORY; *bpe is then
 * empty. */
cappy_status cappy_bpe_read(const json_t *model, struct cappy_bpe *bpe, cappy_error *error);
void cappy_bpe_free(struct cappy_bpe *bpe);
void cappy_bpe_memory_free(struct cappy_bpe_memory *memory);

/* Appends the ids of word[0..size). In O(size log size) time. CAPPY_NO_MEMORY. */
cappy_status cappy_bpe_encode(const struct cappy_bpe *bpe, struct cappy_bpe_memory *memory,
                              const unsigned char *word, size_t size, struct cappy_ids *ids,
                              cappy_error *error);

static inline uint64_t cappy_bpe_pair(int32_t left, int32_t right)
{
    return ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) + 1;
}

/* The slot of the merge of `left` and `right`; its pair is 0 where they do not merge. */
static inline struct cappy_merge *cappy_bpe_find(const struct cappy_bpe *bpe, int32_t left,
                                                 int32_t right)
{
    uint64_t pair = cappy_bpe_pair(left, right);
    uint64_t hash = pair * 0x9e3779b97f4a7c15u;
    size_t i = (hash ^ hash >> 32) & bpe->mask;
    while (bpe->merges[i].pair != pair && bpe->merges[i].pair != 0) {
        i = (i + 1) & bpe->mask;
    }
    return &bpe->merges[i];
}

#endif
