/* SPDX-License-Identifier: Apache-2.0 */
/* The table of merges. */
#ifndef CAPPY_TOKEN_BPE_FIND_H
#define CAPPY_TOKEN_BPE_FIND_H

#include "token/bpe.h"

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
