/* SPDX-License-Identifier: Apache-2.0 */
/* The line reader, on files it writes itself: ends of lines, gzip in all its damage, limits,
 * pipes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/base.h"

static char path[] = "/tmp/cappy_test_lines_XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int descriptor = mkstemp(path);
    return descriptor >= 0 ? close(descriptor) : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Compresses `text` as one gzip member behind what is in the file already. */
static void append_gzip(const char *text)
{
    gzFile file = gzopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, text, (unsigned)strlen(text)), (int)strlen(text));
    assert_int_equal(gzclose(file), Z_OK);
}

/* All lines of the file, each behind its number: "1:a|3:b|". The outcome in *error. */
static char *read_lines(size_t limit, cappy_error *error)
{
    static char all[1 << 20];
    struct cappy_lines *lines = NULL;
    const char *line = "";
    size_t size;
    size_t used = 0;
    *error = (cappy_error){CAPPY_OK, ""};
    all[0] = '\0';
    assert_int_equal(cappy_lines_open(path, limit, &lines, NULL), CAPPY_OK);
    while (cappy_lines_next(lines, &line, &size, error) == CAPPY_OK && line != NULL) {
        used += (size_t)snprintf(all + used, sizeof all - used, "%zu:%.*s|",
                                 cappy_lines_number(lines), (int)size, line);
    }
    cappy_lines_close(lines);
    return all;
}

static void expect_lines(const char *text, const char *expected)
{
    cappy_error error;
    write_file(text, strlen(text));
    assert_string_equal(read_lines(1000, &error), expected);
    assert_int_equal(error.code, CAPPY_OK);
}

static void test_ends_of_lines(void **state)
{
    (void)state;
    expect_lines("", "");
    expect_lines("\n", "");
    expect_lines("a", "1:a|");
    expect_lines("a\n", "1:a|");
    expect_lines("a\nb", "1:a|2:b|");
    expect_lines("a\r\nb\r\n", "1:a|2:b|");
    expect_lines("a\rb\n", "1:a\rb|");
    expect_lines("\n\n a \n \t\r\n\nb\n\n", "3: a |6:b|");
}

static void test_byte_order_mark(void **state)
{
    (void)state;
    expect_lines("\xEF\xBB\xBF"
                 "a\nb\n",
                 "1:a|2:b|");
    expect_lines("\xEF\xBB\xBF\na\n", "2:a|");
    expect_lines("a\n\xEF\xBB\xBF"
                 "b\n",
                 "1:a|2:\xEF\xBB\xBF"
                 "b|");
}

static void test_gzip(void **state)
{
    (void)state;
    cappy_error error;
    write_file("", 0);
    append_gzip("a\nb");
    append_gzip("c\n");
    append_gzip("");
    append_gzip("d");
    assert_string_equal(read_lines(1000, &error), "1:a|2:bc|3:d|");
    assert_int_equal(error.code, CAPPY_OK);
}

/* A file of many lines that do not compress, read back whole; its size comes out too. */
static void test_long_gzip(void **state)
{
    (void)state;
    static char text[600000];
    uint32_t seed = 1;
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = i % 1000 == 999 ? '\n' : (char)('!' + (seed >> 24) % 90);
    }
    write_file("", 0);
    append_gzip(text);
    struct cappy_lines *lines = NULL;
    const char *line;
    size_t size;
    size_t at = 0;
    assert_int_equal(cappy_lines_open(path, 1000, &lines, NULL), CAPPY_OK);
    while (cappy_lines_next(lines, &line, &size, NULL) == CAPPY_OK && line != NULL) {
        assert_memory_equal(line, text + at, size);
        at += size + 1;
    }
    assert_true(at >= sizeof text - 1);
    uint64_t done;
    uint64_t total;
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    cappy_lines_place(lines, &done, &total);
    assert_int_equal(done, total);
    assert_int_equal(total, status.st_size);
    cappy_lines_close(lines);
}

/* Every way to cut a gzip file short must be noticed, and must not give a line that is not
 * whole. */
static void test_cut_gzip(void **state)
{
    (void)state;
    struct cappy_buffer whole;
    cappy_buffer_init(&whole, 1000);
    write_file("", 0);
    append_gzip("first line\nsecond line\n");
    assert_int_equal(cappy_file_read(path, &whole, NULL), CAPPY_OK);
    for (size_t size = 2; size < whole.size; size++) {
        cappy_error error;
        write_file(whole.data, size);
        const char *all = read_lines(1000, &error);
        assert_int_equal(error.code, CAPPY_FORMAT);
        assert_non_null(strstr(error.message, "cut off"));
        assert_true(strcmp(all, "") == 0 || strcmp(all, "1:first line|") == 0 ||
                    strcmp(all, "1:first line|2:second line|") == 0);
    }
    cappy_buffer_free(&whole);
}

static void test_damaged_gzip(void **state)
{
    (void)state;
    struct cappy_buffer whole;
    cappy_error error;
    cappy_buffer_init(&whole, 1000);
    write_file("", 0);
    append_gzip("a\n");
    assert_int_equal(cappy_file_read(path, &whole, NULL), CAPPY_OK);

    whole.data[whole.size - 6] ^= 1; /* the checksum */
    write_file(whole.data, whole.size);
    read_lines(1000, &error);
    assert_int_equal(error.code, CAPPY_FORMAT);
    assert_non_null(strstr(error.message, "damaged"));
    whole.data[whole.size - 6] ^= 1;

    assert_int_equal(cappy_buffer_append(&whole, "\0\0\0", 3, NULL), CAPPY_OK);
    write_file(whole.data, whole.size);
    assert_string_equal(read_lines(1000, &error), "1:a|");
    assert_int_equal(error.code, CAPPY_OK); /* padding */

    assert_int_equal(cappy_buffer_append(&whole, "rest", 4, NULL), CAPPY_OK);
    write_file(whole.data, whole.size);
    read_lines(1000, &error);
    assert_int_equal(error.code, CAPPY_FORMAT);
    assert_non_null(strstr(error.message, "not gzip data"));
    cappy_buffer_free(&whole);
}

static void test_line_limit(void **state)
{
    (void)state;
    enum { LIMIT = 1 << 20 };
    cappy_error error;
    char *text = cappy_alloc(LIMIT + 8, 1);
    assert_non_null(text);
    for (size_t i = 0; i < LIMIT + 1; i++) {
        text[i] = 'x';
    }
    write_file(text, LIMIT + 1);
    read_lines(LIMIT, &error);
    assert_int_equal(error.code, CAPPY_FORMAT);
    assert_non_null(strstr(error.message, ":1: the line is longer than 1 MiB"));

    text[1] = '\n';
    text[LIMIT] = '\n';
    write_file(text, LIMIT + 1);
    struct cappy_lines *lines = NULL;
    const char *line;
    size_t size;
    assert_int_equal(cappy_lines_open(path, LIMIT, &lines, NULL), CAPPY_OK);
    assert_int_equal(cappy_lines_next(lines, &line, &size, NULL), CAPPY_OK);
    assert_int_equal(size, 1);
    assert_int_equal(cappy_lines_next(lines, &line, &size, NULL), CAPPY_OK);
    assert_int_equal(size, LIMIT - 2);
    cappy_lines_close(lines);
    cappy_free(text);
}

static void test_missing(void **state)
{
    (void)state;
    struct cappy_lines *lines = NULL;
    cappy_error error;
    assert_int_equal(cappy_lines_open("/nonexistent/rows", 10, &lines, &error), CAPPY_IO);
    assert_string_equal(error.message, "/nonexistent/rows: No such file or directory");
    assert_int_equal(cappy_lines_open("/", 10, &lines, &error), CAPPY_IO);
    assert_non_null(strstr(error.message, "directory"));
    cappy_lines_close(NULL);
}

/* A pipe is ready when a line or bytes are there, and at its end. */
static void test_pipe(void **state)
{
    (void)state;
    int ends[2];
    int saved = dup(STDIN_FILENO);
    struct cappy_lines *lines = NULL;
    const char *line;
    size_t size;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(cappy_lines_open("-", 100, &lines, NULL), CAPPY_OK);
    assert_string_equal(cappy_lines_name(lines), "stdin");
    assert_false(cappy_lines_ready(lines));
    assert_int_equal(write(ends[1], "one\ntwo\nthr", 11), 11);
    assert_true(cappy_lines_ready(lines));
    assert_int_equal(cappy_lines_next(lines, &line, &size, NULL), CAPPY_OK);
    assert_memory_equal(line, "one", size);
    assert_true(cappy_lines_ready(lines));
    assert_int_equal(cappy_lines_next(lines, &line, &size, NULL), CAPPY_OK);
    assert_memory_equal(line, "two", size);
    assert_false(cappy_lines_ready(lines));
    close(ends[1]);
    assert_true(cappy_lines_ready(lines));
    assert_int_equal(cappy_lines_next(lines, &line, &size, NULL), CAPPY_OK);
    assert_memory_equal(line, "thr", size);
    assert_int_equal(cappy_lines_next(lines, &line, &size, NULL), CAPPY_OK);
    assert_null(line);
    cappy_lines_close(lines);
    close(ends[0]);
    dup2(saved, STDIN_FILENO);
    close(saved);
}

static void test_same_file(void **state)
{
    (void)state;
    struct cappy_lines *lines = NULL;
    struct stat file;
    write_file("a\n", 2);
    assert_int_equal(cappy_lines_open(path, 100, &lines, NULL), CAPPY_OK);
    assert_int_equal(stat(path, &file), 0);
    assert_true(cappy_lines_is_file(lines, file.st_dev, file.st_ino));
    assert_false(cappy_lines_is_file(lines, file.st_dev, file.st_ino + 1));
    cappy_lines_close(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_of_lines), cmocka_unit_test(test_byte_order_mark),
        cmocka_unit_test(test_gzip),          cmocka_unit_test(test_long_gzip),
        cmocka_unit_test(test_cut_gzip),      cmocka_unit_test(test_damaged_gzip),
        cmocka_unit_test(test_line_limit),    cmocka_unit_test(test_missing),
        cmocka_unit_test(test_pipe),          cmocka_unit_test(test_same_file),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
