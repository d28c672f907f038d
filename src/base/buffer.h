/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes with an upper bound that is fixed when it is made. */
#ifndef CAPPY_BASE_BUFFER_H
#define CAPPY_BASE_BUFFER_H

#include "cappy.h"

struct cappy_buffer {
    char *data; /* `size` bytes, followed by a NUL that is not counted; NULL while empty */
    size_t size;
    size_t capacity;
    size_t limit; /* growth beyond this many bytes fails */
};

void cappy_buffer_init(struct cappy_buffer *buffer, size_t limit);
void cappy_buffer_free(struct cappy_buffer *buffer);

/* Makes it empty; keeps the memory. */
void cappy_buffer_clear(struct cappy_buffer *buffer);

/* Makes room for `more` bytes behind the present ones. CAPPY_NO_MEMORY beyond the limit too. */
cappy_status cappy_buffer_reserve(struct cappy_buffer *buffer, size_t more, cappy_error *error);

cappy_status cappy_buffer_append(struct cappy_buffer *buffer, const void *data, size_t size,
                                 cappy_error *error);
cappy_status cappy_buffer_format(struct cappy_buffer *buffer, cappy_error *error,
                                 const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
