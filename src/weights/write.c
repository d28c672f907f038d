/* SPDX-License-Identifier: Apache-2.0 */
/* Writes safetensors, as safetensors.c reads it. */
#include <string.h>

#include "weights/weights.h"

enum { LENGTH_SIZE = 8, HEADER_LIMIT = 100000000 };

/* The header: transformers wants to be told that the tensors are PyTorch's. Names are written as
 * they are: they come from tables and need no escapes. */
static cappy_status format_header(const struct cappy_tensor *tensors, size_t n,
                                  struct cappy_buffer *header, cappy_error *error)
{
    uint64_t offset = 0;
    CAPPY_TRY(cappy_buffer_format(header, error, "{\"__metadata__\":{\"format\":\"pt\"}"));
    for (size_t i = 0; i < n; i++) {
        const struct cappy_tensor *tensor = &tensors[i];
        CAPPY_TRY(cappy_buffer_format(header, error, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[",
                                      tensor->name, cappy_dtype_name(tensor->dtype)));
        for (size_t d = 0; d < tensor->rank; d++) {
            CAPPY_TRY(cappy_buffer_format(header, error, "%s%llu", d == 0 ? "" : ",",
                                          (unsigned long long)tensor->shape[d]));
        }
        CAPPY_TRY(cappy_buffer_format(header, error, "],\"data_offsets\":[%llu,%llu]}",
                                      (unsigned long long)offset,
                                      (unsigned long long)(offset + tensor->size)));
        offset += tensor->size;
    }
    CAPPY_TRY(cappy_buffer_append(header, "}", 1, error));
    while (header->size % LENGTH_SIZE != 0) { /* so that the numbers lie aligned */
        CAPPY_TRY(cappy_buffer_append(header, " ", 1, error));
    }
    return CAPPY_OK;
}

static cappy_status write_all(struct cappy_writer *writer, const struct cappy_tensor *tensors,
                              size_t n, const struct cappy_buffer *header, cappy_error *error)
{
    unsigned char length[LENGTH_SIZE];
    for (size_t i = 0; i < LENGTH_SIZE; i++) {
        length[i] = (unsigned char)((uint64_t)header->size >> 8 * i);
    }
    CAPPY_TRY(cappy_writer_add(writer, length, sizeof length, error));
    CAPPY_TRY(cappy_writer_add(writer, header->data, header->size, error));
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(cappy_writer_add(writer, tensors[i].data, (size_t)tensors[i].size, error));
    }
    return CAPPY_OK;
}

cappy_status cappy_safetensors_write(const char *path, const struct cappy_tensor *tensors, size_t n,
                                     uint32_t *checksum, cappy_error *error)
{
    struct cappy_buffer header;
    struct cappy_writer writer;
    cappy_buffer_init(&header, HEADER_LIMIT);
    cappy_status status = format_header(tensors, n, &header, error);
    if (status == CAPPY_OK) {
        status = cappy_writer_open(path, &writer, error);
        if (status == CAPPY_OK) {
            status = write_all(&writer, tensors, n, &header, error);
            if (checksum != NULL) {
                *checksum = writer.checksum;
            }
            status = cappy_writer_close(&writer, status, error);
        }
    }
    cappy_buffer_free(&header);
    return status;
}
