/* SPDX-License-Identifier: Apache-2.0 */
/* The part of Python's pickle format that a saved PyTorch state dict consists of. Private to
 * weights. */
#ifndef CAPPY_WEIGHTS_PICKLE_H
#define CAPPY_WEIGHTS_PICKLE_H

#include "weights/weights.h"

/* What the pickle says of one tensor. Nothing of it is checked against the storages yet. */
struct cappy_pickle_tensor {
    const char *name; /* [name_size], in the pickle; UTF-8 without NUL */
    size_t name_size;
    const char *storage; /* [storage_size], in the pickle: the storage's key */
    size_t storage_size;
    uint64_t n_storage_elements;
    uint64_t offset; /* of the first element in the storage */
    enum cappy_dtype dtype;
    size_t element_size; /* bytes */
    size_t rank;
    uint64_t shape[CAPPY_TENSOR_MAX_RANK];
    uint64_t strides[CAPPY_TENSOR_MAX_RANK]; /* elements */
};

struct cappy_pickle;

/* Runs the pickle data[0..size), which must yield a dict of names to tensors. `data` must outlive
 * *pickle. */
cappy_status cappy_pickle_read(const unsigned char *data, size_t size, struct cappy_pickle **pickle,
                               cappy_error *error);
void cappy_pickle_free(struct cappy_pickle *pickle);

/* Steps through the dict: fills *tensor with the next of its tensors, from *cursor on, which begins
 * at 0. *found is false at the end. CAPPY_FORMAT where the dict holds something else. */
cappy_status cappy_pickle_next(const struct cappy_pickle *pickle, size_t *cursor, bool *found,
                               struct cappy_pickle_tensor *tensor, cappy_error *error);

#endif
