/* SPDX-License-Identifier: Apache-2.0 */
/* Growing buffers: contents, the NUL behind them, and the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

/* The address sanitizer ends the program at an absurd size unless it is told to return NULL, as
 * malloc does. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void test_append(void **state)
{
    (void)state;
    struct cappy_buffer buffer;
    cappy_error error;
    cappy_buffer_init(&buffer, 1 << 20);
    assert_null(buffer.data);
    for (size_t i = 0; i < 10000; i++) {
        assert_int_equal(cappy_buffer_append(&buffer, "abc", 3, &error), CAPPY_OK);
        assert_int_equal(buffer.data[buffer.size], '\0');
    }
    assert_int_equal(buffer.size, 30000);
    assert_memory_equal(buffer.data + 29997, "abc", 4);
    assert_int_equal(cappy_buffer_append(&buffer, NULL, 0, &error), CAPPY_OK);
    size_t capacity = buffer.capacity;
    cappy_buffer_clear(&buffer);
    assert_int_equal(buffer.size, 0);
    assert_string_equal(buffer.data, "");
    assert_int_equal(buffer.capacity, capacity);
    cappy_buffer_free(&buffer);
    assert_null(buffer.data);
    cappy_buffer_clear(&buffer);
    cappy_buffer_free(&buffer);
}

static void test_limit(void **state)
{
    (void)state;
    struct cappy_buffer buffer;
    cappy_error error;
    cappy_buffer_init(&buffer, 10);
    assert_int_equal(cappy_buffer_append(&buffer, "0123456789", 10, &error), CAPPY_OK);
    assert_int_equal(cappy_buffer_append(&buffer, "x", 1, &error), CAPPY_NO_MEMORY);
    assert_non_null(strstr(error.message, "10 bytes"));
    assert_int_equal(cappy_buffer_reserve(&buffer, SIZE_MAX, &error), CAPPY_NO_MEMORY);
    assert_int_equal(cappy_buffer_format(&buffer, &error, "%d", 1), CAPPY_NO_MEMORY);
    assert_string_equal(buffer.data, "0123456789");
    assert_int_equal(cappy_buffer_append(&buffer, "", 0, &error), CAPPY_OK);
    cappy_buffer_free(&buffer);
}

/* The largest limit is no limit. */
static void test_no_limit(void **state)
{
    (void)state;
    struct cappy_buffer buffer;
    cappy_error error;
    cappy_buffer_init(&buffer, SIZE_MAX);
    assert_int_equal(cappy_buffer_append(&buffer, "abc", 3, &error), CAPPY_OK);
    assert_int_equal(cappy_buffer_reserve(&buffer, SIZE_MAX, &error), CAPPY_NO_MEMORY);
    assert_int_equal(cappy_buffer_reserve(&buffer, SIZE_MAX - 3, &error), CAPPY_NO_MEMORY);
    assert_int_equal(cappy_buffer_reserve(&buffer, SIZE_MAX / 2, &error), CAPPY_NO_MEMORY);
    assert_string_equal(buffer.data, "abc");
    cappy_buffer_free(&buffer);
}

static void test_format(void **state)
{
    (void)state;
    struct cappy_buffer buffer;
    cappy_error error;
    cappy_buffer_init(&buffer, 1 << 20);
    assert_int_equal(cappy_buffer_format(&buffer, &error, "%s=%d", "x", 5), CAPPY_OK);
    assert_int_equal(cappy_buffer_format(&buffer, &error, "%s", ""), CAPPY_OK);
    assert_int_equal(cappy_buffer_format(&buffer, &error, "%500d", 7), CAPPY_OK);
    assert_int_equal(buffer.size, 503);
    assert_int_equal(buffer.data[502], '7');
    assert_int_equal(buffer.data[503], '\0');
    cappy_buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
