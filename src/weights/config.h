/* SPDX-License-Identifier: Apache-2.0 */
/* config.json as text, for tests and fuzzers, and in parts. Private to weights. */
#ifndef CAPPY_WEIGHTS_CONFIG_H
#define CAPPY_WEIGHTS_CONFIG_H

#include "weights/weights.h"

/* Reads text[0..size), the contents of a config.json. On failure *config is empty. */
cappy_status cappy_config_parse(const char *text, size_t size, struct cappy_config *config,
                                cappy_error *error);

/* Reads what cappy itself keeps there, which may be nothing. */
cappy_status cappy_config_read_own(const json_t *root, struct cappy_config *config,
                                   cappy_error *error);

#endif
