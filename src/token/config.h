/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer_config.json and its older companions special_tokens_map.json and added_tokens.json,
 * which matter where a tokenizer comes from vocabulary files. */
#ifndef CAPPY_TOKEN_CONFIG_H
#define CAPPY_TOKEN_CONFIG_H

#include "base/base.h"

enum cappy_config_family { CAPPY_CONFIG_ROBERTA, CAPPY_CONFIG_BERT };

/* Merges the settings of `directory`, of which `config` is tokenizer_config.json, with the family's
 * defaults into *settings, and lists its added tokens in *added, as "added_tokens" of
 * tokenizer.json. The caller json_decrefs both, also on failure. CAPPY_FORMAT, CAPPY_UNSUPPORTED,
 * CAPPY_NO_MEMORY. */
cappy_status cappy_token_config_read(const char *directory, const json_t *config,
                                     enum cappy_config_family family, json_t **settings,
                                     json_t **added, cappy_error *error);

/* The text of special token `key`, which is a string or an object with "content". */
cappy_status cappy_config_content(const json_t *settings, const char *key, const char **content,
                                  cappy_error *error);

#endif
