/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of a kernel set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"

static void test_choice(void **state)
{
    (void)state;
    const struct cappy_kernels *kernels = NULL;
    const char *reason = NULL;
    cappy_error error;
    setenv("CAPPY_ISA", "scalar", 1);
    assert_int_equal(cappy_kernels_choose(&kernels, &reason, &error), CAPPY_OK);
    assert_string_equal(kernels->name, "scalar");
    setenv("CAPPY_ISA", "mmx", 1);
    assert_int_equal(cappy_kernels_choose(&kernels, &reason, &error), CAPPY_ARGUMENT);
    assert_non_null(strstr(error.message, "mmx"));
    assert_non_null(strstr(error.message, "scalar"));
    unsetenv("CAPPY_ISA");
    assert_int_equal(cappy_kernels_choose(&kernels, &reason, &error), CAPPY_OK);
    assert_non_null(reason);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
