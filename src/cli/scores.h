/* SPDX-License-Identifier: Apache-2.0 */
/* What commands do with the scores of one row. */
#ifndef CAPPY_CLI_SCORES_H
#define CAPPY_CLI_SCORES_H

#include "base/base.h"

/* CAPPY_FORMAT when one of scores[0..n) is not a finite number. */
cappy_status cappy_scores_check(const float *scores, size_t n, cappy_error *error);

/* Sets `key` of `object` to a list of numbers. */
cappy_status cappy_scores_set(json_t *object, const char *key, const float *scores, size_t n,
                              cappy_error *error);

/* Sets `key` of `object` to `value`, which is given away and may be NULL when memory ran out. */
cappy_status cappy_member_set(json_t *object, const char *key, json_t *value, cappy_error *error);

#endif
