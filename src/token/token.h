/* SPDX-License-Identifier: Apache-2.0 */
/* The face of token: text to token ids, identical to Hugging Face tokenizers.
 *
 * A tokenizer is immutable once open and shared by threads; an encoder is the working memory of one
 * thread (its buffers and its cache of words already seen). Ids are the same whatever the cache
 * holds. */
#ifndef CAPPY_TOKEN_H
#define CAPPY_TOKEN_H

#include <stdbool.h>

#include "base/base.h"

struct cappy_tokenizer;
struct cappy_encoder;

/* A growing array of token ids. Zero-initialise; free with cappy_ids_free. */
struct cappy_ids {
    int32_t *data; /* [n] */
    size_t n;
    size_t capacity;
};

/* Makes room for `more` ids behind the present ones. CAPPY_NO_MEMORY. */
cappy_status cappy_ids_reserve(struct cappy_ids *ids, size_t more, cappy_error *error);
void cappy_ids_free(struct cappy_ids *ids);

/* Opens tokenizer.json, else vocab.json + merges.txt, else vocab.txt of `directory`; the latter two
 * take their settings from tokenizer_config.json where there is one. CAPPY_UNSUPPORTED names what a
 * file asks for and cappy does not implement. */
cappy_status cappy_tokenizer_open(const char *directory, struct cappy_tokenizer **tokenizer,
                                  cappy_error *error);
void cappy_tokenizer_close(struct cappy_tokenizer *tokenizer);

/* "byte-level BPE" or "WordPiece". */
const char *cappy_tokenizer_kind(const struct cappy_tokenizer *tokenizer);

/* One more than the largest id it can produce. */
size_t cappy_tokenizer_n_ids(const struct cappy_tokenizer *tokenizer);

/* How many special tokens stand in a pair (4 for RoBERTa, 3 for BERT). */
size_t cappy_tokenizer_pair_overhead(const struct cappy_tokenizer *tokenizer);

/* `model_max_length` of tokenizer_config.json, or 0 where it says nothing (or the "very large"
 * placeholder). */
size_t cappy_tokenizer_max_length(const struct cappy_tokenizer *tokenizer);

cappy_status cappy_encoder_create(const struct cappy_tokenizer *tokenizer,
                                  struct cappy_encoder **encoder, cappy_error *error);
void cappy_encoder_free(struct cappy_encoder *encoder);

/* Appends the ids of `text`, without the special tokens of a pair, to *ids. (Special tokens that
 * are spelled out in the text become their ids, as the reference does.) Allocates nothing once its
 * buffers have grown. CAPPY_NO_MEMORY. */
cappy_status cappy_encode_text(struct cappy_encoder *encoder, cappy_text text,
                               struct cappy_ids *ids, cappy_error *error);

/* How many tokens of each part longest_first truncation keeps so that the pair has at most
 * max_length tokens with its special tokens. max_length must be at least the overhead. Returns
 * whether anything was cut. */
bool cappy_pair_truncate(const struct cappy_tokenizer *tokenizer, size_t max_length,
                         size_t *n_first, size_t *n_second);

/* How many tokens of a pair that keeps n_first of its first text stand before the special token
 * that the second text follows: with the first text and all that is before it, the pair's prefix. 0
 * where the second text does not come behind the first with a special token right before it. */
size_t cappy_pair_prefix(const struct cappy_tokenizer *tokenizer, size_t n_first);

/* How many tokens ids[n], a pair's prefix, has in common with the prefix before[n_before] of
 * another pair: all or none. */
size_t cappy_prefix_shared(const int32_t *before, size_t n_before, const int32_t *ids, size_t n);

/* Writes the pair of first[n_first] and second[n_second] with special tokens to ids[] and segment
 * ids to segments[] (which may be NULL); both have room for n_first + n_second + overhead. Returns
 * the number written. */
size_t cappy_pair_build(const struct cappy_tokenizer *tokenizer, const int32_t *first,
                        size_t n_first, const int32_t *second, size_t n_second, int32_t *ids,
                        int32_t *segments);

#endif
