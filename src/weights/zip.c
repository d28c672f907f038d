/* SPDX-License-Identifier: Apache-2.0 */
/* Reads zip archives of one exact form, the one that torch.save writes:
 *
 *     entry...                each a local header, stored data, and perhaps a data descriptor
 *     central directory       one header for each entry
 *     [zip64 end, locator]    where sizes or counts may need 64 bits
 *     end record              the last 22 bytes of the file, without a comment
 *
 * Zip says many things twice, and readers that believe different copies are how a file passes a
 * scanner and attacks a loader. Here both copies must agree, entries must lie end to end from the
 * first byte of the file to the central directory, names must be unique, and what torch never
 * writes (compression, encryption, comments, several disks) is refused. The layout is that of
 * PKWARE's APPNOTE 6.3.10, whose section numbers are given. */
#include "weights/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    LOCAL_SIGNATURE = 0x04034b50,      /* 4.3.7 */
    DESCRIPTOR_SIGNATURE = 0x08074b50, /* 4.3.9 */
    CENTRAL_SIGNATURE = 0x02014b50,    /* 4.3.12 */
    END64_SIGNATURE = 0x06064b50,      /* 4.3.14 */
    LOCATOR_SIGNATURE = 0x07064b50,    /* 4.3.15 */
    END_SIGNATURE = 0x06054b50,        /* 4.3.16 */

    LOCAL_SIZE = 30,
    CENTRAL_SIZE = 46,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    END_SIZE = 22,

    FLAG_DESCRIPTOR = 1 << 3, /* sizes and checksum follow the data */
    FLAG_UTF8 = 1 << 11,
    EXTRA_ZIP64 = 0x0001,
};

/* In a field of 32 bits: the value is in the zip64 extra field. */
static const uint64_t ELSEWHERE = UINT32_MAX;

/* What an entry's two headers must agree on. */
struct header {
    uint64_t flags;
    uint64_t method;
    uint64_t crc;
    uint64_t packed_size;
    uint64_t size;
    uint64_t begin; /* of the local header; only the central header says it */
};

/* Loads a little-endian number of n bytes. */
static uint64_t load(const unsigned char *data, size_t n)
{
    uint64_t value = 0;
    while (n-- > 0) {
        value = value << 8 | data[n];
    }
    return value;
}

static cappy_status refuse(cappy_error *error, const char *what)
{
    return cappy_error_set(error, CAPPY_FORMAT, "zip archive: %s", what);
}

static cappy_status refuse_entry(cappy_error *error, const char *name, size_t name_size,
                                 const char *what)
{
    return cappy_error_set(error, CAPPY_FORMAT, "zip archive: entry \"%.*s\": %s",
                           name_size < 200 ? (int)name_size : 200, name, what);
}

/* Replaces *field by the next 8 bytes of the zip64 extra field if it says that it is there. */
static bool take_zip64(const unsigned char **extra, size_t *size, uint64_t *field)
{
    if (*field != ELSEWHERE) {
        return true;
    }
    if (*size < 8) {
        return false;
    }
    *field = load(*extra, 8);
    *extra += 8;
    *size -= 8;
    return true;
}

/* Walks extra[0..size), which must be well-formed, and completes the header from its zip64 field
 * (4.5.3). */
static bool read_extra(const unsigned char *extra, size_t size, struct header *header)
{
    bool found = false;
    while (size > 0) {
        if (size < 4 || load(extra + 2, 2) > size - 4) {
            return false;
        }
        size_t length = (size_t)load(extra + 2, 2);
        if (load(extra, 2) == EXTRA_ZIP64) {
            const unsigned char *field = extra + 4;
            size_t left = length;
            if (found || !take_zip64(&field, &left, &header->size) ||
                !take_zip64(&field, &left, &header->packed_size) ||
                !take_zip64(&field, &left, &header->begin)) {
                return false;
            }
            found = true;
        }
        extra += 4 + length;
        size -= 4 + length;
    }
    return true;
}

/* Checks the data descriptor at data[0..size) against the header and returns its length, or 0 when
 * it is wrong. Its sizes have 8 bytes in a zip64 entry and 4 otherwise; both lengths are tried, as
 * writers disagree on which is which, the longer first: an empty entry's begins like the
 * shorter. */
static size_t match_descriptor(const unsigned char *data, size_t size, const struct header *header)
{
    if (size < 4 || load(data, 4) != DESCRIPTOR_SIGNATURE) {
        return 0;
    }
    for (size_t width = 8; width >= 4; width -= 4) {
        size_t length = 8 + 2 * width;
        if (size >= length && load(data + 4, 4) == header->crc &&
            load(data + 8, width) == header->packed_size &&
            load(data + 8 + width, width) == header->size) {
            return length;
        }
    }
    return 0;
}

/* Whether the local header says nothing that the central one does not. Before a data descriptor,
 * zeros are silence. */
static bool headers_agree(const struct header *local, const struct header *central)
{
    if (local->flags != central->flags || local->method != central->method) {
        return false;
    }
    if ((local->flags & FLAG_DESCRIPTOR) != 0 && local->crc == 0 && local->size == 0 &&
        local->packed_size == 0) {
        return true;
    }
    return local->crc == central->crc && local->size == central->size &&
           local->packed_size == central->packed_size;
}

/* Reads the local header that belongs to a central one, in the archive's first `size` bytes, which
 * are those before the central directory. Completes *entry. */
static cappy_status read_local(const unsigned char *data, size_t size, const struct header *central,
                               struct cappy_zip_entry *entry, cappy_error *error)
{
    if (central->begin > size || size - central->begin < LOCAL_SIZE) {
        return refuse_entry(error, entry->name, entry->name_size, "it lies outside the file");
    }
    entry->begin = (size_t)central->begin;
    const unsigned char *fixed = data + entry->begin;
    size_t left = size - entry->begin - LOCAL_SIZE;
    struct header local = {
        .flags = load(fixed + 6, 2),
        .method = load(fixed + 8, 2),
        .crc = load(fixed + 14, 4),
        .packed_size = load(fixed + 18, 4),
        .size = load(fixed + 22, 4),
    };
    size_t name_size = (size_t)load(fixed + 26, 2);
    size_t extra_size = (size_t)load(fixed + 28, 2);
    if (load(fixed, 4) != LOCAL_SIGNATURE || left < name_size + extra_size ||
        !read_extra(fixed + LOCAL_SIZE + name_size, extra_size, &local)) {
        return refuse_entry(error, entry->name, entry->name_size, "its local header is damaged");
    }
    if (name_size != entry->name_size || memcmp(fixed + LOCAL_SIZE, entry->name, name_size) != 0 ||
        !headers_agree(&local, central)) {
        return refuse_entry(error, entry->name, entry->name_size,
                            "its local header and the central directory disagree");
    }
    left -= name_size + extra_size;
    if (central->size > left) {
        return refuse_entry(error, entry->name, entry->name_size,
                            "its data goes beyond the end of the file");
    }
    entry->data = fixed + LOCAL_SIZE + name_size + extra_size;
    entry->size = (size_t)central->size;
    entry->end = (size_t)(entry->data - data) + entry->size;
    if ((local.flags & FLAG_DESCRIPTOR) != 0) {
        size_t length = match_descriptor(data + entry->end, left - entry->size, central);
        if (length == 0) {
            return refuse_entry(error, entry->name, entry->name_size,
                                "its data descriptor and the central directory disagree");
        }
        entry->end += length;
    }
    return CAPPY_OK;
}

/* Reads one header of the central directory at directory[0..size); *length receives its size in
 * bytes. */
static cappy_status read_central(const unsigned char *directory, size_t size, struct header *header,
                                 struct cappy_zip_entry *entry, size_t *length, cappy_error *error)
{
    if (size < CENTRAL_SIZE || load(directory, 4) != CENTRAL_SIGNATURE) {
        return refuse(error, "the central directory is damaged");
    }
    size_t name_size = (size_t)load(directory + 28, 2);
    size_t extra_size = (size_t)load(directory + 30, 2);
    size_t comment_size = (size_t)load(directory + 32, 2);
    size_t rest = name_size + extra_size + comment_size;
    *header = (struct header){
        .flags = load(directory + 8, 2),
        .method = load(directory + 10, 2),
        .crc = load(directory + 16, 4),
        .packed_size = load(directory + 20, 4),
        .size = load(directory + 24, 4),
        .begin = load(directory + 42, 4),
    };
    if (size - CENTRAL_SIZE < rest || name_size == 0 || comment_size != 0 ||
        load(directory + 34, 2) != 0 ||
        !read_extra(directory + CENTRAL_SIZE + name_size, extra_size, header)) {
        return refuse(error, "the central directory is damaged");
    }
    entry->name = (const char *)directory + CENTRAL_SIZE;
    entry->name_size = name_size;
    entry->crc = (uint32_t)header->crc;
    *length = CENTRAL_SIZE + rest;
    if ((header->flags & ~(uint64_t)(FLAG_DESCRIPTOR | FLAG_UTF8)) != 0) {
        return refuse_entry(error, entry->name, name_size, "it is encrypted or has unknown flags");
    }
    if (header->method != 0 || header->packed_size != header->size) {
        return refuse_entry(error, entry->name, name_size,
                            "it is compressed, which torch.save never does");
    }
    return CAPPY_OK;
}

/* Where the central directory lies, by the records at the end of the file. */
struct directory {
    uint64_t begin;
    uint64_t size;
    uint64_t n;
    uint64_t limit; /* where the records begin, so where it must end */
};

/* True when a field of the end record is the zip64 one or defers to it with all bits set. */
static bool defers(uint64_t field, uint64_t field64, uint64_t all_ones)
{
    return field == field64 || field == all_ones;
}

/* Reads the zip64 end record before the locator, which ends at found->limit. It must agree with the
 * end record, which has filled *found. */
static cappy_status read_end64(const unsigned char *data, struct directory *found,
                               cappy_error *error)
{
    const unsigned char *locator = data + found->limit - LOCATOR_SIZE;
    if (found->limit < LOCATOR_SIZE + END64_SIZE) {
        return refuse(error, "its zip64 end record is damaged");
    }
    const unsigned char *end = locator - END64_SIZE;
    struct directory found64 = {
        .n = load(end + 32, 8),
        .size = load(end + 40, 8),
        .begin = load(end + 48, 8),
        .limit = found->limit - LOCATOR_SIZE - END64_SIZE,
    };
    if (load(locator + 4, 4) != 0 || load(locator + 8, 8) != found64.limit ||
        load(locator + 16, 4) != 1 || load(end, 4) != END64_SIGNATURE ||
        load(end + 4, 8) != END64_SIZE - 12 || load(end + 16, 8) != 0 ||
        load(end + 24, 8) != found64.n) {
        return refuse(error, "its zip64 end record is damaged");
    }
    if (!defers(found->n, found64.n, UINT16_MAX) ||
        !defers(found->size, found64.size, UINT32_MAX) ||
        !defers(found->begin, found64.begin, UINT32_MAX)) {
        return refuse(error, "its two end records disagree");
    }
    *found = found64;
    return CAPPY_OK;
}

/* Finds the central directory. What is found lies inside the file. */
static cappy_status find_directory(const unsigned char *data, size_t size, struct directory *found,
                                   cappy_error *error)
{
    if (size < END_SIZE || load(data + size - END_SIZE, 4) != END_SIGNATURE) {
        return refuse(error, "it does not end with an end record; the file is truncated or has "
                             "something appended, download it again");
    }
    const unsigned char *end = data + size - END_SIZE;
    *found = (struct directory){
        .n = load(end + 10, 2),
        .size = load(end + 12, 4),
        .begin = load(end + 16, 4),
        .limit = size - END_SIZE,
    };
    if (load(end + 4, 4) != 0 || load(end + 8, 2) != found->n || load(end + 20, 2) != 0) {
        return refuse(error, "its end record is damaged, has a comment or spans several disks");
    }
    if (found->limit >= LOCATOR_SIZE && load(end - LOCATOR_SIZE, 4) == LOCATOR_SIGNATURE) {
        CAPPY_TRY(read_end64(data, found, error));
    }
    if (found->begin > found->limit || found->size != found->limit - found->begin ||
        found->n > found->size / CENTRAL_SIZE) {
        return refuse(error, "the end record and the central directory disagree");
    }
    return CAPPY_OK;
}

static int compare_names(const void *left, const void *right)
{
    const struct cappy_zip_entry *a = left;
    const struct cappy_zip_entry *b = right;
    size_t shared = a->name_size < b->name_size ? a->name_size : b->name_size;
    int order = memcmp(a->name, b->name, shared);
    return order != 0 ? order : (a->name_size > b->name_size) - (a->name_size < b->name_size);
}

/* Checks that an entry begins at `expected`, where the one before it ends. As this is known before
 * its local header is read, no part of the file is read for two entries. */
static cappy_status check_place(const struct header *header, const struct cappy_zip_entry *entry,
                                size_t expected, cappy_error *error)
{
    if (header->begin == expected) {
        return CAPPY_OK;
    }
    return refuse_entry(error, entry->name, entry->name_size,
                        header->begin < expected ? "it overlaps another entry"
                                                 : "there are stray bytes before it");
}

/* Reads all headers into zip->entries, which has room for them. The entries must lie in the order
 * of the central directory, end to end from the first byte of the file to the directory. */
static cappy_status read_entries(const unsigned char *data, const struct directory *directory,
                                 struct cappy_zip *zip, cappy_error *error)
{
    const unsigned char *at = data + directory->begin;
    size_t left = (size_t)directory->size;
    size_t expected = 0;
    for (size_t i = 0; i < directory->n; i++) {
        struct header header;
        struct cappy_zip_entry *entry = &zip->entries[i];
        size_t length = 0;
        CAPPY_TRY(read_central(at, left, &header, entry, &length, error));
        CAPPY_TRY(check_place(&header, entry, expected, error));
        CAPPY_TRY(read_local(data, directory->begin, &header, entry, error));
        expected = entry->end;
        at += length;
        left -= length;
        zip->n++;
    }
    if (left != 0) {
        return refuse(error, "the end record and the central directory disagree");
    }
    if (expected != directory->begin) {
        return refuse(error, "there are stray bytes before the central directory");
    }
    return CAPPY_OK;
}

/* Sorts the entries by name and checks that none occurs twice. */
static cappy_status sort_entries(struct cappy_zip *zip, cappy_error *error)
{
    qsort(zip->entries, zip->n, sizeof *zip->entries, compare_names);
    for (size_t i = 1; i < zip->n; i++) {
        const struct cappy_zip_entry *entry = &zip->entries[i];
        if (compare_names(entry - 1, entry) == 0) {
            return refuse_entry(error, entry->name, entry->name_size, "the name occurs twice");
        }
    }
    return CAPPY_OK;
}

cappy_status cappy_zip_read(const unsigned char *data, size_t size, struct cappy_zip *zip,
                            cappy_error *error)
{
    struct directory directory = {0};
    *zip = (struct cappy_zip){0};
    CAPPY_TRY(find_directory(data, size, &directory, error));
    if (directory.n == 0) {
        return refuse(error, "it is empty");
    }
    zip->entries = cappy_alloc(directory.n, sizeof *zip->entries);
    if (zip->entries == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = read_entries(data, &directory, zip, error);
    if (status == CAPPY_OK) {
        status = sort_entries(zip, error);
    }
    if (status != CAPPY_OK) {
        cappy_zip_free(zip);
    }
    return status;
}

void cappy_zip_free(struct cappy_zip *zip)
{
    cappy_free(zip->entries);
    *zip = (struct cappy_zip){0};
}

const struct cappy_zip_entry *cappy_zip_find(const struct cappy_zip *zip, const char *name,
                                             size_t name_size)
{
    const struct cappy_zip_entry key = {.name = name, .name_size = name_size};
    if (zip->n == 0) {
        return NULL;
    }
    return bsearch(&key, zip->entries, zip->n, sizeof key, compare_names);
}

cappy_status cappy_zip_check(const struct cappy_zip *zip, cappy_error *error)
{
    for (size_t i = 0; i < zip->n; i++) {
        const struct cappy_zip_entry *entry = &zip->entries[i];
        if (crc32_z(0, entry->data, entry->size) != entry->crc) {
            return refuse_entry(error, entry->name, entry->name_size,
                                "its checksum is wrong; the file is damaged, download it again");
        }
    }
    return CAPPY_OK;
}
