/* SPDX-License-Identifier: Apache-2.0 */
/* A safetensors file in memory. What is accepted must lie inside the file and be readable to its
 * last number. */
#include "fuzz.h"

#include "tensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cappy_tensors tensors = {0};
    cappy_error error;
    if (cappy_safetensors_read(data, size, &tensors, &error) == CAPPY_OK &&
        cappy_tensors_sort(&tensors, &error) == CAPPY_OK) {
        touch_tensors(&tensors, data, size);
    }
    cappy_tensors_free(&tensors);
    return 0;
}
