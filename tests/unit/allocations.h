/* SPDX-License-Identifier: Apache-2.0 */
/* Allocations that are counted, and fail when told to. Whoever includes this, behind cmocka, brings
 * the allocator that keeps these numbers: failing_alloc.h, or one of its own. */
#ifndef CAPPY_TESTS_ALLOCATIONS_H
#define CAPPY_TESTS_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "cappy.h"

static size_t n_calls; /* allocations so far */
static size_t fail_at; /* number of the one to fail; 0: none */
static long n_live;    /* allocated, not yet freed */

/* Runs `run`, which frees all it makes, again and again, each time with the next allocation
 * failing, until there is none left. Whichever fails, the status is CAPPY_NO_MEMORY and nothing
 * leaks. Returns how many failed. */
static inline size_t fail_each(cappy_status (*run)(void *context, cappy_error *error),
                               void *context)
{
    for (size_t at = 1;; at++) {
        cappy_error error = {0};
        n_calls = 0;
        n_live = 0;
        fail_at = at;
        const cappy_status status = run(context, &error);
        fail_at = 0;
        assert_int_equal(n_live, 0);
        if (n_calls < at) {
            assert_int_equal(status, CAPPY_OK);
            return at - 1;
        }
        if (status != CAPPY_NO_MEMORY || error.code != CAPPY_NO_MEMORY) {
            fail_msg("allocation %zu of %zu failed: status %d, code %d, %s", at, n_calls,
                     (int)status, (int)error.code, error.message);
        }
    }
}

#endif
