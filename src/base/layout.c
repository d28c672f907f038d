/* SPDX-License-Identifier: Apache-2.0 */
#include "base/layout.h"

void *cappy_layout_take(struct cappy_layout *layout, size_t count, size_t size)
{
    enum { LINE = 64 };
    void *part = layout->memory != NULL ? layout->memory + layout->size : NULL;
    size_t bytes;
    layout->overflow |= __builtin_mul_overflow(count, size, &bytes) ||
                        __builtin_add_overflow(bytes, LINE - 1, &bytes) ||
                        __builtin_add_overflow(layout->size, bytes / LINE * LINE, &layout->size);
    return part;
}
