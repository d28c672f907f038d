/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers by hashes: each keeps its own while the map grows, hashes that want the same slot too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"

/* Hash `i` of those that all want one of four slots. */
static uint64_t crowded(size_t i)
{
    return (uint64_t)(i / 4) << 40 | i % 4;
}

static void test_numbers(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct cappy_map map = {0};
    assert_int_equal(cappy_map_get(&map, 7), 0);
    for (size_t round = 1; round <= 2; round++) {
        for (size_t i = 0; i < N; i++) {
            size_t *number;
            assert_int_equal(cappy_map_place(&map, crowded(i + 2), &number, NULL), CAPPY_OK);
            assert_int_equal(*number, round == 1 ? 0 : i + 1);
            *number = i + round;
        }
        assert_int_equal(map.n, N);
    }
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(cappy_map_get(&map, crowded(i + 2)), i + 2);
    }
    assert_int_equal(cappy_map_get(&map, crowded(N + 2)), 0);
    cappy_map_free(&map);
    assert_int_equal(map.n, 0);
}

/* A hash of 0 is as good as any. */
static void test_zero(void **state)
{
    (void)state;
    struct cappy_map map = {0};
    size_t *number;
    assert_int_equal(cappy_map_place(&map, 0, &number, NULL), CAPPY_OK);
    *number = 5;
    assert_int_equal(cappy_map_get(&map, 0), 5);
    assert_int_equal(cappy_map_get(&map, 2), 0);
    assert_int_equal(map.n, 1);
    cappy_map_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
