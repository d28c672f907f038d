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

/* Under qemu-user, whose processor the environment names, the choice is the one for that processor;
 * skipped elsewhere. */
static void test_emulated_choice(void **state)
{
    (void)state;
    static const char *const chosen[][2] = {
        {"cortex-a72", "neon"}, {"cortex-a76", "neondot"}, {"max", "neonbf16"}};
    const char *processor = getenv("QEMU_CPU");
    for (size_t i = 0; processor != NULL && i < sizeof chosen / sizeof chosen[0]; i++) {
        if (strcmp(processor, chosen[i][0]) == 0) {
            const struct cappy_kernels *kernels = NULL;
            unsetenv("CAPPY_ISA");
            assert_int_equal(cappy_kernels_choose(&kernels, NULL, NULL), CAPPY_OK);
            assert_string_equal(kernels->name, chosen[i][1]);
            return;
        }
    }
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_emulated_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
