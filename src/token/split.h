/* SPDX-License-Identifier: Apache-2.0 */
/* The pre_tokenizer of tokenizer.json: where one word ends and the next begins. */
#ifndef CAPPY_TOKEN_SPLIT_H
#define CAPPY_TOKEN_SPLIT_H

#include "base/base.h"

enum cappy_split_kind { CAPPY_SPLIT_BYTE_LEVEL, CAPPY_SPLIT_BERT };

struct cappy_splitter {
    enum cappy_split_kind kind;
    bool add_prefix_space; /* byte level: a text that does not begin with a space gets one */
    bool whole;            /* byte level without its pattern: all of the text is one word */
};

/* Reads a "pre_tokenizer". CAPPY_FORMAT, CAPPY_UNSUPPORTED. */
cappy_status cappy_splitter_read(const json_t *part, struct cappy_splitter *splitter,
                                 cappy_error *error);

/* The length of the word that text[0..left), well-formed and not empty, begins with, by the pattern
 * of GPT-2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
size_t cappy_split_byte_level(const unsigned char *text, size_t left);

/* The same for BertPreTokenizer: a punctuation character, or a run of anything else but white
 * space. *skip receives the length of the white space before it. 0 where nothing but white space is
 * left. */
size_t cappy_split_bert(const unsigned char *text, size_t left, size_t *skip);

#endif
