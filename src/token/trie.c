/* SPDX-License-Identifier: Apache-2.0 */
/* Building the trie. Nodes have no storage of their own: a node is a number, its edges are entries
 * of the one hash table, which doubles when it is half full. */
#include "token/trie.h"

enum { FIRST_SLOTS = 1024 };

cappy_status cappy_trie_init(struct cappy_trie *trie, cappy_error *error)
{
    *trie = (struct cappy_trie){0};
    trie->edges = cappy_alloc(FIRST_SLOTS, sizeof *trie->edges);
    trie->mask = FIRST_SLOTS - 1;
    return trie->edges != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

void cappy_trie_free(struct cappy_trie *trie)
{
    cappy_free(trie->edges);
    *trie = (struct cappy_trie){0};
}

/* The slot of the edge with `key`: its own, or the empty one where it belongs. */
static struct cappy_trie_edge *find_slot(const struct cappy_trie *trie, uint64_t key)
{
    size_t i = cappy_trie_hash(trie, key);
    while (trie->edges[i].key != key && trie->edges[i].key != 0) {
        i = (i + 1) & trie->mask;
    }
    return &trie->edges[i];
}

/* Doubles the table. */
static cappy_status grow(struct cappy_trie *trie, cappy_error *error)
{
    struct cappy_trie bigger = {.mask = trie->mask * 2 + 1, .n_edges = trie->n_edges};
    bigger.edges = cappy_alloc(bigger.mask + 1, sizeof *bigger.edges);
    if (bigger.edges == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i <= trie->mask; i++) {
        if (trie->edges[i].key != 0) {
            *find_slot(&bigger, trie->edges[i].key) = trie->edges[i];
        }
    }
    cappy_free(trie->edges);
    *trie = bigger;
    return CAPPY_OK;
}

cappy_status cappy_trie_add(struct cappy_trie *trie, const char *text, size_t size, int32_t id,
                            cappy_error *error)
{
    int32_t node = CAPPY_TRIE_ROOT;
    struct cappy_trie_edge *edge = NULL;
    for (size_t i = 0; i < size; i++) {
        if (trie->n_edges >= trie->mask / 2) {
            CAPPY_TRY(grow(trie, error));
        }
        edge = find_slot(trie, ((uint64_t)node << 8 | (unsigned char)text[i]) + 1);
        if (edge->key == 0) {
            if (trie->n_edges == INT32_MAX) {
                return cappy_error_set(error, CAPPY_UNSUPPORTED, "the vocabulary is too large");
            }
            trie->n_edges++;
            edge->key = ((uint64_t)node << 8 | (unsigned char)text[i]) + 1;
            edge->child = (int32_t)trie->n_edges;
            edge->id = CAPPY_TRIE_NONE;
        }
        node = edge->child;
    }
    if (edge != NULL) {
        edge->id = id;
    }
    return CAPPY_OK;
}

int32_t cappy_trie_find(const struct cappy_trie *trie, const char *text, size_t size, int32_t *id)
{
    int32_t node = CAPPY_TRIE_ROOT;
    *id = CAPPY_TRIE_NONE;
    for (size_t i = 0; i < size; i++) {
        const struct cappy_trie_edge *edge = cappy_trie_step(trie, node, (unsigned char)text[i]);
        if (edge == NULL) {
            *id = CAPPY_TRIE_NONE;
            return CAPPY_TRIE_NONE;
        }
        node = edge->child;
        *id = edge->id;
    }
    return node;
}
