/* SPDX-License-Identifier: Apache-2.0 */
/* The list of tensors that a reader of one file format fills. Private to weights. */
#ifndef CAPPY_WEIGHTS_TENSORS_H
#define CAPPY_WEIGHTS_TENSORS_H

#include "weights/weights.h"

struct cappy_tensors {
    struct cappy_tensor *items; /* [n]; each name is owned by the list */
    size_t n;
    size_t capacity;
};

/* Adds `tensor` under a copy of name[0..name_size); its own `name` member is ignored. */
cappy_status cappy_tensors_add(struct cappy_tensors *tensors, const char *name, size_t name_size,
                               const struct cappy_tensor *tensor, cappy_error *error);

/* Moves all of `from` to the end of `tensors`; `from` is empty afterwards. */
cappy_status cappy_tensors_move(struct cappy_tensors *tensors, struct cappy_tensors *from,
                                cappy_error *error);

/* Sorts by name, which cappy_tensors_find relies on. CAPPY_FORMAT when a name occurs twice. */
cappy_status cappy_tensors_sort(struct cappy_tensors *tensors, cappy_error *error);

/* The tensor of that name in a sorted list, or NULL. */
const struct cappy_tensor *cappy_tensors_find(const struct cappy_tensors *tensors,
                                              const char *name);

void cappy_tensors_free(struct cappy_tensors *tensors);

/* Puts `tensor "name"` in front of the sentence in *error and returns `code`. */
cappy_status cappy_tensor_error_at(cappy_error *error, cappy_status code, const char *name,
                                   size_t name_size);

/* Multiplies the dimensions and an element size in bytes. False when the result does not fit. */
bool cappy_shape_size(const uint64_t *shape, size_t rank, uint64_t element_size, uint64_t *size);

#endif
