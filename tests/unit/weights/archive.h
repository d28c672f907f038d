/* SPDX-License-Identifier: Apache-2.0 */
/* Builds zip archives as torch.save does, and remembers where everything is so that a test can
 * spoil it. */
#ifndef CAPPY_TESTS_ARCHIVE_H
#define CAPPY_TESTS_ARCHIVE_H

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/base.h"

enum {
    ARCHIVE_MAX = 16, /* entries */
    /* Flags of archive_add and archive_finish. */
    ARCHIVE_DESCRIPTOR = 1,   /* sizes and checksum behind the data */
    ARCHIVE_DESCRIPTOR64 = 2, /* the same, sizes of 8 bytes */
    ARCHIVE_ZIP64 = 4,        /* sizes (of an entry) or counts (of the end) in zip64 fields */
};

struct archive {
    struct cappy_buffer bytes;
    struct {
        const char *name;
        uint64_t size;
        uint32_t crc;
        int flags;
        size_t local;      /* offset of the local header */
        size_t data;       /* of the data */
        size_t descriptor; /* of the data descriptor */
        size_t central;    /* of the central header */
    } entries[ARCHIVE_MAX];
    size_t n;
    size_t directory; /* offset of the central directory */
    size_t end64;     /* of the zip64 end record */
    size_t end;       /* of the end record */
};

static inline void archive_init(struct archive *archive)
{
    *archive = (struct archive){0};
    cappy_buffer_init(&archive->bytes, 1 << 24);
}

static inline void archive_free(struct archive *archive)
{
    cappy_buffer_free(&archive->bytes);
}

static inline void archive_bytes(struct archive *archive, const void *data, size_t size)
{
    if (cappy_buffer_append(&archive->bytes, data, size, NULL) != CAPPY_OK) {
        abort();
    }
}

/* Appends a little-endian number of n bytes. */
static inline void archive_number(struct archive *archive, uint64_t number, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)(number >> (8 * i));
        archive_bytes(archive, &byte, 1);
    }
}

/* Overwrites n bytes at an offset. */
static inline void archive_patch(struct archive *archive, size_t offset, uint64_t number, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        archive->bytes.data[offset + i] = (char)(number >> (8 * i));
    }
}

/* Adds an entry and returns its index. */
static inline size_t archive_add(struct archive *archive, const char *name, const void *data,
                                 size_t size, int flags)
{
    size_t i = archive->n++;
    bool described = (flags & (ARCHIVE_DESCRIPTOR | ARCHIVE_DESCRIPTOR64)) != 0;
    bool zip64 = !described && (flags & ARCHIVE_ZIP64) != 0;
    uint32_t crc = (uint32_t)crc32(0, data, (unsigned)size);
    archive->entries[i].name = name;
    archive->entries[i].size = size;
    archive->entries[i].crc = crc;
    archive->entries[i].flags = flags;
    archive->entries[i].local = archive->bytes.size;
    archive_number(archive, 0x04034b50, 4);
    archive_number(archive, 0, 2);
    archive_number(archive, described ? 0x0808 : 0, 2);
    archive_number(archive, 0, 2); /* stored */
    archive_number(archive, 0, 4);
    archive_number(archive, described ? 0 : crc, 4);
    archive_number(archive, described ? 0 : zip64 ? UINT32_MAX : size, 4);
    archive_number(archive, described ? 0 : zip64 ? UINT32_MAX : size, 4);
    archive_number(archive, strlen(name), 2);
    archive_number(archive, zip64 ? 20 : 4, 2);
    archive_bytes(archive, name, strlen(name));
    if (zip64) {
        archive_number(archive, 1, 2);
        archive_number(archive, 16, 2);
        archive_number(archive, size, 8);
        archive_number(archive, size, 8);
    } else {
        archive_bytes(archive, "FB\0\0", 4); /* torch's padding */
    }
    archive->entries[i].data = archive->bytes.size;
    archive_bytes(archive, data, size);
    archive->entries[i].descriptor = archive->bytes.size;
    if (described) {
        size_t width = (flags & ARCHIVE_DESCRIPTOR64) != 0 ? 8 : 4;
        archive_number(archive, 0x08074b50, 4);
        archive_number(archive, crc, 4);
        archive_number(archive, size, width);
        archive_number(archive, size, width);
    }
    return i;
}

static inline void archive_add_text(struct archive *archive, const char *name, const char *text)
{
    archive_add(archive, name, text, strlen(text), ARCHIVE_DESCRIPTOR);
}

/* Writes the central directory's header of entry i. */
static inline void archive_central(struct archive *archive, size_t i)
{
    int flags = archive->entries[i].flags;
    bool described = (flags & (ARCHIVE_DESCRIPTOR | ARCHIVE_DESCRIPTOR64)) != 0;
    bool zip64 = (flags & ARCHIVE_ZIP64) != 0;
    uint64_t size = archive->entries[i].size;
    archive->entries[i].central = archive->bytes.size;
    archive_number(archive, 0x02014b50, 4);
    archive_number(archive, 0, 4);
    archive_number(archive, described ? 0x0808 : 0, 2);
    archive_number(archive, 0, 2);
    archive_number(archive, 0, 4);
    archive_number(archive, archive->entries[i].crc, 4);
    archive_number(archive, zip64 ? UINT32_MAX : size, 4);
    archive_number(archive, zip64 ? UINT32_MAX : size, 4);
    archive_number(archive, strlen(archive->entries[i].name), 2);
    archive_number(archive, zip64 ? 28 : 0, 2);
    archive_number(archive, 0, 2); /* comment */
    archive_number(archive, 0, 2); /* disk */
    archive_number(archive, 0, 6);
    archive_number(archive, zip64 ? UINT32_MAX : archive->entries[i].local, 4);
    archive_bytes(archive, archive->entries[i].name, strlen(archive->entries[i].name));
    if (zip64) {
        archive_number(archive, 1, 2);
        archive_number(archive, 24, 2);
        archive_number(archive, size, 8);
        archive_number(archive, size, 8);
        archive_number(archive, archive->entries[i].local, 8);
    }
}

/* Writes the central directory and what follows it. */
static inline void archive_finish(struct archive *archive, int flags)
{
    archive->directory = archive->bytes.size;
    for (size_t i = 0; i < archive->n; i++) {
        archive_central(archive, i);
    }
    size_t size = archive->bytes.size - archive->directory;
    bool zip64 = (flags & ARCHIVE_ZIP64) != 0;
    archive->end64 = archive->bytes.size;
    if (zip64) {
        archive_number(archive, 0x06064b50, 4);
        archive_number(archive, 44, 8);
        archive_number(archive, 0, 4);
        archive_number(archive, 0, 8);
        archive_number(archive, archive->n, 8);
        archive_number(archive, archive->n, 8);
        archive_number(archive, size, 8);
        archive_number(archive, archive->directory, 8);
        archive_number(archive, 0x07064b50, 4);
        archive_number(archive, 0, 4);
        archive_number(archive, archive->end64, 8);
        archive_number(archive, 1, 4);
    }
    archive->end = archive->bytes.size;
    archive_number(archive, 0x06054b50, 4);
    archive_number(archive, 0, 4);
    archive_number(archive, archive->n, 2);
    archive_number(archive, archive->n, 2);
    archive_number(archive, zip64 ? UINT32_MAX : size, 4);
    archive_number(archive, zip64 ? UINT32_MAX : archive->directory, 4);
    archive_number(archive, 0, 2);
}

#endif
