/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs: how much of each text is kept, and the ids of both with their special tokens. */
#include <assert.h>
#include <string.h>

#include "token/tokenizer.h"

size_t cappy_tokenizer_pair_overhead(const struct cappy_tokenizer *tokenizer)
{
    return tokenizer->pair.n - 2; /* all pieces but the two texts */
}

bool cappy_pair_truncate(const struct cappy_tokenizer *tokenizer, size_t max_length,
                         size_t *n_first, size_t *n_second)
{
    size_t overhead = cappy_tokenizer_pair_overhead(tokenizer);
    assert(max_length >= overhead);
    size_t room = max_length - overhead;
    if (*n_first <= room && *n_second <= room - *n_first) {
        return false;
    }
    /* As the reference's LongestFirst: the shorter text stays whole where that leaves the longer
     * one at least as much; else each gets half, and an odd token goes to the longer, or to the
     * second where they are equally long. */
    size_t *shorter = *n_first > *n_second ? n_second : n_first;
    size_t *longer = *n_first > *n_second ? n_first : n_second;
    if (*shorter <= room / 2) {
        *longer = room - *shorter;
    } else {
        *shorter = room / 2;
        *longer = room - room / 2;
    }
    return true;
}

size_t cappy_pair_prefix(const struct cappy_tokenizer *tokenizer, size_t n_first)
{
    const struct cappy_piece *pieces = tokenizer->pair.pieces;
    size_t n = 0;
    bool has_first = false;
    for (size_t i = 0; i < tokenizer->pair.n && pieces[i].kind != CAPPY_PIECE_SECOND; i++) {
        const bool is_before =
            i + 1 < tokenizer->pair.n && pieces[i + 1].kind == CAPPY_PIECE_SECOND;
        if (is_before && pieces[i].kind == CAPPY_PIECE_TOKEN) {
            return has_first ? n : 0;
        }
        has_first |= pieces[i].kind == CAPPY_PIECE_FIRST;
        n += pieces[i].kind == CAPPY_PIECE_FIRST ? n_first : 1;
    }
    return 0;
}

size_t cappy_prefix_shared(const int32_t *before, size_t n_before, const int32_t *ids, size_t n)
{
    return n == n_before && memcmp(before, ids, n * sizeof *ids) == 0 ? n : 0;
}

size_t cappy_pair_build(const struct cappy_tokenizer *tokenizer, const int32_t *first,
                        size_t n_first, const int32_t *second, size_t n_second, int32_t *ids,
                        int32_t *segments)
{
    size_t n = 0;
    for (size_t i = 0; i < tokenizer->pair.n; i++) {
        const struct cappy_piece *piece = &tokenizer->pair.pieces[i];
        const int32_t *source = piece->kind == CAPPY_PIECE_TOKEN   ? &piece->id
                                : piece->kind == CAPPY_PIECE_FIRST ? first
                                                                   : second;
        size_t count = piece->kind == CAPPY_PIECE_TOKEN   ? 1
                       : piece->kind == CAPPY_PIECE_FIRST ? n_first
                                                          : n_second;
        if (count != 0) {
            memcpy(ids + n, source, count * sizeof *ids);
        }
        for (size_t k = 0; segments != NULL && k < count; k++) {
            segments[n + k] = piece->segment;
        }
        n += count;
    }
    return n;
}
