/* SPDX-License-Identifier: Apache-2.0 */
/* A set of byte strings with an id each, walked one byte at a time: the vocabulary of WordPiece. */
#ifndef CAPPY_TOKEN_TRIE_H
#define CAPPY_TOKEN_TRIE_H

#include "base/base.h"

enum { CAPPY_TRIE_ROOT = 0, CAPPY_TRIE_NONE = -1 };

/* An edge of the trie: from a node, along a byte, to a node. All edges are in one hash table. */
struct cappy_trie_edge {
    uint64_t key; /* node * 256 + byte + 1, so that 0 is an empty slot */
    int32_t child;
    int32_t id; /* of the string that ends at the child, or CAPPY_TRIE_NONE */
};

struct cappy_trie {
    struct cappy_trie_edge *edges; /* [mask + 1], open addressing, at most half full */
    size_t mask;
    size_t n_edges;
};

/* Makes an empty trie. CAPPY_NO_MEMORY. */
cappy_status cappy_trie_init(struct cappy_trie *trie, cappy_error *error);
void cappy_trie_free(struct cappy_trie *trie);

/* Adds `text`, or replaces its id; an empty one is left out. CAPPY_NO_MEMORY, and CAPPY_UNSUPPORTED
 * when the strings are too many. */
cappy_status cappy_trie_add(struct cappy_trie *trie, const char *text, size_t size, int32_t id,
                            cappy_error *error);

/* Where the search for an edge begins. */
static inline size_t cappy_trie_hash(const struct cappy_trie *trie, uint64_t key)
{
    return key * 0x9e3779b97f4a7c15u >> 20 & trie->mask;
}

/* The edge from `node` along `byte`, or NULL. */
static inline const struct cappy_trie_edge *cappy_trie_step(const struct cappy_trie *trie,
                                                            int32_t node, unsigned char byte)
{
    uint64_t key = ((uint64_t)node << 8 | byte) + 1;
    for (size_t i = cappy_trie_hash(trie, key);; i = (i + 1) & trie->mask) {
        const struct cappy_trie_edge *edge = &trie->edges[i];
        if (edge->key == key) {
            return edge;
        }
        if (edge->key == 0) {
            return NULL;
        }
    }
}

/* The node `text` leads to from the root, or CAPPY_TRIE_NONE; *id receives the id of `text`, or
 * CAPPY_TRIE_NONE. */
int32_t cappy_trie_find(const struct cappy_trie *trie, const char *text, size_t size, int32_t *id);

#endif
