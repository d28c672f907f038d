/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"

/* Enough strings for the table to grow several times; each keeps its id, and a later one replaces
 * it. */
static void test_many(void **state)
{
    (void)state;
    struct cappy_trie trie;
    int32_t id;
    assert_int_equal(cappy_trie_init(&trie, NULL), CAPPY_OK);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 20000; i++) {
            char text[20];
            int size = snprintf(text, sizeof text, "%x", (unsigned)i * 2654435761u);
            assert_int_equal(cappy_trie_add(&trie, text, (size_t)size, i + round * 100000, NULL),
                             CAPPY_OK);
        }
    }
    for (int i = 0; i < 20000; i++) {
        char text[20];
        int size = snprintf(text, sizeof text, "%x", (unsigned)i * 2654435761u);
        assert_true(cappy_trie_find(&trie, text, (size_t)size, &id) > 0);
        assert_int_equal(id, i + 100000);
    }
    assert_int_equal(cappy_trie_find(&trie, "none", 4, &id), CAPPY_TRIE_NONE);
    assert_int_equal(id, CAPPY_TRIE_NONE);
    assert_int_equal(cappy_trie_find(&trie, "", 0, &id), CAPPY_TRIE_ROOT);
    assert_int_equal(id, CAPPY_TRIE_NONE);
    cappy_trie_free(&trie);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
