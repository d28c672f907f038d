/* SPDX-License-Identifier: Apache-2.0 */
#include "model/structs.h"

#include <string.h>

enum { MAX_SIZE = 65536 };

/* The size that a struct says it has. */
static size_t read_size(const void *memory)
{
    size_t size;
    memcpy(&size, memory, sizeof size);
    return size;
}

cappy_status cappy_struct_read(void *chosen, size_t size, const void *given, cappy_error *error)
{
    if (given == NULL) {
        return CAPPY_OK;
    }
    const size_t has = read_size(given);
    if (has < sizeof has) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "options.struct_size is not set");
    }
    memcpy(chosen, given, has < size ? has : size);
    return CAPPY_OK;
}

cappy_status cappy_struct_write(void *wanted, const char *name, const void *full, size_t size,
                                cappy_error *error)
{
    const size_t has = read_size(wanted);
    if (has < sizeof has || has > MAX_SIZE) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "%s.struct_size is not set", name);
    }
    memset(wanted, 0, has);
    memcpy(wanted, full, has < size ? has : size);
    memcpy(wanted, &has, sizeof has);
    return CAPPY_OK;
}
