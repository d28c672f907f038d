/* SPDX-License-Identifier: Apache-2.0 */
/* A strict reader of the zip archives that torch.save writes. Private to weights. */
#ifndef CAPPY_WEIGHTS_ZIP_H
#define CAPPY_WEIGHTS_ZIP_H

#include <stdbool.h>

#include "base/base.h"

/* A stored file inside the archive. */
struct cappy_zip_entry {
    const char *name; /* [name_size], in the archive, not NUL-terminated */
    size_t name_size;
    const unsigned char *data; /* [size], in the archive */
    size_t size;
    uint32_t crc;
    size_t begin; /* where its local header lies in the archive */
    size_t end;   /* behind its data and data descriptor */
};

struct cappy_zip {
    struct cappy_zip_entry *entries; /* [n], by name */
    size_t n;
};

/* Reads and checks the structure of the archive data[0..size). On failure *zip is empty. */
cappy_status cappy_zip_read(const unsigned char *data, size_t size, struct cappy_zip *zip,
                            cappy_error *error);
void cappy_zip_free(struct cappy_zip *zip);

/* The entry of that name, or NULL. */
const struct cappy_zip_entry *cappy_zip_find(const struct cappy_zip *zip, const char *name,
                                             size_t name_size);

/* Compares the checksum of every entry with its data, of which it reads all: zlib does about 4 GB a
 * second. */
cappy_status cappy_zip_check(const struct cappy_zip *zip, cappy_error *error);

#endif
