/* SPDX-License-Identifier: Apache-2.0 */
/* The post-processor of tokenizer.json, whatever its type, as one list of what a pair consists
 * of. */
#ifndef CAPPY_TOKEN_PAIR_H
#define CAPPY_TOKEN_PAIR_H

#include "base/base.h"

enum cappy_piece_kind { CAPPY_PIECE_TOKEN, CAPPY_PIECE_FIRST, CAPPY_PIECE_SECOND };

struct cappy_piece {
    enum cappy_piece_kind kind;
    int32_t id; /* of a special token */
    int32_t segment;
};

struct cappy_pair_template {
    struct cappy_piece *pieces; /* [n]: the first text once, the second once, special tokens */
    size_t n;
    int32_t largest_id;
};

/* Reads a "post_processor" (NULL and null: the two texts and nothing else). CAPPY_FORMAT,
 * CAPPY_UNSUPPORTED, CAPPY_NO_MEMORY; *pair is then empty. */
cappy_status cappy_pair_read(const json_t *part, struct cappy_pair_template *pair,
                             cappy_error *error);
void cappy_pair_free(struct cappy_pair_template *pair);

#endif
