/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked of tensors that a reader has accepted. */
#ifndef CAPPY_TESTS_FUZZ_TENSORS_H
#define CAPPY_TESTS_FUZZ_TENSORS_H

#include <stdlib.h>

#include "weights/formats.h"

/* Reads one number at each end of every tensor, checking that both are in the file. */
static inline void touch_tensors(const struct cappy_tensors *tensors, const uint8_t *data,
                                 size_t size)
{
    for (size_t i = 0; i < tensors->n; i++) {
        const struct cappy_tensor *tensor = &tensors->items[i];
        uint64_t n = cappy_tensor_n_elements(tensor);
        float ends[2];
        if (tensor->data < data || tensor->size > size - (size_t)(tensor->data - data)) {
            abort();
        }
        if (n > 0 && tensor->dtype != CAPPY_DTYPE_OTHER) {
            cappy_tensor_to_f32(tensor, 0, 1, &ends[0]);
            cappy_tensor_to_f32(tensor, n - 1, 1, &ends[1]);
        }
    }
}

#endif
