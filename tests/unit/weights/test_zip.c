/* SPDX-License-Identifier: Apache-2.0 */
/* The zip reader: archives as torch writes them, and each field spoiled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../refusal.h"
#include "archive.h"
#include "weights/zip.h"

/* Reads a copy of the exact size, so that the address sanitizer sees a read past the end. */
static cappy_status read_bytes(const void *data, size_t size, cappy_error *error)
{
    struct cappy_zip zip;
    unsigned char *copy = cappy_alloc(size, 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    cappy_status status = cappy_zip_read(copy, size, &zip, error);
    if (status == CAPPY_OK) {
        status = cappy_zip_check(&zip, error);
    }
    cappy_zip_free(&zip);
    cappy_free(copy);
    return status;
}

/* Three entries, the second with 8 bytes of data. */
static void build(struct archive *archive, int entry_flags, int end_flags)
{
    archive_init(archive);
    archive_add(archive, "m/data.pkl", "pickle", 6, entry_flags);
    archive_add(archive, "m/data/0", "\1\2\3\4\5\6\7\x08", 8, entry_flags);
    archive_add(archive, "m/version", "3\n", 2, entry_flags);
    archive_finish(archive, end_flags);
}

static void test_forms(void **state)
{
    (void)state;
    static const int entry_flags[] = {0, ARCHIVE_DESCRIPTOR, ARCHIVE_DESCRIPTOR64, ARCHIVE_ZIP64,
                                      ARCHIVE_ZIP64 | ARCHIVE_DESCRIPTOR64};
    for (size_t i = 0; i < 10; i++) {
        struct archive archive;
        struct cappy_zip zip;
        cappy_error error = {0};
        build(&archive, entry_flags[i / 2], i % 2 != 0 ? ARCHIVE_ZIP64 : 0);
        const unsigned char *data = (const unsigned char *)archive.bytes.data;
        if (cappy_zip_read(data, archive.bytes.size, &zip, &error) != CAPPY_OK ||
            cappy_zip_check(&zip, &error) != CAPPY_OK) {
            fail_msg("form %zu: %s", i, error.message);
        }
        assert_int_equal(zip.n, 3);
        const struct cappy_zip_entry *entry = cappy_zip_find(&zip, "m/data/0", 8);
        assert_non_null(entry);
        assert_int_equal(entry->size, 8);
        assert_ptr_equal(entry->data, data + archive.entries[1].data);
        assert_null(cappy_zip_find(&zip, "m/data/", 7));
        assert_null(cappy_zip_find(&zip, "m/data/1", 8));
        assert_null(cappy_zip_find(&zip, "", 0));
        cappy_zip_free(&zip);
        archive_free(&archive);
    }
}

/* An empty entry's descriptor of either length is all zeros behind the checksum. */
static void test_empty_entries(void **state)
{
    (void)state;
    static const int flags[] = {0, ARCHIVE_DESCRIPTOR, ARCHIVE_DESCRIPTOR64};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct archive archive;
        cappy_error error = {0};
        archive_init(&archive);
        archive_add(&archive, "m/data/0", "", 0, flags[i]);
        archive_add(&archive, "m/data/1", "", 0, flags[i]);
        archive_finish(&archive, 0);
        if (read_bytes(archive.bytes.data, archive.bytes.size, &error) != CAPPY_OK) {
            fail_msg("form %zu: %s", i, error.message);
        }
        archive_free(&archive);
    }
}

/* Where a field to be spoiled lies. */
enum place { LOCAL, CENTRAL, DESCRIPTOR, DATA, END64, END };

struct bad_case {
    int entry_flags;
    int end_flags;
    enum place place; /* LOCAL, CENTRAL, DESCRIPTOR and DATA are those of the second entry */
    size_t offset;
    size_t width;
    uint64_t value;
    const char *word; /* in the message */
};

enum { D = ARCHIVE_DESCRIPTOR, D8 = ARCHIVE_DESCRIPTOR64, Z = ARCHIVE_ZIP64 };

static const struct bad_case bad_cases[] = {
    /* The local header. */
    {0, 0, LOCAL, 0, 4, 0, "local header is damaged"},
    {0, 0, LOCAL, 6, 2, 1, "disagree"},      /* encrypted here only */
    {0, 0, LOCAL, 6, 2, 8, "disagree"},      /* a descriptor here only */
    {0, 0, LOCAL, 8, 2, 8, "disagree"},      /* deflated here only */
    {0, 0, LOCAL, 14, 4, 0, "disagree"},     /* checksum */
    {0, 0, LOCAL, 18, 4, 7, "disagree"},     /* packed size */
    {0, 0, LOCAL, 22, 4, 9, "disagree"},     /* size */
    {0, 0, LOCAL, 26, 2, 7, "damaged"},      /* the name's length */
    {0, 0, LOCAL, 26, 2, 0xffff, "damaged"}, /* the name beyond the file */
    {0, 0, LOCAL, 28, 2, 0xffff, "damaged"}, /* the extra field too */
    {0, 0, LOCAL, 28, 2, 3, "damaged"},      /* an extra field cut short */
    {0, 0, LOCAL, 28, 2, 0, "stray bytes"},
    {0, 0, LOCAL, 30, 1, 'n', "disagree"}, /* the name */
    {0, 0, LOCAL, 40, 2, 1, "damaged"},    /* the extra field's own length */
    {D, 0, LOCAL, 14, 4, 1, "disagree"},   /* checksum before a descriptor, neither 0 nor right */
    {D, 0, LOCAL, 22, 4, 1, "disagree"},
    {D, 0, LOCAL, 6, 2, 0, "disagree"},
    {Z, 0, LOCAL, 42, 8, 7, "disagree"},          /* the zip64 size */
    {Z, 0, LOCAL, 42, 8, UINT64_MAX, "disagree"}, /* a size that wraps */
    {Z, 0, LOCAL, 40, 2, 8, "damaged"},           /* a zip64 field too short for both sizes */
    {Z, 0, LOCAL, 38, 2, 2, "disagree"},          /* no zip64 field at all */
    /* The data and its descriptor. */
    {0, 0, DATA, 3, 1, 0, "checksum is wrong"},
    {D, 0, DATA, 0, 1, 0, "checksum is wrong"},
    {D, 0, DESCRIPTOR, 0, 4, 0, "descriptor"},
    {D, 0, DESCRIPTOR, 4, 4, 0, "descriptor"},
    {D, 0, DESCRIPTOR, 8, 4, 9, "descriptor"},
    {D, 0, DESCRIPTOR, 12, 4, 9, "descriptor"},
    {D8, 0, DESCRIPTOR, 8, 8, UINT64_MAX, "descriptor"},
    /* The central header. */
    {0, 0, CENTRAL, 0, 4, 0, "central directory is damaged"},
    {0, 0, CENTRAL, 8, 2, 1, "encrypted"},
    {0, 0, CENTRAL, 8, 2, 1 << 6, "encrypted"},  /* strong encryption */
    {0, 0, CENTRAL, 8, 2, 1 << 13, "encrypted"}, /* masked headers */
    {0, 0, CENTRAL, 10, 2, 8, "compressed"},
    {0, 0, CENTRAL, 10, 2, 99, "compressed"},
    {0, 0, CENTRAL, 16, 4, 1, "disagree"},
    {0, 0, CENTRAL, 20, 4, 7, "compressed"}, /* packed size differs from size */
    {0, 0, CENTRAL, 24, 4, UINT32_MAX - 1, "compressed"},
    {D, 0, CENTRAL, 20, 8, 0x0000000700000007, "descriptor"},
    {D, 0, CENTRAL, 20, 8, 0xf0000000f0000000, "beyond the end"}, /* a bomb */
    {D, 0, CENTRAL, 20, 8, 0xffffffffffffffff, "beyond the end"},
    {0, 0, CENTRAL, 28, 2, 0, "damaged"},
    {0, 0, CENTRAL, 28, 2, 0xffff, "damaged"},
    {0, 0, CENTRAL, 30, 2, 1, "damaged"},
    {0, 0, CENTRAL, 30, 2, 0xffff, "damaged"},
    {0, 0, CENTRAL, 32, 2, 1, "damaged"},  /* a comment */
    {0, 0, CENTRAL, 34, 2, 1, "damaged"},  /* another disk */
    {0, 0, CENTRAL, 42, 4, 0, "overlaps"}, /* the first entry's header */
    {0, 0, CENTRAL, 42, 4, 1, "overlaps"},
    {0, 0, CENTRAL, 42, 4, 0x7fffffff, "stray bytes"},
    {0, 0, CENTRAL, 42, 4, UINT32_MAX, "stray bytes"},
    {0, 0, CENTRAL, 46, 1, 'n', "disagree"},
    {Z, 0, CENTRAL, 56, 2, 16, "damaged"},
    {Z, 0, CENTRAL, 58, 8, UINT64_MAX, "compressed"},
    {Z, 0, CENTRAL, 74, 8, UINT64_MAX, "stray bytes"},
    {Z, 0, CENTRAL, 74, 8, UINT64_MAX - 8, "stray bytes"},
    /* The end records. */
    {0, 0, END, 0, 4, 0, "end record"},
    {0, 0, END, 4, 2, 1, "several disks"},
    {0, 0, END, 6, 2, 1, "several disks"},
    {0, 0, END, 8, 2, 2, "end record is damaged"},
    {0, 0, END, 8, 4, 0x00020002, "disagree"},
    {0, 0, END, 8, 4, 0x00040004, "disagree"},
    {0, 0, END, 8, 4, 0xffffffff, "disagree"},
    {0, 0, END, 8, 4, 0, "empty"},
    {0, 0, END, 12, 4, 0, "disagree"},
    {0, 0, END, 12, 4, UINT32_MAX, "disagree"},
    {0, 0, END, 16, 4, 0, "disagree"},
    {0, 0, END, 16, 4, UINT32_MAX, "disagree"},
    {0, 0, END, 20, 2, 1, "comment"},
    {0, Z, END, 10, 2, 2, "end record is damaged"},
    {0, Z, END, 8, 4, 0x00020002, "two end records disagree"},
    {0, Z, END, 12, 4, 7, "two end records disagree"},
    {0, Z, END, 16, 4, 7, "two end records disagree"},
    {0, Z, END64, 0, 4, 0, "zip64 end record"},
    {0, Z, END64, 4, 8, 45, "zip64 end record"},
    {0, Z, END64, 4, 8, UINT64_MAX, "zip64 end record"},
    {0, Z, END64, 16, 4, 1, "zip64 end record"},
    {0, Z, END64, 20, 4, 1, "zip64 end record"},
    {0, Z, END64, 24, 8, 2, "zip64 end record"},
    {0, Z, END64, 32, 8, 2, "zip64 end record"},
    {0, Z, END64, 40, 8, UINT64_MAX, "disagree"},
    {0, Z, END64, 48, 8, UINT64_MAX, "disagree"},
    {0, Z, END64, 48, 8, 0, "disagree"},
    {0, Z, END64, 60, 4, 1, "zip64 end record"}, /* the locator */
    {0, Z, END64, 64, 8, 0, "zip64 end record"},
    {0, Z, END64, 64, 8, UINT64_MAX, "zip64 end record"},
    {0, Z, END64, 72, 4, 2, "zip64 end record"},
    {0, Z, END64, 56, 4, 0, "disagree"}, /* no locator: the directory does not reach the end */
};

static size_t locate(const struct archive *archive, enum place place)
{
    switch (place) {
    case LOCAL:
        return archive->entries[1].local;
    case CENTRAL:
        return archive->entries[1].central;
    case DESCRIPTOR:
        return archive->entries[1].descriptor;
    case DATA:
        return archive->entries[1].data;
    case END64:
        return archive->end64;
    case END:
        break;
    }
    return archive->end;
}

static void test_each_field_spoiled(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        const struct bad_case *bad = &bad_cases[i];
        struct archive archive;
        cappy_error error = {0};
        build(&archive, bad->entry_flags, bad->end_flags);
        archive_patch(&archive, locate(&archive, bad->place) + bad->offset, bad->value, bad->width);
        cappy_status status = read_bytes(archive.bytes.data, archive.bytes.size, &error);
        if (status != CAPPY_FORMAT || strstr(error.message, bad->word) == NULL) {
            fail_msg("case %zu (place %d, offset %zu): status %d, wanted \"%s\"; message: %s", i,
                     (int)bad->place, bad->offset, (int)status, bad->word, error.message);
        }
        archive_free(&archive);
    }
}

/* No byte of the archive may change without notice, except in fields that carry no meaning here:
 * versions, times, attributes, the contents of foreign extra fields. Whatever happens, nothing is
 * read out of bounds. */
static void test_every_byte_flipped(void **state)
{
    (void)state;
    static const int flags[] = {0, ARCHIVE_DESCRIPTOR, ARCHIVE_ZIP64};
    for (size_t form = 0; form < 3; form++) {
        struct archive archive;
        cappy_error error;
        size_t n_accepted = 0;
        build(&archive, flags[form], flags[form] & ARCHIVE_ZIP64);
        for (size_t i = 0; i < archive.bytes.size; i++) {
            archive.bytes.data[i] = (char)~archive.bytes.data[i];
            cappy_status status = read_bytes(archive.bytes.data, archive.bytes.size, &error);
            if (status == CAPPY_OK) {
                n_accepted++;
            }
            archive.bytes.data[i] = (char)~archive.bytes.data[i];
        }
        /* For each entry: 6 bytes of version and time here, 8 there, 6 of attributes, and the 2
         * letters of torch's padding; and 4 of version at the zip64 end. */
        bool is_zip64 = flags[form] == ARCHIVE_ZIP64;
        size_t n_free = 3 * (6 + 8 + 6) + (is_zip64 ? 4u : 3 * 2u);
        assert_int_equal(n_accepted, n_free);
        archive_free(&archive);
    }
}

static void test_truncation(void **state)
{
    (void)state;
    struct archive archive;
    cappy_error error;
    build(&archive, ARCHIVE_DESCRIPTOR, ARCHIVE_ZIP64);
    for (size_t size = 0; size < archive.bytes.size; size++) {
        assert_int_equal(read_bytes(archive.bytes.data, size, &error), CAPPY_FORMAT);
        size_t rest = archive.bytes.size - size;
        if (size > 0) { /* and the other end */
            assert_int_equal(read_bytes(archive.bytes.data + size, rest, &error), CAPPY_FORMAT);
        }
    }
    archive_free(&archive);
}

/* Whatever stands before, between or behind the parts could be read as another file by another
 * program. */
static void test_stray_bytes(void **state)
{
    (void)state;
    struct archive archive;
    cappy_error error;

    archive_init(&archive);
    archive_bytes(&archive, "GIF89a", 6);
    archive_add(&archive, "m/data.pkl", "pickle", 6, 0);
    archive_finish(&archive, 0);
    assert_refused(read_bytes(archive.bytes.data, archive.bytes.size, &error), &error, CAPPY_FORMAT,
                   "stray bytes before it");
    archive_free(&archive);

    archive_init(&archive);
    archive_add(&archive, "m/data.pkl", "pickle", 6, 0);
    archive_bytes(&archive, "hidden", 6);
    archive_add(&archive, "m/version", "3\n", 2, 0);
    archive_finish(&archive, 0);
    assert_refused(read_bytes(archive.bytes.data, archive.bytes.size, &error), &error, CAPPY_FORMAT,
                   "stray bytes before it");
    archive_free(&archive);

    archive_init(&archive);
    archive_add(&archive, "m/data.pkl", "pickle", 6, 0);
    archive_bytes(&archive, "hidden", 6);
    archive_finish(&archive, 0);
    assert_refused(read_bytes(archive.bytes.data, archive.bytes.size, &error), &error, CAPPY_FORMAT,
                   "before the central directory");
    archive_free(&archive);

    build(&archive, 0, 0);
    archive_bytes(&archive, "appended", 8);
    assert_refused(read_bytes(archive.bytes.data, archive.bytes.size, &error), &error, CAPPY_FORMAT,
                   "end record");
    archive_free(&archive);
}

static void test_duplicates_and_overlaps(void **state)
{
    (void)state;
    struct archive archive;
    cappy_error error;

    archive_init(&archive);
    archive_add(&archive, "m/data.pkl", "pickle", 6, 0);
    archive_add(&archive, "m/data.pkl", "danger", 6, 0);
    archive_finish(&archive, 0);
    assert_refused(read_bytes(archive.bytes.data, archive.bytes.size, &error), &error, CAPPY_FORMAT,
                   "\"m/data.pkl\": the name occurs twice");
    archive_free(&archive);

    /* Two central headers for one local one: how a small file unpacks to petabytes. */
    archive_init(&archive);
    archive_add(&archive, "m/data.pkl", "pickle", 6, 0);
    archive.entries[1] = archive.entries[0];
    archive.n = 2;
    archive_finish(&archive, 0);
    assert_refused(read_bytes(archive.bytes.data, archive.bytes.size, &error), &error, CAPPY_FORMAT,
                   "overlaps");
    archive_free(&archive);

    /* An entry inside the data of another. */
    struct archive inner;
    archive_init(&inner);
    archive_add(&inner, "m/in", "x", 1, 0);
    archive_init(&archive);
    archive_add(&archive, "m/out", inner.bytes.data, inner.bytes.size, 0);
    archive.entries[1] = inner.entries[0];
    archive.entries[1].local = archive.entries[0].data;
    archive.n = 2;
    archive_finish(&archive, 0);
    assert_refused(read_bytes(archive.bytes.data, archive.bytes.size, &error), &error, CAPPY_FORMAT,
                   "overlaps");
    archive_free(&archive);
    archive_free(&inner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_empty_entries),
        cmocka_unit_test(test_each_field_spoiled),
        cmocka_unit_test(test_every_byte_flipped),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_stray_bytes),
        cmocka_unit_test(test_duplicates_and_overlaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
