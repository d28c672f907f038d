/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

void cappy_buffer_init(struct cappy_buffer *buffer, size_t limit)
{
    *buffer = (struct cappy_buffer){.limit = limit};
}

void cappy_buffer_free(struct cappy_buffer *buffer)
{
    cappy_free(buffer->data);
    *buffer = (struct cappy_buffer){.limit = buffer->limit};
}

void cappy_buffer_clear(struct cappy_buffer *buffer)
{
    buffer->size = 0;
    if (buffer->data != NULL) {
        buffer->data[0] = '\0';
    }
}

cappy_status cappy_buffer_reserve(struct cappy_buffer *buffer, size_t more, cappy_error *error)
{
    size_t room = buffer->limit < SIZE_MAX ? buffer->limit : SIZE_MAX - 1; /* for the NUL */
    if (more > room - buffer->size) {
        return cappy_error_set(error, CAPPY_NO_MEMORY, "more than the allowed %zu bytes are needed",
                               buffer->limit);
    }
    size_t need = buffer->size + more + 1;
    if (need <= buffer->capacity) {
        return CAPPY_OK;
    }
    size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
    while (capacity < need) {
        capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    }
    char *data = cappy_realloc(buffer->data, capacity, 1);
    if (data == NULL) {
        return cappy_error_no_memory(error);
    }
    buffer->data = data;
    buffer->capacity = capacity;
    buffer->data[buffer->size] = '\0';
    return CAPPY_OK;
}

cappy_status cappy_buffer_append(struct cappy_buffer *buffer, const void *data, size_t size,
                                 cappy_error *error)
{
    CAPPY_TRY(cappy_buffer_reserve(buffer, size, error));
    if (size != 0) {
        memcpy(buffer->data + buffer->size, data, size);
    }
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return CAPPY_OK;
}

cappy_status cappy_buffer_format(struct cappy_buffer *buffer, cappy_error *error,
                                 const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (n < 0) {
        return cappy_error_set(error, CAPPY_FORMAT, "text could not be formatted");
    }
    CAPPY_TRY(cappy_buffer_reserve(buffer, (size_t)n, error));
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->size, (size_t)n + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)n;
    return CAPPY_OK;
}
