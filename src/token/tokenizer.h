/* SPDX-License-Identifier: Apache-2.0 */
/* What a tokenizer consists of. */
#ifndef CAPPY_TOKEN_TOKENIZER_H
#define CAPPY_TOKEN_TOKENIZER_H

#include "token/added.h"
#include "token/bpe.h"
#include "token/normalize.h"
#include "token/pair.h"
#include "token/split.h"
#include "token/token.h"
#include "token/wordpiece.h"

enum cappy_model_kind { CAPPY_BPE, CAPPY_WORDPIECE };

struct cappy_tokenizer {
    enum cappy_model_kind kind;
    struct cappy_bpe bpe; /* the one of kind; the other is empty */
    struct cappy_wordpiece wordpiece;
    struct cappy_normalizer normalizer;
    struct cappy_splitter splitter;
    struct cappy_added added;
    struct cappy_pair_template pair;
    size_t n_ids;
    size_t max_length;
};

/* Makes a tokenizer of a parsed tokenizer.json. CAPPY_FORMAT, CAPPY_UNSUPPORTED,
 * CAPPY_NO_MEMORY. */
cappy_status cappy_tokenizer_read(const json_t *spec, struct cappy_tokenizer **tokenizer,
                                  cappy_error *error);

/* Builds in *spec what tokenizer.json would say, from the vocabulary files of `directory` and
 * `config`, which is tokenizer_config.json or an empty object. The caller json_decrefs *spec. */
cappy_status cappy_spec_from_bpe_files(const char *directory, const json_t *config, json_t **spec,
                                       cappy_error *error);
cappy_status cappy_spec_from_wordpiece_file(const char *directory, const json_t *config,
                                            json_t **spec, cappy_error *error);

#endif
