/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing among responses: by score, by consensus, by vote, by a mix. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "task/task.h"

enum { MOST = 8 };

struct chosen {
    size_t best;
    double keys[MOST];
};

static struct chosen choose(enum cappy_selection selection, const char *const *strings,
                            const float *scores, size_t n, double temperature)
{
    struct chosen chosen;
    cappy_pair pairs[MOST];
    struct cappy_chooser chooser = {.how = {.by = selection, .temperature = temperature}};
    for (size_t i = 0; i < n; i++) {
        pairs[i] = (cappy_pair){CAPPY_TEXT("?"), {strings[i], strlen(strings[i])}};
    }
    assert_int_equal(cappy_chooser_read(&chooser, pairs, n, NULL), CAPPY_OK);
    chosen.best = cappy_chooser_choose(&chooser, scores);
    memcpy(chosen.keys, chooser.keys, n * sizeof *chosen.keys);
    cappy_chooser_free(&chooser);
    return chosen;
}

static void assert_near(double value, double wanted)
{
    if (!(fabs(value - wanted) < 1e-6)) {
        fail_msg("%.9g, wanted %.9g", value, wanted);
    }
}

static void test_score(void **state)
{
    (void)state;
    const char *texts[] = {"a", "b", "c"};
    const float scores[] = {0.25f, 0.5f, 0.5f};
    const struct chosen chosen = choose(CAPPY_SELECT_SCORE, texts, scores, 3, 1);
    assert_int_equal(chosen.best, 1);
    assert_near(chosen.keys[0], 0.25);
}

/* ROUGE-L: "the cat sat" to "the cat ran" is 2/3, to "dogs" 0. */
static void test_consensus(void **state)
{
    (void)state;
    const char *texts[] = {"dogs", "the cat sat", "the cat ran", "the cat sat"};
    const float scores[] = {0.9f, 0.1f, 0.2f, 0.3f};
    const struct chosen chosen = choose(CAPPY_SELECT_CONSENSUS, texts, scores, 4, 1);
    assert_near(chosen.keys[0], 0);
    assert_near(chosen.keys[1], (2. / 3 + 1) / 3);
    assert_near(chosen.keys[2], 4. / 9);
    assert_int_equal(chosen.best, 3); /* of two as high the better scored */
    assert_int_equal(choose(CAPPY_SELECT_CONSENSUS, texts, scores, 1, 1).best, 0);
}

static void test_vote(void **state)
{
    (void)state;
    const char *texts[] = {"41", " 42.", "**42**", "\"4 2\"", "42"};
    const float scores[] = {0.7f, 0.25f, 0.5f, 0.6f, 0.125f};
    const struct chosen chosen = choose(CAPPY_SELECT_VOTE, texts, scores, 5, 1);
    assert_near(chosen.keys[0], 0.7);
    assert_near(chosen.keys[1], 0.875);
    assert_true(chosen.keys[1] == chosen.keys[2] && chosen.keys[2] == chosen.keys[4]);
    assert_near(chosen.keys[3], 0.6);
    assert_int_equal(chosen.best, 2); /* of the 42s the best scored */
}

/* Signs, inner characters and letters count; case, spaces and what stands around do not. */
static void test_same_answers(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } cases[] = {
        {"Paris", "paris.", true},
        {"New  York\n", "new york", true},
        {"`x`", "x", true},
        {"\"yes!\"", "Yes", true},
        {"-5", "5", false},
        {"3.14", "314", false},
        {"a b", "ab", false},
        {"running", "run", false},
        {"?", "!", false},
        {"", "  ", true},
        {"\xc3\x84", "\xc3\xa4", false},
        {"it's", "its", false},
        {"'tis", "tis", false},
        {"a.", "a...", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *texts[] = {cases[i].a, cases[i].b};
        const float scores[] = {0.5f, 0.25f};
        const double key = choose(CAPPY_SELECT_VOTE, texts, scores, 2, 1).keys[0];
        if ((key > 0.6) != cases[i].same) {
            fail_msg("\"%s\" and \"%s\": %g", cases[i].a, cases[i].b, key);
        }
    }
}

/* Scores below 0 do not count against an answer; where all are, the most frequent wins. */
static void test_vote_below_zero(void **state)
{
    (void)state;
    const char *texts[] = {"a", "b", "a"};
    const float above[] = {0.5f, 0.4f, -3};
    assert_int_equal(choose(CAPPY_SELECT_VOTE, texts, above, 3, 1).best, 0);
    const float below[] = {-3, -1, -2};
    assert_int_equal(choose(CAPPY_SELECT_VOTE, texts, below, 3, 1).best, 2);
}

static void test_mix(void **state)
{
    (void)state;
    const char *texts[] = {"one two", "one two", "three", "four"};
    const float scores[] = {0, 0, 0, 1};
    const double chance = exp(-1 / (sqrt(0.1875) * 0.5)); /* of those that score 0, to the last's */
    const struct chosen chosen = choose(CAPPY_SELECT_MIX, texts, scores, 4, 0.5);
    assert_near(chosen.keys[0], 2 * chance / (1 + 3 * chance));
    assert_near(chosen.keys[2], chance / (1 + 3 * chance));
    assert_near(chosen.keys[3], 1 / (1 + 3 * chance));
    assert_int_equal(chosen.best, 3);
    assert_int_equal(choose(CAPPY_SELECT_MIX, texts, scores, 4, 10).best, 0);
    assert_int_equal(choose(CAPPY_SELECT_MIX, texts, scores, 4, 0).best, 3);
    assert_int_equal(choose(CAPPY_SELECT_MIX, texts, scores, 1, 1).best, 0);
}

/* A scorer that says nothing leaves the consensus; one whose numbers are on another scale chooses
 * the same. */
static void test_mix_scale(void **state)
{
    (void)state;
    const char *texts[] = {"dogs", "the cat sat", "the cat ran", "a cat sat"};
    const float even[] = {-2, -2, -2, -2};
    const struct chosen chosen = choose(CAPPY_SELECT_MIX, texts, even, 4, 1);
    const struct chosen consensus = choose(CAPPY_SELECT_CONSENSUS, texts, even, 4, 1);
    assert_int_equal(chosen.best, consensus.best);
    for (size_t i = 0; i < 4; i++) {
        assert_near(chosen.keys[i], (3 * consensus.keys[i] + 1) / 4);
    }
    const float small[] = {0.25f, 0, 0.125f, 0.0625f};
    const float large[] = {1024, -3072, -1024, -2048};
    for (size_t i = 0; i < 4; i++) {
        assert_near(choose(CAPPY_SELECT_MIX, texts, small, 4, 1).keys[i],
                    choose(CAPPY_SELECT_MIX, texts, large, 4, 1).keys[i]);
    }
}

static void test_settle(void **state)
{
    (void)state;
    static const struct {
        struct cappy_choosing asked;
        double fitted;
        enum cappy_selection by;
        double temperature;
    } cases[] = {
        {{CAPPY_SELECT_AUTO, false, 0}, -1, CAPPY_SELECT_SCORE, 1},
        {{CAPPY_SELECT_AUTO, false, 0}, 1.5, CAPPY_SELECT_MIX, 1.5},
        {{CAPPY_SELECT_AUTO, false, 0}, 0, CAPPY_SELECT_MIX, 0},
        {{CAPPY_SELECT_SCORE, false, 0}, 1.5, CAPPY_SELECT_SCORE, 1.5},
        {{CAPPY_SELECT_MIX, false, 0}, -1, CAPPY_SELECT_MIX, 1},
        {{CAPPY_SELECT_MIX, true, 0.5}, 1.5, CAPPY_SELECT_MIX, 0.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cappy_choosing how = cappy_choosing_settle(cases[i].asked, cases[i].fitted);
        assert_int_equal(how.by, cases[i].by);
        assert_near(how.temperature, cases[i].temperature);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_score),
        cmocka_unit_test(test_consensus),
        cmocka_unit_test(test_vote),
        cmocka_unit_test(test_same_answers),
        cmocka_unit_test(test_vote_below_zero),
        cmocka_unit_test(test_mix),
        cmocka_unit_test(test_mix_scale),
        cmocka_unit_test(test_settle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
