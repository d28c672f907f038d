/* SPDX-License-Identifier: Apache-2.0 */
/* WordPiece: the longest token a word begins with, then the longest continuation, and so on; a word
 * for which that fails is one unknown token. */
#ifndef CAPPY_TOKEN_WORDPIECE_H
#define CAPPY_TOKEN_WORDPIECE_H

#include "token/token.h"
#include "token/trie.h"

struct cappy_wordpiece {
    struct cappy_trie tokens;
    int32_t continuation; /* the node behind the continuing_subword_prefix, or CAPPY_TRIE_NONE */
    int32_t unknown_id;
    size_t max_chars; /* a longer word is unknown */
    int32_t largest_id;
};

/* Reads a "model" of type WordPiece. CAPPY_FORMAT, CAPPY_UNSUPPORTED, CAPPY_NO_MEMORY; *wordpiece
 * is then empty. */
cappy_status cappy_wordpiece_read(const json_t *model, struct cappy_wordpiece *wordpiece,
                                  cappy_error *error);
void cappy_wordpiece_free(struct cappy_wordpiece *wordpiece);

/* Appends the ids of word[0..size), size > 0. CAPPY_NO_MEMORY. */
cappy_status cappy_wordpiece_encode(const struct cappy_wordpiece *wordpiece,
                                    const unsigned char *word, size_t size, struct cappy_ids *ids,
                                    cappy_error *error);

#endif
