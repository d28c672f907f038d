/* SPDX-License-Identifier: Apache-2.0 */
/* Files: mapped and read whole; what is not a regular file is refused at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../temp.h"
#include "base/alloc.h"
#include "base/file.h"

static void test_map(void **state)
{
    (void)state;
    struct temp temp;
    struct cappy_file file;
    cappy_error error;
    temp_make(&temp);
    assert_int_equal(cappy_file_map(temp_write(&temp, "a", "hello", 5), &file, &error), CAPPY_OK);
    assert_int_equal(file.size, 5);
    assert_memory_equal(file.data, "hello", 5);
    cappy_file_release(&file, 0, 5);
    assert_memory_equal(file.data, "hello", 5);
    cappy_file_unmap(&file);
    assert_null(file.data);
    cappy_file_unmap(&file);

    assert_int_equal(cappy_file_map(temp_write(&temp, "empty", "", 0), &file, &error), CAPPY_OK);
    assert_int_equal(file.size, 0);
    assert_null(file.data);
    cappy_file_release(&file, 0, 0);
    cappy_file_unmap(&file);
    temp_remove(&temp);
}

/* Released pages read the same again. */
static void test_release(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    struct temp temp;
    struct cappy_file file;
    cappy_error error;
    unsigned char *bytes = cappy_alloc(SIZE, 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (unsigned char)(i * 7 + i / 4096);
    }
    temp_make(&temp);
    assert_int_equal(cappy_file_map(temp_write(&temp, "a", bytes, SIZE), &file, &error), CAPPY_OK);
    static const size_t ranges[][2] = {
        {0, SIZE}, {1, SIZE - 1}, {5000, 10}, {5000, 50000}, {SIZE, 0}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        cappy_file_release(&file, ranges[i][0], ranges[i][1]);
        assert_memory_equal(file.data, bytes, SIZE);
    }
    cappy_file_unmap(&file);
    cappy_free(bytes);
    temp_remove(&temp);
}

static void test_refusals(void **state)
{
    (void)state;
    struct temp temp;
    struct cappy_file file;
    struct cappy_buffer buffer;
    cappy_error error;
    static const char *const names[] = {"none", "folder", "pipe", "device", "loop"};
    static const char *const words[] = {"none: No such file", "folder: not a regular file",
                                        "pipe: not a regular file", "device: not a regular file",
                                        "loop: "};
    temp_make(&temp);
    cappy_buffer_init(&buffer, 100);
    mkdir(temp_path(&temp, "folder"), 0700);
    mkfifo(temp_path(&temp, "pipe"), 0600);
    temp_link(&temp, "/dev/zero", "device");
    temp_link(&temp, "loop", "loop");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = temp_path(&temp, names[i]);
        assert_int_equal(cappy_file_map(path, &file, &error), CAPPY_IO);
        assert_non_null(strstr(error.message, words[i]));
        assert_int_equal(cappy_file_map(path, &file, NULL), CAPPY_IO);
        assert_int_equal(cappy_file_read(path, &buffer, &error), CAPPY_IO);
        assert_non_null(strstr(error.message, words[i]));
        assert_int_equal(buffer.size, 0);
    }
    cappy_buffer_free(&buffer);
    temp_remove(&temp);
}

static void test_read(void **state)
{
    (void)state;
    struct temp temp;
    struct cappy_buffer buffer;
    cappy_error error;
    temp_make(&temp);
    cappy_buffer_init(&buffer, 10);
    assert_int_equal(cappy_file_read(temp_write(&temp, "a", "hello", 5), &buffer, &error),
                     CAPPY_OK);
    assert_int_equal(cappy_file_read(temp.path, &buffer, &error), CAPPY_OK);
    assert_string_equal(buffer.data, "hellohello");
    assert_int_equal(cappy_file_read(temp.path, &buffer, &error), CAPPY_FORMAT);
    assert_non_null(strstr(error.message, "has 5 bytes, at most 0 are read"));
    cappy_buffer_clear(&buffer);
    assert_int_equal(cappy_file_read(temp_write(&temp, "e", "", 0), &buffer, &error), CAPPY_OK);
    assert_string_equal(buffer.data, "");
    assert_int_equal(cappy_file_read(temp_write(&temp, "b", "01234567890", 11), &buffer, &error),
                     CAPPY_FORMAT);
    cappy_buffer_free(&buffer);
    temp_remove(&temp);
}

static void test_paths(void **state)
{
    (void)state;
    char *path = cappy_path_join("a/b", "c");
    assert_string_equal(path, "a/b/c");
    cappy_free(path);
    path = cappy_path_join("", "");
    assert_string_equal(path, "/");
    cappy_free(path);
    assert_true(cappy_file_exists("/"));
    assert_false(cappy_file_exists("/no/such/file"));
    assert_false(cappy_file_exists(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),      cmocka_unit_test(test_release),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_read),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
