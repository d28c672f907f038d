/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation: zeroed, aligned, and not fooled by products that overflow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

/* The address sanitizer ends the program at an absurd size unless it is told to return NULL, as
 * malloc does. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void test_zeroed(void **state)
{
    (void)state;
    unsigned char *memory = cappy_alloc(1000, 3);
    assert_non_null(memory);
    for (size_t i = 0; i < 3000; i++) {
        assert_int_equal(memory[i], 0);
    }
    cappy_free(memory);
    cappy_free(NULL);
}

static void test_nothing(void **state)
{
    (void)state;
    void *memory[] = {cappy_alloc(0, 8),         cappy_alloc(8, 0),
                      cappy_alloc_aligned(0, 8), cappy_alloc_aligned(8, 0),
                      cappy_realloc(NULL, 0, 8), cappy_strndup(NULL, 0)};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
        assert_non_null(memory[i]);
        cappy_free(memory[i]);
    }
}

static void test_overflow(void **state)
{
    (void)state;
    size_t half = SIZE_MAX / 2 + 1;
    assert_null(cappy_alloc(half, 2));
    assert_null(cappy_alloc(SIZE_MAX, SIZE_MAX));
    assert_null(cappy_alloc_aligned(half, 2));
    assert_null(cappy_alloc_aligned(SIZE_MAX, 1));
    assert_null(cappy_alloc_aligned(SIZE_MAX - 63, 1));
    assert_null(cappy_realloc(NULL, half, 2));
    assert_null(cappy_strndup("", SIZE_MAX));
    char *kept = cappy_strndup("kept", 4);
    assert_non_null(kept);
    assert_null(cappy_realloc(kept, half, 2));
    assert_string_equal(kept, "kept");
    cappy_free(kept);
}

static void test_aligned(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 63, 64, 65, 4096, (4 << 20) - 1, 4 << 20, (5 << 20) + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *memory = cappy_alloc_aligned(sizes[i], 1);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 64, 0);
        memory[0] = 1;
        memory[sizes[i] - 1] = 2;
        cappy_free(memory);
    }
}

static void test_resized(void **state)
{
    (void)state;
    char *memory = cappy_realloc(NULL, 4, 2);
    assert_non_null(memory);
    memcpy(memory, "12345678", 8);
    memory = cappy_realloc(memory, 100000, 2);
    assert_non_null(memory);
    assert_memory_equal(memory, "12345678", 8);
    cappy_free(memory);
}

static void test_grown(void **state)
{
    (void)state;
    uint32_t *items = NULL;
    size_t capacity = 0;
    for (uint32_t n = 0; n < 5000; n++) {
        const size_t before = capacity;
        uint32_t *moved = cappy_grow(items, n, &capacity, sizeof *items);
        assert_non_null(moved);
        assert_true(capacity > n);
        assert_true(n < before ? moved == items && capacity == before : capacity >= 2 * before);
        items = moved;
        items[n] = n;
    }
    for (uint32_t n = 0; n < 5000; n++) {
        assert_int_equal(items[n], n);
    }
    for (size_t full = SIZE_MAX / 2; full >= SIZE_MAX / 8; full /= 2) {
        size_t same = full;
        assert_null(cappy_grow(items, full, &same, sizeof *items));
        assert_int_equal(same, full);
    }
    assert_int_equal(items[4999], 4999);
    cappy_free(items);
}

static void test_strndup(void **state)
{
    (void)state;
    char *copy = cappy_strndup("a\0bc", 3);
    assert_non_null(copy);
    assert_memory_equal(copy, "a\0b", 4);
    cappy_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed),   cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_overflow), cmocka_unit_test(test_aligned),
        cmocka_unit_test(test_resized),  cmocka_unit_test(test_grown),
        cmocka_unit_test(test_strndup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
