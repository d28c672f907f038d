/* SPDX-License-Identifier: Apache-2.0 */
/* Torch archives as a whole: where the pickle and the archive contradict each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../refusal.h"
#include "archive.h"
#include "pickle_text.h"
#include "weights/formats.h"

static const unsigned char zeros[64];

static cappy_status read_archive(const struct archive *archive, cappy_error *error)
{
    struct cappy_tensors tensors = {0};
    const unsigned char *data = (const unsigned char *)archive->bytes.data;
    cappy_status status = cappy_torch_read(data, archive->bytes.size, &tensors, error);
    if (status == CAPPY_OK) {
        status = cappy_tensors_sort(&tensors, error);
    }
    for (size_t i = 0; status == CAPPY_OK && i < tensors.n; i++) {
        const struct cappy_tensor *tensor = &tensors.items[i];
        assert_true(tensor->data >= data &&
                    tensor->size <= archive->bytes.size - (size_t)(tensor->data - data));
    }
    cappy_tensors_free(&tensors);
    return status;
}

/* An archive of this pickle and one storage of zeros. */
static void build(struct archive *archive, const char *pickle, size_t pickle_size,
                  size_t storage_size)
{
    archive_init(archive);
    archive_add(archive, "m/data.pkl", pickle, pickle_size, ARCHIVE_DESCRIPTOR);
    archive_add_text(archive, "m/byteorder", "little");
    archive_add(archive, "m/data/0", zeros, storage_size, ARCHIVE_DESCRIPTOR);
    archive_add_text(archive, "m/version", "3\n");
    archive_finish(archive, ARCHIVE_ZIP64);
}

struct bad_case {
    const char *pickle;
    size_t pickle_size;
    size_t storage_size;
    cappy_status status;
    const char *word;
};

#define FLOATS(n) STORAGE_OF("ctorch\nFloatStorage\n", n)
#define WITH(storage, offset, shape, strides)                                                      \
    BYTES(STATE_DICT_OF(TENSOR_OF(storage, offset, shape, strides)))

static const struct bad_case bad_cases[] = {
    {BYTES(PROTO "cos\nsystem\n(X\x02\0\0\0lstR."), 24, CAPPY_FORMAT, "os.system"},
    {BYTES(""), 24, CAPPY_FORMAT, "protocol 2"},
    /* A storage that is larger or smaller in the archive than in the pickle. */
    {BYTES(STATE_DICT), 23, CAPPY_FORMAT, "6 elements of 4 bytes but has 23"},
    {BYTES(STATE_DICT), 28, CAPPY_FORMAT, "has 28"},
    {BYTES(STATE_DICT), 0, CAPPY_FORMAT, "has 0"},
    {WITH(STORAGE_OF("ctorch\nHalfStorage\n", "K\x06"), "K\0", SHAPE_2_3, STRIDES_3_1), 24,
     CAPPY_FORMAT, "6 elements of 2 bytes"},
    {WITH(FLOATS("\x8a\x08\x06\0\0\0\0\0\0\x40"), "K\0", SHAPE_2_3, STRIDES_3_1), 24, CAPPY_FORMAT,
     "its storage should have"}, /* the product wraps to 24 */
    {WITH(STORAGE_OF("ctorch\nLongStorage\n", "\x8a\x08\x03\0\0\0\0\0\0\x20"), "K\0", SHAPE_2_3,
          STRIDES_3_1),
     24, CAPPY_FORMAT, "its storage should have"},
    /* A tensor that leaves its storage. */
    {WITH(STORAGE, "K\x01", SHAPE_2_3, STRIDES_3_1), 24, CAPPY_FORMAT, "beyond the end of its st"},
    {WITH(STORAGE, "K\x07", "K\0\x85", "K\x01\x85"), 24, CAPPY_FORMAT, "beyond the end of its st"},
    {WITH(STORAGE, "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", SHAPE_2_3, STRIDES_3_1), 24,
     CAPPY_FORMAT, "beyond the end of its storage"},
    {WITH(STORAGE, "K\0", "K\x07\x85", "K\x01\x85"), 24, CAPPY_FORMAT, "beyond the end"},
    {WITH(STORAGE, "K\0", "M\xff\xffM\xff\xff\x86", "M\xff\xffK\x01\x86"), 24, CAPPY_FORMAT,
     "beyond the end"},
    {WITH(STORAGE, "K\0", "\x8a\x08\0\0\0\0\0\0\0\x40K\x04\x86", "K\x04K\x01\x86"), 24,
     CAPPY_FORMAT, "too large"}, /* wraps to 0 */
    {WITH(STORAGE, "K\0", "\x8a\x05\0\0\0\0\x01\x8a\x05\0\0\0\0\x01\x86", "K\x01K\x01\x86"), 24,
     CAPPY_FORMAT, "too large"},
    /* Strides. */
    {WITH(STORAGE, "K\0", SHAPE_2_3, "K\x01K\x02\x86"), 24, CAPPY_UNSUPPORTED, "transposed"},
    {WITH(STORAGE, "K\0", "K\x03\x85", "K\x02\x85"), 24, CAPPY_UNSUPPORTED, ".contiguous()"},
    {WITH(STORAGE, "K\0", "K\x06\x85", "K\0\x85"), 24, CAPPY_UNSUPPORTED, "transposed"},
    {WITH(STORAGE, "K\0", SHAPE_2_3, "K\x04K\x01\x86"), 24, CAPPY_UNSUPPORTED, "transposed"},
    {WITH(STORAGE, "K\0", "K\x02\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85"), 24,
     CAPPY_UNSUPPORTED, "transposed"},
    /* A storage that is not in the archive; a key is a name, not a path. */
    {WITH("(" STRING("\x07", "storage") "ctorch\nFloatStorage\n" STRING("\x01", "1")
              STRING("\x03", "cpu") "K\x06tQ",
          "K\0", SHAPE_2_3, STRIDES_3_1),
     24, CAPPY_FORMAT, "no entry for its storage"},
    {WITH("(" STRING("\x07", "storage") "ctorch\nFloatStorage\n" STRING("\x0b", "../data.pkl")
              STRING("\x03", "cpu") "K\x06tQ",
          "K\0", SHAPE_2_3, STRIDES_3_1),
     24, CAPPY_FORMAT, "no entry for its storage"},
    /* A name given twice. */
    {BYTES(PROTO "}(" STRING("\x01", "w") TENSOR STRING("\x01", "w") TENSOR "u."), 24, CAPPY_FORMAT,
     "occurs twice"},
};

static void test_contradictions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        const struct bad_case *bad = &bad_cases[i];
        struct archive archive;
        cappy_error error = {0};
        build(&archive, bad->pickle, bad->pickle_size, bad->storage_size);
        cappy_status status = read_archive(&archive, &error);
        if (status != bad->status || strstr(error.message, bad->word) == NULL) {
            fail_msg("case %zu: status %d, wanted \"%s\"; message: %s", i, (int)status, bad->word,
                     error.message);
        }
        archive_free(&archive);
    }
}

struct good_case {
    const char *pickle;
    size_t pickle_size;
    size_t storage_size;
};

static const struct good_case good_cases[] = {
    {BYTES(PROTO "}."), 24},
    {BYTES(STATE_DICT), 24},
    {WITH(STORAGE, "K\x06", "K\0\x85", "K\x01\x85"), 24},             /* empty, at the end */
    {WITH(STORAGE, "K\x05", ")", ")"), 24},                           /* one number */
    {WITH(STORAGE, "K\x02", "K\x01K\x04\x86", "K\x63K\x01\x86"), 24}, /* any stride where 1 */
    {WITH(STORAGE, "K\0", "K\0K\x09\x86", "K\x01K\x63\x86"), 24},     /* any where empty */
    {WITH(FLOATS("K\0"), "K\0", "K\0\x85", "K\x01\x85"), 0},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_cases / sizeof *good_cases; i++) {
        struct archive archive;
        cappy_error error = {0};
        build(&archive, good_cases[i].pickle, good_cases[i].pickle_size,
              good_cases[i].storage_size);
        if (read_archive(&archive, &error) != CAPPY_OK) {
            fail_msg("case %zu: %s", i, error.message);
        }
        archive_free(&archive);
    }
}

/* The entries beside the pickle and the storages. */
static void test_entries(void **state)
{
    (void)state;
    static const struct {
        const char *names[4];
        const char *texts[4];
        const char *word;
    } cases[] = {
        {{"data.pkl"}, {"x"}, "not of the form that torch.save writes"},
        {{"m/version"}, {"3\n"}, "no data.pkl"},
        {{"m/data.pkl", "n/version"}, {"x", "3\n"}, "not of the form"},
        {{"m/sub/data.pkl", "m/version"}, {"x", "3\n"}, "no data.pkl"},
        {{"m/data.pkl", "m/version", "m/constants.pkl"}, {"x", "3\n", "x"}, "TorchScript"},
        {{"m/data.pkl", "m/version", "m/byteorder"}, {"x", "3\n", "big"}, "little-endian"},
        {{"m/data.pkl", "m/version", "m/byteorder"}, {"x", "3\n", ""}, "little-endian"},
        {{"m/data.pkl"}, {"x"}, "version"},
        {{"m/data.pkl", "m/version"}, {"x", ""}, "version"},
        {{"m/data.pkl", "m/version"}, {"x", "x"}, "version"},
        {{"word/document.xml"}, {"<x/>"}, "no data.pkl"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct archive archive;
        cappy_error error = {0};
        archive_init(&archive);
        for (size_t k = 0; k < 4 && cases[i].names[k] != NULL; k++) {
            archive_add_text(&archive, cases[i].names[k], cases[i].texts[k]);
        }
        archive_finish(&archive, 0);
        cappy_status status = read_archive(&archive, &error);
        assert_true(status == CAPPY_FORMAT || status == CAPPY_UNSUPPORTED);
        assert_refused(status, &error, status, cases[i].word);
        archive_free(&archive);
    }
}

/* One long name for very many tensors: refused before it is copied for each of them. */
static void test_repeated_name(void **state)
{
    (void)state;
    enum { NAME = 400000, REPEATS = 200000 };
    struct archive archive;
    struct cappy_buffer pickle;
    cappy_error error;
    char *name = cappy_alloc(NAME, 1);
    assert_non_null(name);
    memset(name, 'n', NAME);
    cappy_buffer_init(&pickle, 4 << 20);
    const unsigned char head[] = {0x80,       2, '}', '(', 'X', NAME & 255, NAME >> 8 & 255,
                                  NAME >> 16, 0};
    cappy_buffer_append(&pickle, head, sizeof head, NULL);
    cappy_buffer_append(&pickle, name, NAME, NULL);
    cappy_buffer_append(&pickle, BYTES("q\0" TENSOR "q\1"), NULL);
    for (size_t i = 0; i < REPEATS; i++) {
        cappy_buffer_append(&pickle, "h\0h\1", 4, NULL);
        if (i % 10000 == 0) { /* the stack is bounded */
            cappy_buffer_append(&pickle, "u(", 2, NULL);
        }
    }
    cappy_buffer_append(&pickle, "u.", 2, NULL);
    build(&archive, pickle.data, pickle.size, 24);
    assert_refused(read_archive(&archive, &error), &error, CAPPY_FORMAT, "more than once");
    archive_free(&archive);
    cappy_buffer_free(&pickle);
    cappy_free(name);
}

/* Forms that are something else altogether. */
static void test_other_files(void **state)
{
    (void)state;
    unsigned char tar[512] = "model";
    memcpy(tar + 257, "ustar", 5);
    static const unsigned char pickle[] = "\x80\x02\x8a\x0al\xfc\x9c"
                                          "F\xf9 j\xa8P\x19.";
    static const unsigned char pointer[] = "version https://git-lfs.github.com/spec/v1\n";
    static const unsigned char gzip[] = "\x1f\x8b\x08\0\0\0\0\0";
    struct cappy_tensors tensors = {0};
    cappy_error error;
    assert_refused(cappy_torch_read(tar, sizeof tar, &tensors, &error), &error, CAPPY_UNSUPPORTED,
                   "tar form that torch used before version 1.6");
    assert_refused(cappy_torch_read(pickle, sizeof pickle - 1, &tensors, &error), &error,
                   CAPPY_UNSUPPORTED, "plain pickle form");
    assert_refused(cappy_torch_read(pointer, sizeof pointer - 1, &tensors, &error), &error,
                   CAPPY_FORMAT, "git lfs pull");
    assert_refused(cappy_torch_read(gzip, sizeof gzip - 1, &tensors, &error), &error, CAPPY_FORMAT,
                   "not a zip archive");
    assert_refused(cappy_torch_read(NULL, 0, &tensors, &error), &error, CAPPY_FORMAT,
                   "not a zip archive");
    assert_refused(cappy_torch_read((const unsigned char *)"PK\3\4", 4, &tensors, &error), &error,
                   CAPPY_FORMAT, "truncated");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contradictions), cmocka_unit_test(test_good),
        cmocka_unit_test(test_entries),        cmocka_unit_test(test_repeated_name),
        cmocka_unit_test(test_other_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
