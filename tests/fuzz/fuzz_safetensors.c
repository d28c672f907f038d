/* SPDX-License-Identifier: Apache-2.0 */
/* A safetensors file in memory. What is accepted must lie inside the file and be readable to its
 * last number. */
#include "fuzz.h"

#include <stdlib.h>

#include "weights/formats.h"

/* Reads one number at each end of every tensor, checking that both are in the file. */
static void touch(const struct cappy_tensors *tensors, const uint8_t *data, size_t size)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cappy_tensors tensors = {0};
    cappy_error error;
    if (cappy_safetensors_read(data, size, &tensors, &error) == CAPPY_OK &&
        cappy_tensors_sort(&tensors, &error) == CAPPY_OK) {
        touch(&tensors, data, size);
    }
    cappy_tensors_free(&tensors);
    return 0;
}
