/* SPDX-License-Identifier: Apache-2.0 */
/* Merging. Short words are merged by looking at every pair each time, which is quickest for them;
 * long ones with a heap of pairs. Both give the same symbols, since ranks are unique. */
#include "token/bpe.h"

#include <string.h>

enum { SHORT_WORD = 48 };

static const uint32_t NO_NODE = UINT32_MAX;
static const uint32_t NO_RANK = UINT32_MAX;

/* A symbol of a long word. */
struct cappy_bpe_node {
    int32_t id; /* -1 once it was merged into the symbol before it */
    uint32_t previous;
    uint32_t next;
};

void cappy_bpe_memory_free(struct cappy_bpe_memory *memory)
{
    cappy_free(memory->nodes);
    cappy_free(memory->heap);
    *memory = (struct cappy_bpe_memory){0};
}

/* The symbol of word[i], or -1 where there is none. */
static int32_t find_symbol(const struct cappy_bpe *bpe, const unsigned char *word, size_t i)
{
    int32_t id = bpe->byte_ids[word[i]];
    if (id >= 0 || bpe->unknown_id < 0) {
        return id;
    }
    bool repeated = bpe->fuse_unknown && i > 0 && bpe->byte_ids[word[i - 1]] < 0;
    return repeated ? -1 : bpe->unknown_id;
}

static uint32_t find_rank(const struct cappy_bpe *bpe, int32_t left, int32_t right)
{
    const struct cappy_merge *merge = cappy_bpe_find(bpe, left, right);
    return merge->pair != 0 ? merge->rank : NO_RANK;
}

/* Writes the ids of word[0..size), size <= SHORT_WORD, to out[size]; returns how many. */
static size_t merge_short(const struct cappy_bpe *bpe, const unsigned char *word, size_t size,
                          int32_t *out)
{
    uint32_t ranks[SHORT_WORD]; /* of out[i] with out[i + 1] */
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        int32_t id = find_symbol(bpe, word, i);
        if (id >= 0) {
            out[n++] = id;
        }
    }
    for (size_t i = 0; i + 1 < n; i++) {
        ranks[i] = find_rank(bpe, out[i], out[i + 1]);
    }
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++) {
            best = ranks[i] < ranks[best] ? i : best;
        }
        if (ranks[best] == NO_RANK) {
            break;
        }
        out[best] = cappy_bpe_find(bpe, out[best], out[best + 1])->id;
        n--;
        memmove(&out[best + 1], &out[best + 2], (n - best - 1) * sizeof *out);
        memmove(&ranks[best], &ranks[best + 1], (n - best - 1) * sizeof *ranks);
        if (best > 0) {
            ranks[best - 1] = find_rank(bpe, out[best - 1], out[best]);
        }
        if (best + 1 < n) {
            ranks[best] = find_rank(bpe, out[best], out[best + 1]);
        }
    }
    return n;
}

/* The heap has four children to a node: it is half as deep as one with two, and they share a cache
 * line. */
enum { ARITY = 4 };

/* Moves heap[i] down to where no entry below it is smaller. */
static void sift_down(uint64_t *heap, size_t n, size_t i)
{
    uint64_t entry = heap[i];
    for (size_t first; (first = ARITY * i + 1) < n;) {
        size_t end = first + ARITY < n ? first + ARITY : n;
        size_t least = first;
        for (size_t child = first + 1; child < end; child++) {
            least = heap[child] < heap[least] ? child : least;
        }
        if (entry <= heap[least]) {
            break;
        }
        heap[i] = heap[least];
        i = least;
    }
    heap[i] = entry;
}

/* Adds an entry to heap[0..n). */
static void push(uint64_t *heap, size_t n, uint64_t entry)
{
    size_t i = n;
    while (i > 0 && entry < heap[(i - 1) / ARITY]) {
        heap[i] = heap[(i - 1) / ARITY];
        i = (i - 1) / ARITY;
    }
    heap[i] = entry;
}

/* The heap entry of the symbols at `left` and behind it: rank, then position; UINT64_MAX where they
 * do not merge. */
static uint64_t make_entry(const struct cappy_bpe *bpe, const struct cappy_bpe_node *nodes,
                           uint32_t left)
{
    uint32_t right = nodes[left].next;
    uint32_t rank = right == NO_NODE ? NO_RANK : find_rank(bpe, nodes[left].id, nodes[right].id);
    return rank == NO_RANK ? UINT64_MAX : (uint64_t)rank << 32 | left;
}

/* Merges nodes[0..n); heap[] has room for 2 * n entries. An entry whose pair is no longer there is
 * skipped: what stands at its place then has another rank. */
static void merge_nodes(const struct cappy_bpe *bpe, struct cappy_bpe_node *nodes, uint32_t n,
                        uint64_t *heap)
{
    size_t n_heap = 0;
    for (uint32_t i = 0; i < n; i++) {
        heap[n_heap] = make_entry(bpe, nodes, i);
        n_heap += heap[n_heap] != UINT64_MAX ? 1 : 0;
    }
    for (size_t i = n_heap; i > 0; i--) {
        sift_down(heap, n_heap, i - 1);
    }
    while (n_heap > 0) {
        uint64_t entry = heap[0];
        heap[0] = heap[--n_heap];
        if (n_heap > 0) {
            sift_down(heap, n_heap, 0);
        }
        struct cappy_bpe_node *left = &nodes[(uint32_t)entry];
        if (left->id < 0 || make_entry(bpe, nodes, (uint32_t)entry) != entry) {
            continue;
        }
        struct cappy_bpe_node *right = &nodes[left->next];
        left->id = cappy_bpe_find(bpe, left->id, right->id)->id;
        left->next = right->next;
        right->id = -1;
        if (left->next != NO_NODE) {
            nodes[left->next].previous = (uint32_t)entry;
        }
        uint64_t after = make_entry(bpe, nodes, (uint32_t)entry);
        if (after != UINT64_MAX) {
            push(heap, n_heap++, after);
        }
        uint64_t before =
            left->previous != NO_NODE ? make_entry(bpe, nodes, left->previous) : UINT64_MAX;
        if (before != UINT64_MAX) {
            push(heap, n_heap++, before);
        }
    }
}

/* Makes room for the n symbols of a long word. */
static cappy_status grow(struct cappy_bpe_memory *memory, size_t n, cappy_error *error)
{
    if (n >= NO_NODE) {
        return cappy_error_set(error, CAPPY_NO_MEMORY, "a word of %zu bytes is too long", n);
    }
    if (n > memory->n_nodes) {
        cappy_bpe_memory_free(memory);
        memory->nodes = cappy_alloc_aligned(n, sizeof *memory->nodes);
        memory->heap = cappy_alloc_aligned(n, 2 * sizeof *memory->heap);
        if (memory->nodes == NULL || memory->heap == NULL) {
            cappy_bpe_memory_free(memory);
            return cappy_error_no_memory(error);
        }
        memory->n_nodes = n;
    }
    return CAPPY_OK;
}

static cappy_status merge_long(const struct cappy_bpe *bpe, struct cappy_bpe_memory *memory,
                               const unsigned char *word, size_t size, struct cappy_ids *ids,
                               cappy_error *error)
{
    CAPPY_TRY(grow(memory, size, error));
    struct cappy_bpe_node *nodes = memory->nodes;
    uint32_t n = 0;
    for (size_t i = 0; i < size; i++) {
        int32_t id = find_symbol(bpe, word, i);
        if (id >= 0) {
            nodes[n] = (struct cappy_bpe_node){id, n == 0 ? NO_NODE : n - 1, n + 1};
            n++;
        }
    }
    if (n == 0) {
        return CAPPY_OK;
    }
    nodes[n - 1].next = NO_NODE;
    merge_nodes(bpe, nodes, n, memory->heap);
    for (uint32_t i = 0; i != NO_NODE; i = nodes[i].next) {
        ids->data[ids->n++] = nodes[i].id;
    }
    return CAPPY_OK;
}

cappy_status cappy_bpe_encode(const struct cappy_bpe *bpe, struct cappy_bpe_memory *memory,
                              const unsigned char *word, size_t size, struct cappy_ids *ids,
                              cappy_error *error)
{
    CAPPY_TRY(cappy_ids_reserve(ids, size, error));
    if (bpe->whole_words) {
        int32_t id;
        cappy_trie_find(&bpe->words, (const char *)word, size, &id);
        if (id >= 0) {
            ids->data[ids->n++] = id;
            return CAPPY_OK;
        }
    }
    if (size > SHORT_WORD) {
        return merge_long(bpe, memory, word, size, ids, error);
    }
    ids->n += merge_short(bpe, word, size, ids->data + ids->n);
    return CAPPY_OK;
}
