/* SPDX-License-Identifier: Apache-2.0 */
/* A list of named tensor views: grown while a file is read, sorted once, then searched. */
#include "weights/tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cappy_status reserve(struct cappy_tensors *tensors, size_t more, cappy_error *error)
{
    if (more <= tensors->capacity - tensors->n) {
        return CAPPY_OK;
    }
    size_t capacity = tensors->capacity < 32 ? 32 : tensors->capacity * 2;
    if (capacity < tensors->n + more) {
        capacity = tensors->n + more;
    }
    struct cappy_tensor *items = cappy_realloc(tensors->items, capacity, sizeof *items);
    if (items == NULL) {
        return cappy_error_no_memory(error);
    }
    tensors->items = items;
    tensors->capacity = capacity;
    return CAPPY_OK;
}

cappy_status cappy_tensors_add(struct cappy_tensors *tensors, const char *name, size_t name_size,
                               const struct cappy_tensor *tensor, cappy_error *error)
{
    CAPPY_TRY(reserve(tensors, 1, error));
    char *copy = cappy_strndup(name, name_size);
    if (copy == NULL) {
        return cappy_error_no_memory(error);
    }
    tensors->items[tensors->n] = *tensor;
    tensors->items[tensors->n].name = copy;
    tensors->n++;
    return CAPPY_OK;
}

cappy_status cappy_tensors_move(struct cappy_tensors *tensors, struct cappy_tensors *from,
                                cappy_error *error)
{
    CAPPY_TRY(reserve(tensors, from->n, error));
    for (size_t i = 0; i < from->n; i++) {
        tensors->items[tensors->n++] = from->items[i];
    }
    from->n = 0;
    return CAPPY_OK;
}

static int compare_names(const void *left, const void *right)
{
    const struct cappy_tensor *a = left;
    const struct cappy_tensor *b = right;
    return strcmp(a->name, b->name);
}

cappy_status cappy_tensors_sort(struct cappy_tensors *tensors, cappy_error *error)
{
    if (tensors->n == 0) {
        return CAPPY_OK;
    }
    qsort(tensors->items, tensors->n, sizeof *tensors->items, compare_names);
    for (size_t i = 1; i < tensors->n; i++) {
        if (strcmp(tensors->items[i - 1].name, tensors->items[i].name) == 0) {
            return cappy_error_set(error, CAPPY_FORMAT, "tensor \"%s\" occurs twice",
                                   tensors->items[i].name);
        }
    }
    return CAPPY_OK;
}

const struct cappy_tensor *cappy_tensors_find(const struct cappy_tensors *tensors, const char *name)
{
    const struct cappy_tensor key = {.name = name};
    if (tensors->n == 0) {
        return NULL;
    }
    return bsearch(&key, tensors->items, tensors->n, sizeof key, compare_names);
}

void cappy_tensors_free(struct cappy_tensors *tensors)
{
    for (size_t i = 0; i < tensors->n; i++) {
        cappy_free((char *)tensors->items[i].name);
    }
    cappy_free(tensors->items);
    *tensors = (struct cappy_tensors){0};
}

cappy_status cappy_tensor_error_at(cappy_error *error, cappy_status code, const char *name,
                                   size_t name_size)
{
    enum { LONGEST_SHOWN = 200 }; /* leaves room for the sentence behind a very long name */
    char place[LONGEST_SHOWN + 16];
    int shown = name_size < LONGEST_SHOWN ? (int)name_size : LONGEST_SHOWN;
    snprintf(place, sizeof place, "tensor \"%.*s\"", shown, name);
    return cappy_error_at(error, code, place);
}

bool cappy_shape_size(const uint64_t *shape, size_t rank, uint64_t element_size, uint64_t *size)
{
    uint64_t product = element_size;
    for (size_t i = 0; i < rank; i++) {
        if (__builtin_mul_overflow(product, shape[i], &product)) {
            return false;
        }
    }
    *size = product;
    return true;
}
