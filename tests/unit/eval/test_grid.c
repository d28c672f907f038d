/* SPDX-License-Identifier: Apache-2.0 */
/* Tables stand in columns, whatever is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eval/grid.h"

static void test_write(void **state)
{
    (void)state;
    struct cappy_grid grid;
    struct cappy_buffer out;
    cappy_buffer_init(&out, 1 << 20);
    cappy_grid_begin(&grid);
    assert_int_equal(cappy_grid_add(&grid, NULL, "task"), CAPPY_OK);
    assert_int_equal(cappy_grid_add(&grid, NULL, "rows"), CAPPY_OK);
    assert_int_equal(cappy_grid_add(&grid, NULL, "why"), CAPPY_OK);
    cappy_grid_head(&grid, true);
    assert_int_equal(cappy_grid_add_text(&grid, (cappy_text)CAPPY_TEXT("a|b\n\xC3\xA9"), NULL),
                     CAPPY_OK);
    assert_int_equal(cappy_grid_add(&grid, NULL, "%d", 12345), CAPPY_OK);
    assert_int_equal(cappy_grid_add(&grid, NULL, "so"), CAPPY_OK);
    assert_int_equal(cappy_grid_write(&grid, &out, NULL), CAPPY_OK);
    assert_string_equal(out.data, "|task | rows|why|\n"
                                  "|-----|----:|---|\n"
                                  "|a b \xC3\xA9|12345|so |\n");
    cappy_grid_free(&grid);
    cappy_buffer_free(&out);
}

/* A name of any length is cut, and never in the middle of a character. */
static void test_long_text(void **state)
{
    (void)state;
    char text[200];
    struct cappy_grid grid;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = i % 2 == 0 ? '\xC3' : '\xA9';
    }
    for (size_t offset = 0; offset < 2; offset++) {
        cappy_grid_begin(&grid);
        text[0] = offset == 0 ? '\xC3' : 'x';
        assert_int_equal(
            cappy_grid_add_text(&grid, (cappy_text){text + offset, sizeof text - 2 * offset}, NULL),
            CAPPY_OK);
        assert_true(grid.cells.size <= 61);
        assert_int_equal((unsigned char)grid.cells.data[grid.cells.size - 2], 0xA9);
        cappy_grid_free(&grid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_write),
                                       cmocka_unit_test(test_long_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
