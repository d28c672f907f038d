/* SPDX-License-Identifier: Apache-2.0 */
/* The set of what has been seen: exact up to its limit, bounded beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "task/seen.h"

static bool add(struct cappy_seen *seen, uint64_t hash)
{
    bool is_new;
    assert_int_equal(cappy_seen_add(seen, hash, &is_new, NULL), CAPPY_OK);
    return is_new;
}

static uint64_t spread(uint64_t i)
{
    return cappy_hash(0, &i, sizeof i);
}

static void test_all_known(void **state)
{
    (void)state;
    struct cappy_seen seen;
    cappy_seen_init(&seen, 100000);
    assert_false(cappy_seen_has(&seen, 5));
    for (uint64_t i = 0; i < 50000; i++) {
        assert_true(add(&seen, spread(i)));
        assert_false(add(&seen, spread(i / 2)));
    }
    assert_true(cappy_seen_has(&seen, spread(0)));
    assert_false(cappy_seen_has(&seen, spread(50000)));
    assert_true(add(&seen, 0));
    assert_false(add(&seen, 0));
    cappy_seen_free(&seen);
    assert_false(cappy_seen_has(&seen, spread(0)));
}

/* The last `limit` are known, whatever is seen again stays, and no more than twice the limit is. */
static void test_limit(void **state)
{
    (void)state;
    enum { LIMIT = 1000, N = 20000 };
    struct cappy_seen seen;
    cappy_seen_init(&seen, LIMIT);
    for (uint64_t i = 0; i < N; i++) {
        assert_true(add(&seen, spread(i)));
        if (i % 500 == 0) {
            const bool is_new = add(&seen, 77);
            assert_int_equal(is_new, i == 0);
        }
        assert_true(cappy_seen_has(&seen, spread(i > LIMIT - 10 ? i - (LIMIT - 10) : 0)));
        assert_true(seen.now.n <= LIMIT && seen.before.n <= LIMIT);
    }
    assert_false(cappy_seen_has(&seen, spread(0)));
    assert_in_range(seen.now.capacity, 1, 4 * LIMIT);
    cappy_seen_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_known),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
