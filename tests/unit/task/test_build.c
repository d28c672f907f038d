/* SPDX-License-Identifier: Apache-2.0 */
/* Training rows from task rows: the labels of each kind, and what each option does. */
#include "built.h"

#include <math.h>

static struct build build;

/* Builds and fails the test where that fails. */
static void make(const struct cappy_build_options *options, const char *const *rows, size_t n)
{
    cappy_error error;
    if (run_build(&build, options, rows, n, &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
}

static void expect(size_t index, const char *response, double score, enum cappy_kind kind)
{
    assert_true(index < build.n);
    const struct built *row = &build.rows[index];
    assert_string_equal(row->response, response);
    assert_string_equal(cappy_kind_name(row->kind), cappy_kind_name(kind));
    if (fabs(row->score - score) > 1e-12) {
        fail_msg("%s: %.17g, not %.17g", response, row->score, score);
    }
}

static size_t count_kind(enum cappy_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < build.n; i++) {
        n += build.rows[i].kind == kind;
    }
    return n;
}

static const struct cappy_build_options plain = {.mismatches = 1};

/* ---- Labels ---------------------------------------------------------------------------------- */

static void test_targets(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"id\":12345678901234567890,\"task\":\"t\",\"instruction\":\"a\","
        "\"references\":[\"red\",{\"text\":\"blue\"}],"
        "\"candidates\":[\"red wine\",{\"text\":\"green\",\"quality\":9},\"blue\"]}",
        "{\"instruction\":\"b\",\"choices\":[\"yes\",\"no\",\"yes\",\"maybe\"],\"answer\":2}",
        "{\"instruction\":\"c\",\"candidates\":[{\"text\":\"x\",\"quality\":0.25},"
        "{\"text\":\"y\",\"quality\":1}],\"references\":[]}",
        "{\"instruction\":\"d\",\"choices\":[\"No.\",\"yes\"],\"answer\":1,\"references\":[\"no\"]"
        "}",
    };
    make(&plain, rows, 4);
    assert_int_equal(build.n, 11);
    expect(0, "red", 1, CAPPY_KIND_REFERENCE);
    expect(1, "blue", 1, CAPPY_KIND_REFERENCE);
    expect(2, "red wine", 2.0 / 3, CAPPY_KIND_CANDIDATE);
    expect(3, "green", 0, CAPPY_KIND_CANDIDATE);
    expect(4, "yes", 1, CAPPY_KIND_ANSWER);
    expect(5, "no", 0, CAPPY_KIND_CHOICE);
    expect(6, "maybe", 0, CAPPY_KIND_CHOICE);
    expect(7, "x", 0.25, CAPPY_KIND_CANDIDATE);
    expect(8, "y", 1, CAPPY_KIND_CANDIDATE);
    expect(9, "no", 1, CAPPY_KIND_REFERENCE); /* "No." is no wrong choice then */
    expect(10, "yes", 1, CAPPY_KIND_ANSWER);
    assert_string_equal(build.rows[0].id, "12345678901234567890");
    assert_string_equal(build.rows[0].task, "t");
    assert_string_equal(build.rows[4].id, "\"file:2\"");
    assert_string_equal(build.rows[4].task, "file");
    end_build(&build);
}

static void refuse(const char *row, const char *part)
{
    cappy_error error;
    const char *const rows[] = {row};
    assert_int_equal(run_build(&build, &plain, rows, 1, &error), CAPPY_FORMAT);
    assert_memory_equal(error.message, "dir/file.jsonl.gz:1: ", 21);
    if (strstr(error.message, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, error.message);
    }
    assert_int_equal(cappy_builder_finish(build.builder, NULL), CAPPY_OK);
    assert_int_equal(build.n, 0);
    end_build(&build);
}

static void test_bad_rows(void **state)
{
    (void)state;
    refuse("{\"references\":[\"x\"]}", "no \"instruction\"");
    refuse("{\"instruction\":\"a\"}", "no target: add \"references\"");
    refuse("{\"instruction\":\"a\",\"references\":[],\"candidates\":null}", "no target");
    refuse("{\"instruction\":\"a\",\"choices\":[\"x\"]}", "\"choices\" but no \"answer\"");
    refuse("{\"instruction\":\"a\",\"choices\":[\"x\"],\"answer\":1}", "from 0 to 0");
    refuse("{\"instruction\":\"a\",\"choices\":[\"x\",1],\"answer\":0}", "\"choices\"[1]");
    refuse("{\"instruction\":\"a\",\"response\":\"x\",\"score\":1}", "training row already");
    refuse("{\"instruction\":\"a\",\"references\":\"x\"}", "must be a list");
    refuse("{\"instruction\":\"a\",\"references\":[\"x\"],\"task\":1}", "\"task\" must be a");
    refuse("{\"instruction\":\"a\",\"candidates\":[\"x\"]}", "add one of the two");
    refuse("{\"instruction\":\"a\",\"candidates\":[{\"text\":\"x\",\"quality\":1.01}]}",
           "is 1.01: it must be from 0 to 1");
    refuse("{\"instruction\":\"a\",\"candidates\":[{\"text\":\"x\",\"quality\":-0.5}]}", "-0.5");
    refuse("{\"instruction\":\"a\",\"candidates\":[{\"text\":\"x\",\"quality\":\"1\"}]}",
           "must be a number");
}

/* ---- Mismatches ------------------------------------------------------------------------------ */

enum { MANY = 200 };
static char many_text[MANY][128];
static const char *many[MANY];

/* Rows of two tasks in turn, each with an answer of its own. */
static void write_many(void)
{
    for (size_t i = 0; i < MANY; i++) {
        snprintf(many_text[i], sizeof many_text[i],
                 "{\"task\":\"%c\",\"instruction\":\"%zu\",\"references\":[\"answer %c%zu\"]}",
                 "xy"[i % 2], i, "xy"[i % 2], i);
        many[i] = many_text[i];
    }
}

/* Row i's mismatches: of its task, of other rows, within `reach` rows, none twice. */
static void check_mismatches(size_t reach)
{
    size_t row = 0;
    for (size_t i = 0; i < build.n; i++) {
        const struct built *made = &build.rows[i];
        if (made->kind == CAPPY_KIND_REFERENCE) {
            row = strtoul(made->instruction, NULL, 10);
            continue;
        }
        const size_t other = strtoul(made->response + 8, NULL, 10);
        const size_t distance = other > row ? other - row : row - other;
        assert_int_equal(made->response[7], "xy"[row % 2]);
        assert_in_range(distance, 1, reach);
        for (size_t j = 1; build.rows[i - j].kind == CAPPY_KIND_MISMATCH; j++) {
            assert_string_not_equal(build.rows[i - j].response, made->response);
        }
    }
}

static void test_mismatches(void **state)
{
    (void)state;
    const struct cappy_build_options options = {.mismatches = 3};
    write_many();
    make(&options, many, MANY);
    assert_int_equal(build.n, 4 * MANY);
    assert_int_equal(count_kind(CAPPY_KIND_MISMATCH), 3 * MANY);
    check_mismatches(MANY);
    assert_int_equal(cappy_builder_tally(build.builder)->n_unmatched, 0);
    end_build(&build);
}

static void test_window(void **state)
{
    (void)state;
    const struct cappy_build_options options = {.mismatches = 4, .chunk_rows = 7};
    write_many();
    make(&options, many, MANY);
    assert_int_equal(build.n, 5 * MANY);
    check_mismatches(13);
    end_build(&build);
}

/* Every other reference is drawn equally often. */
static void test_fair(void **state)
{
    (void)state;
    enum { SEEDS = 2000 };
    static const char *const rows[] = {
        "{\"instruction\":\"0\",\"references\":[\"a\"]}",
        "{\"instruction\":\"1\",\"references\":[\"b\",\"c\"]}",
        "{\"instruction\":\"2\",\"references\":[\"c\"]}",
        "{\"instruction\":\"3\",\"references\":[\"d\"]}",
    };
    size_t counts[128] = {0};
    for (size_t seed = 0; seed < SEEDS; seed++) {
        const struct cappy_build_options options = {.mismatches = 1, .seed = seed};
        make(&options, rows, 4);
        assert_string_equal(build.rows[1].instruction, "0");
        counts[(size_t)build.rows[1].response[0]]++;
        end_build(&build);
    }
    assert_int_equal(counts['a'], 0);
    for (char c = 'b'; c <= 'd'; c++) {
        assert_in_range(counts[(size_t)c], SEEDS / 3 - 110, SEEDS / 3 + 110);
    }
}

/* What is right for the instruction is never a mismatch, whichever row says so, however it is
 * spelled. */
static void test_no_false_mismatch(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"instruction\":\"a\",\"references\":[\"The cat.\"]}",
        "{\"instruction\":\"a\",\"references\":[\"dogs\"]}",
        "{\"instruction\":\"b\",\"references\":[\"the CAT\"]}",
        "{\"instruction\":\"c\",\"references\":[\"dog\"]}",
        "{\"instruction\":\"d\",\"references\":[\"\\u732b\"]}",
        "{\"task\":\"alone\",\"instruction\":\"e\",\"references\":[\"\\u732b\"]}",
    };
    const struct cappy_build_options options = {.mismatches = 9};
    make(&options, rows, 6);
    for (size_t i = 0; i < build.n; i++) {
        const struct built *row = &build.rows[i];
        if (row->instruction[0] == 'a' && row->kind == CAPPY_KIND_MISMATCH) {
            assert_string_equal(row->response, "\xe7\x8c\xab");
        }
    }
    assert_int_equal(count_kind(CAPPY_KIND_MISMATCH), 1 + 0 + 2 + 2 + 2);
    const struct cappy_tally *tally = cappy_builder_tally(build.builder);
    assert_int_equal(tally->n_unmatched, 1);
    assert_int_equal(tally->n_tasks, 2);
    assert_int_equal(tally->n_duplicates, 1);
    end_build(&build);
}

static void test_near(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"instruction\":\"Where is the old blue boat?\",\"references\":[\"in the harbour\"]}",
        "{\"instruction\":\"1\",\"references\":[\"in the garden\"]}",
        "{\"instruction\":\"2\",\"references\":[\"old boats\"]}",
        "{\"instruction\":\"3\",\"references\":[\"nothing\"]}",
    };
    const struct cappy_build_options options = {.near = 3};
    make(&options, rows, 4);
    expect(0, "in the harbour", 1, CAPPY_KIND_REFERENCE);
    expect(1, "in the garden", 2.0 / 3, CAPPY_KIND_NEAR);
    expect(2, "old boats", 0, CAPPY_KIND_NEAR);
    assert_string_equal(build.rows[3].instruction, "1"); /* the third is like neither */
    end_build(&build);
}

static void test_corruptions(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"instruction\":\"a\",\"references\":[\"one two three four five six\"]}",
        "{\"instruction\":\"b\",\"references\":[\"seven\"]}",
        "{\"task\":\"t\",\"instruction\":\"c\",\"references\":[\"\\u732b \\u732b\"]}",
    };
    const struct cappy_build_options options = {.corruptions = 4};
    make(&options, rows, 3);
    for (enum cappy_kind kind = CAPPY_KIND_CUT; kind <= CAPPY_KIND_EXTENDED; kind++) {
        const size_t with_one_word = kind == CAPPY_KIND_REPEATED || kind == CAPPY_KIND_EXTENDED;
        assert_int_equal(count_kind(kind), 1 + with_one_word);
    }
    struct cappy_words reference = {0};
    struct cappy_words response = {0};
    cappy_text text = {"one two three four five six", 27};
    assert_int_equal(cappy_words_read(&reference, text, NULL), CAPPY_OK);
    for (size_t i = 0; i < 5; i++) {
        double f;
        text = (cappy_text){build.rows[i].response, strlen(build.rows[i].response)};
        assert_int_equal(cappy_words_read(&response, text, NULL), CAPPY_OK);
        assert_int_equal(cappy_rouge_l(&reference, &response, &f, NULL), CAPPY_OK);
        assert_true(fabs(build.rows[i].score - f) < 1e-15);
        assert_int_equal(f<1, i> 0);
    }
    assert_int_equal(cappy_builder_tally(build.builder)->n_blind, 1);
    cappy_words_free(&reference);
    cappy_words_free(&response);
    end_build(&build);
}

/* ---- What stays ------------------------------------------------------------------------------ */

static void test_duplicates(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"instruction\":\"a\",\"references\":[\"x\",\"x\"],\"candidates\":[\"y\",\"y\",\"x\"]}",
        "{\"instruction\":\"a\",\"references\":[\"x\"]}",
        "{\"instruction\":\"b\",\"references\":[\"x\"]}",
    };
    struct cappy_build_options options = {0};
    make(&options, rows, 3);
    assert_int_equal(build.n, 3);
    assert_int_equal(cappy_builder_tally(build.builder)->n_duplicates, 4);
    end_build(&build);
    options.keep_duplicates = true;
    make(&options, rows, 3);
    assert_int_equal(build.n, 7);
    end_build(&build);
}

static void test_cap(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"task\":\"s\",\"instruction\":\"a\",\"references\":[\"1\"]}",
        "{\"task\":\"s\",\"instruction\":\"b\",\"references\":[\"2\"]}",
        "{\"task\":\"s\",\"instruction\":\"c\",\"references\":[\"3\"]}",
        "{\"task\":\"s\",\"instruction\":\"a\",\"references\":[\"4\"]}",
        "{\"task\":\"t\",\"instruction\":\"c\",\"references\":[\"5\"]}",
    };
    const struct cappy_build_options options = {.cap = 2};
    make(&options, rows, 5);
    assert_int_equal(build.n, 4);
    expect(2, "4", 1, CAPPY_KIND_REFERENCE);
    expect(3, "5", 1, CAPPY_KIND_REFERENCE);
    const struct cappy_tally *tally = cappy_builder_tally(build.builder);
    assert_int_equal(tally->n_rows, 5);
    assert_int_equal(tally->n_capped, 1);
    assert_int_equal(tally->tasks[0].n_instructions, 2);
    assert_int_equal(tally->tasks[0].n_rows, 3);
    assert_int_equal(tally->tasks[0].n_responses, 3);
    end_build(&build);
}

/* At most so many zeros for an instruction, over all its rows; any of them may be the ones. */
static void test_balance(void **state)
{
    (void)state;
    enum { SEEDS = 300 };
    static const char *const rows[] = {
        "{\"instruction\":\"a\",\"choices\":[\"p\",\"q\",\"r\",\"s\"],\"answer\":1}",
        "{\"instruction\":\"a\",\"choices\":[\"q\",\"t\"],\"answer\":0}",
        "{\"instruction\":\"b\",\"choices\":[\"q\",\"t\"],\"answer\":0}",
    };
    size_t counts[128] = {0};
    for (size_t seed = 0; seed < SEEDS; seed++) {
        const struct cappy_build_options options = {.balance = 2, .seed = seed};
        make(&options, rows, 3);
        assert_int_equal(build.n, 5);
        expect(0, "q", 1, CAPPY_KIND_ANSWER);
        expect(4, "t", 0, CAPPY_KIND_CHOICE);
        assert_int_equal(cappy_builder_tally(build.builder)->n_balanced, 2);
        counts[(size_t)build.rows[1].response[0]]++;
        counts[(size_t)build.rows[2].response[0]]++;
        end_build(&build);
    }
    assert_int_equal(counts['p'] + counts['r'] + counts['s'], 2 * SEEDS);
    assert_in_range(counts['p'], 150, 250);
    assert_in_range(counts['r'], 150, 250);
}

static void test_print_choices(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"instruction\":\"a\",\"choices\":[\"yes\",\"no\"],\"answer\":1}",
        "{\"instruction\":\"b\",\"references\":[\"x\"]}",
    };
    const struct cappy_build_options options = {.print_choices = true};
    make(&options, rows, 2);
    assert_string_equal(build.rows[0].instruction, "a\n\nOptions:\n- yes\n- no");
    assert_string_equal(build.rows[2].instruction, "b");
    end_build(&build);
}

/* A row's responses depend on the seed, its number and the window, not on what is drawn for other
 * rows. */
static void test_seed(void **state)
{
    (void)state;
    static struct build first;
    const struct cappy_build_options options = {
        .mismatches = 2, .near = 1, .corruptions = 3, .seed = 5};
    struct cappy_build_options other = options;
    other.seed = 6;
    write_many();
    make(&options, many, MANY);
    first = build;
    first.builder = NULL;
    end_build(&build);
    make(&options, many, MANY);
    assert_int_equal(build.n, first.n);
    for (size_t i = 0; i < build.n; i++) {
        assert_string_equal(build.rows[i].response, first.rows[i].response);
        assert_true(fabs(build.rows[i].score - first.rows[i].score) <= 0);
    }
    end_build(&build);
    make(&other, many, MANY);
    size_t n = 0;
    for (size_t i = 0; i < build.n && i < first.n; i++) {
        n += strcmp(build.rows[i].response, first.rows[i].response) != 0;
    }
    assert_true(n > MANY);
    end_build(&build);
}

static void test_tally(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"instruction\":\"a\",\"candidates\":[{\"text\":\"p\",\"quality\":0},"
        "{\"text\":\"q\",\"quality\":0.1},{\"text\":\"r\",\"quality\":0.95},"
        "{\"text\":\"s\",\"quality\":1}]}",
    };
    make(&plain, rows, 1);
    const struct cappy_tally *tally = cappy_builder_tally(build.builder);
    assert_int_equal(tally->bins[0], 1);
    assert_int_equal(tally->bins[1], 1);
    assert_int_equal(tally->bins[9], 2);
    assert_int_equal(tally->kinds[CAPPY_KIND_CANDIDATE], 4);
    assert_true(fabs(tally->tasks[0].sum - 2.05) < 1e-12);
    assert_string_equal(tally->tasks[0].name, "file");
    assert_int_equal(tally->n_unmatched, 0); /* it has no references to begin with */
    end_build(&build);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),    cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_mismatches), cmocka_unit_test(test_window),
        cmocka_unit_test(test_fair),       cmocka_unit_test(test_no_false_mismatch),
        cmocka_unit_test(test_near),       cmocka_unit_test(test_corruptions),
        cmocka_unit_test(test_duplicates), cmocka_unit_test(test_cap),
        cmocka_unit_test(test_balance),    cmocka_unit_test(test_print_choices),
        cmocka_unit_test(test_seed),       cmocka_unit_test(test_tally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
