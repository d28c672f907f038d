/* SPDX-License-Identifier: Apache-2.0 */
/* Typed and checked members, with messages that name the part and the member. */
#include "token/spec.h"

#include <string.h>

static bool is_known(const char *key, const char *const *known)
{
    for (size_t i = 0; known[i] != NULL; i++) {
        if (strcmp(key, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

cappy_status cappy_spec_check(const json_t *value, const char *what, const char *const *known,
                              cappy_error *error)
{
    if (!json_is_object(value)) {
        return cappy_error_set(error, CAPPY_FORMAT, "%s must be an object", what);
    }
    /* jansson's iterators take a non-const object but do not change it. */
    json_t *object = (json_t *)(uintptr_t)value;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        if (!is_known(json_object_iter_key(i), known)) {
            return cappy_error_set(error, CAPPY_UNSUPPORTED,
                                   "%s has \"%.100s\", which cappy does not implement", what,
                                   json_object_iter_key(i));
        }
    }
    return CAPPY_OK;
}

cappy_status cappy_spec_type(const json_t *part, const char *what, const char **type,
                             cappy_error *error)
{
    if (!json_is_object(part)) {
        return cappy_error_set(error, CAPPY_FORMAT, "%s must be an object or null", what);
    }
    CAPPY_TRY(cappy_json_get_string(part, "type", NULL, type, error));
    if (*type == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT, "%s has no \"type\"", what);
    }
    return CAPPY_OK;
}

cappy_status cappy_spec_refuse(const char *what, const char *type, cappy_error *error)
{
    return cappy_error_set(error, CAPPY_UNSUPPORTED,
                           "the %s is of type \"%.100s\", which cappy does not implement", what,
                           type);
}

/* The member `key`; a missing one and null are CAPPY_FORMAT. */
static cappy_status require(const json_t *part, const char *what, const char *key,
                            const json_t **value, cappy_error *error)
{
    *value = json_object_get(part, key);
    if (*value == NULL || json_is_null(*value)) {
        return cappy_error_set(error, CAPPY_FORMAT, "%s has no \"%s\"", what, key);
    }
    return CAPPY_OK;
}

cappy_status cappy_spec_get_bool(const json_t *part, const char *what, const char *key, bool *value,
                                 cappy_error *error)
{
    const json_t *member;
    CAPPY_TRY(require(part, what, key, &member, error));
    if (!json_is_boolean(member)) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" of %s must be true or false", key,
                               what);
    }
    *value = json_is_true(member);
    return CAPPY_OK;
}

cappy_status cappy_spec_get_array(const json_t *part, const char *what, const char *key,
                                  const json_t **value, cappy_error *error)
{
    CAPPY_TRY(require(part, what, key, value, error));
    if (!json_is_array(*value)) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" of %s must be an array", key, what);
    }
    return CAPPY_OK;
}

cappy_status cappy_spec_id(const json_t *value, const char *what, int32_t *id, cappy_error *error)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > CAPPY_MAX_ID) {
        return cappy_error_set(error, CAPPY_FORMAT, "the id of %s must be from 0 to %d", what,
                               CAPPY_MAX_ID);
    }
    *id = (int32_t)json_integer_value(value);
    return CAPPY_OK;
}

cappy_status cappy_spec_vocabulary(const json_t *vocabulary, int32_t *largest, cappy_error *error)
{
    *largest = -1;
    if (!json_is_object(vocabulary)) {
        return cappy_error_set(error, CAPPY_FORMAT, "the model's \"vocab\" must be an object");
    }
    json_t *object = (json_t *)(uintptr_t)vocabulary;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        const json_t *value = json_object_iter_value(i);
        int32_t id;
        if (cappy_spec_id(value, "a token", &id, NULL) != CAPPY_OK) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "the id of token \"%.100s\" must be from 0 to %d",
                                   json_object_iter_key(i), CAPPY_MAX_ID);
        }
        *largest = id > *largest ? id : *largest;
    }
    return CAPPY_OK;
}
