/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the parts of tokenizer.json. Nothing in it is ignored: a member that is not known is
 * refused by its name. */
#ifndef CAPPY_TOKEN_SPEC_H
#define CAPPY_TOKEN_SPEC_H

#include "base/base.h"

/* The largest id: ids are int32_t, and one more than the largest must be countable too. */
enum { CAPPY_MAX_ID = INT32_MAX - 1 };

/* Checks that `value` is an object, `what` in messages, with no members but `known`, a list that
 * ends with NULL. CAPPY_FORMAT, or CAPPY_UNSUPPORTED with the name of the member. */
cappy_status cappy_spec_check(const json_t *value, const char *what, const char *const *known,
                              cappy_error *error);

/* The "type" of a part such as "normalizer", which must be an object; lives as long as `part`. */
cappy_status cappy_spec_type(const json_t *part, const char *what, const char **type,
                             cappy_error *error);

/* Records that cappy does not implement a part of that type. */
cappy_status cappy_spec_refuse(const char *what, const char *type, cappy_error *error);

/* A member that must be there. */
cappy_status cappy_spec_get_bool(const json_t *part, const char *what, const char *key, bool *value,
                                 cappy_error *error);
cappy_status cappy_spec_get_array(const json_t *part, const char *what, const char *key,
                                  const json_t **value, cappy_error *error);

/* The id in `value`, `what` in messages. */
cappy_status cappy_spec_id(const json_t *value, const char *what, int32_t *id, cappy_error *error);

/* Checks that every member of `vocabulary` is an id and finds the largest, -1 when it is empty. */
cappy_status cappy_spec_vocabulary(const json_t *vocabulary, int32_t *largest, cappy_error *error);

#endif
