/* SPDX-License-Identifier: Apache-2.0 */
/* The array of ids that every part of the encoder appends to. */
#include "token/token.h"

cappy_status cappy_ids_reserve(struct cappy_ids *ids, size_t more, cappy_error *error)
{
    size_t need;
    if (__builtin_add_overflow(ids->n, more, &need)) {
        return cappy_error_no_memory(error);
    }
    if (need <= ids->capacity) {
        return CAPPY_OK;
    }
    size_t capacity = ids->capacity + ids->capacity / 2;
    capacity = capacity < need ? need : capacity;
    int32_t *data = cappy_realloc(ids->data, capacity, sizeof *data);
    if (data == NULL) {
        return cappy_error_no_memory(error);
    }
    ids->data = data;
    ids->capacity = capacity;
    return CAPPY_OK;
}

void cappy_ids_free(struct cappy_ids *ids)
{
    cappy_free(ids->data);
    *ids = (struct cappy_ids){0};
}
