/* SPDX-License-Identifier: Apache-2.0 */
/* A torch archive in memory, or a pickle alone. A fuzzer cannot guess checksums, so an archive's
 * are put right first; an input that is no archive goes to the pickle machine, and in an archive
 * made for it to the reader of both. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "../unit/weights/archive.h"
#include "tensors.h"
#include "weights/pickle.h"
#include "weights/zip.h"

static void read_archive(const uint8_t *data, size_t size)
{
    struct cappy_tensors tensors = {0};
    cappy_error error;
    if (cappy_torch_read(data, size, &tensors, &error) == CAPPY_OK) {
        touch_tensors(&tensors, data, size);
    }
    cappy_tensors_free(&tensors);
}

/* Writes the true checksum of every entry into a copy of an archive whose structure is right. */
static void mend_checksums(uint8_t *data, size_t size)
{
    struct cappy_zip zip;
    if (cappy_zip_read(data, size, &zip, NULL) != CAPPY_OK) {
        return;
    }
    for (size_t i = 0; i < zip.n; i++) {
        const struct cappy_zip_entry *entry = &zip.entries[i];
        uint32_t crc = (uint32_t)crc32_z(0, entry->data, entry->size);
        uint8_t *central = (uint8_t *)(uintptr_t)entry->name - 46;
        uint8_t *local = data + entry->begin;
        uint8_t *descriptor = (uint8_t *)(uintptr_t)entry->data + entry->size;
        bool is_silent = memcmp(local + 14, "\0\0\0\0\0\0\0\0\0\0\0", 12) == 0;
        memcpy(central + 16, &crc, sizeof crc);
        if (!is_silent) {
            memcpy(local + 14, &crc, sizeof crc);
        }
        if (entry->end > (size_t)(descriptor - data)) {
            memcpy(descriptor + 4, &crc, sizeof crc);
        }
    }
    cappy_zip_free(&zip);
}

/* The input as the pickle of an archive with one storage. */
static void read_as_pickle(const uint8_t *data, size_t size)
{
    static const uint8_t storage[24];
    struct archive archive;
    archive_init(&archive);
    archive_add(&archive, "m/data.pkl", data, size, ARCHIVE_DESCRIPTOR);
    archive_add(&archive, "m/data/0", storage, sizeof storage, ARCHIVE_DESCRIPTOR);
    archive_add_text(&archive, "m/version", "3\n");
    archive_finish(&archive, 0);
    read_archive((const uint8_t *)archive.bytes.data, archive.bytes.size);
    archive_free(&archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2 && data[0] == 'P' && data[1] == 'K') {
        uint8_t *copy = malloc(size);
        if (copy != NULL) {
            memcpy(copy, data, size);
            mend_checksums(copy, size);
            read_archive(copy, size);
        }
        free(copy);
    } else if (size < 1 << 20) {
        read_as_pickle(data, size);
    }
    return 0;
}
