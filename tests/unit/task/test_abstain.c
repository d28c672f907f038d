/* SPDX-License-Identifier: Apache-2.0 */
/* Questions with a way out, and stretches of the instruction as answers. */
#include "built.h"

static const char row[] = "{\"task\": \"t\", \"instruction\": \"Where was it found? Oil was found "
                          "early. It was in the North Sea. Then it was sold. And so on.\", "
                          "\"references\": [\"the north sea.\"]}";

static const struct built *find(const struct build *build, enum cappy_kind kind, size_t from)
{
    for (size_t i = from; i < build->n; i++) {
        if (build->rows[i].kind == kind) {
            return &build->rows[i];
        }
    }
    return NULL;
}

static void test_abstain(void **state)
{
    (void)state;
    static struct build build;
    const char *const rows[] = {row};
    size_t n_gone = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        const struct cappy_build_options options = {.abstain = true, .seed = seed};
        assert_int_equal(run_build(&build, &options, rows, 1, NULL), CAPPY_OK);
        /* The row itself, and then the other question. */
        assert_int_equal(build.rows[0].kind, CAPPY_KIND_REFERENCE);
        assert_memory_equal(build.rows[0].instruction, "Where was it found?", 19);
        const struct built *way_out = find(&build, CAPPY_KIND_ABSTAIN, 0);
        assert_ptr_equal(way_out, &build.rows[1]);
        const bool is_gone = way_out->score > 0.5;
        const struct built *answer = &build.rows[2];
        assert_string_equal(answer->response, "the north sea.");
        assert_string_equal(answer->instruction, way_out->instruction);
        assert_string_not_equal(answer->instruction, build.rows[0].instruction);
        assert_int_equal(answer->kind, is_gone ? CAPPY_KIND_MISMATCH : CAPPY_KIND_REFERENCE);
        assert_true(answer->score == (is_gone ? 0.0 : 1.0) && way_out->score == 1 - answer->score);
        for (size_t i = 3; i < build.n; i++) {
            assert_int_equal(build.rows[i].kind, CAPPY_KIND_SPAN);
            assert_true(is_gone ? build.rows[i].score == 0.0 : build.rows[i].score < 1);
        }
        n_gone += is_gone;
        end_build(&build);
    }
    assert_in_range(n_gone, 30, 70);
}

/* Where there is nothing to look up, there is no such question. */
static void test_others(void **state)
{
    (void)state;
    static struct build build;
    const char *const rows[] = {
        "{\"instruction\": \"Where? In the sea.\", \"references\": [\"On land\"]}",
        "{\"instruction\": \"a b c d e f g h i j\", \"references\": [\"a b c d e f g h i\"]}",
        "{\"instruction\": \"sea or land?\", \"choices\": [\"sea\", \"land\"], \"answer\": 0}",
        "{\"instruction\": \"sea\", \"candidates\": [{\"text\": \"sea\", \"quality\": 1}]}",
    };
    const struct cappy_build_options options = {.abstain = true};
    assert_int_equal(run_build(&build, &options, rows, 4, NULL), CAPPY_OK);
    assert_int_equal(build.n, 5);
    assert_null(find(&build, CAPPY_KIND_ABSTAIN, 0));
    end_build(&build);
}

static void test_spans(void **state)
{
    (void)state;
    static struct build build;
    const char *const rows[] = {row};
    const struct cappy_build_options options = {.spans = 40};
    assert_int_equal(run_build(&build, &options, rows, 1, NULL), CAPPY_OK);
    size_t n_graded = 0;
    for (size_t i = 1; i < build.n; i++) {
        assert_int_equal(build.rows[i].kind, CAPPY_KIND_SPAN);
        assert_non_null(strstr(row, build.rows[i].response));
        assert_true(build.rows[i].score < 1);
        n_graded += build.rows[i].score > 0;
    }
    assert_true(build.n > 8 && n_graded > 2);
    end_build(&build);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_abstain),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
