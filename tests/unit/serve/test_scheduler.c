/* SPDX-License-Identifier: Apache-2.0 */
/* The queue: what fits, what is taken back, who comes first; and the scores are cappy_score's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "serve/scheduler.h"

enum { MANY = 4000, FEW = 3, QUEUE = 100000 };

static cappy_pair pairs[MANY];
static size_t tokens[MANY];

struct fixture {
    struct cappy_served_models models;
    struct cappy_scheduler *scheduler;
    size_t total; /* tokens of MANY pairs */
};

static void on_done(void *context)
{
    (void)context;
}

static void open_fixture(struct fixture *fixture, size_t threads)
{
    static const char *const names[] = {CAPPY_TEST_DATA "/golden/bert"};
    const struct cappy_serve_options options = {
        .models = names, .n_models = 1, .threads = threads, .lanes = threads};
    assert_int_equal(cappy_served_models_open(&options, &fixture->models, NULL), CAPPY_OK);
    const struct cappy_scheduler_options scheduling = {
        .models = &fixture->models, .queue_tokens = QUEUE, .batch_tokens = 1024, .notify = on_done};
    assert_int_equal(cappy_scheduler_start(&scheduling, &fixture->scheduler, NULL), CAPPY_OK);
    for (size_t i = 0; i < MANY; i++) {
        static const char words[] = "a b c d e f g h i j k l m n o p q r s t u v w x y z";
        pairs[i] = (cappy_pair){{words, 40}, {words, i % sizeof words}};
    }
    assert_int_equal(
        cappy_served_model_measure(&fixture->models.models[0], pairs, MANY, tokens, NULL, NULL),
        CAPPY_OK);
    fixture->total = 0;
    for (size_t i = 0; i < MANY; i++) {
        fixture->total += tokens[i];
    }
    assert_true(fixture->total > QUEUE);
}

static void close_fixture(struct fixture *fixture)
{
    cappy_scheduler_stop(fixture->scheduler);
    cappy_served_models_close(&fixture->models);
}

static void fill_job(const struct fixture *fixture, struct cappy_job *job, size_t n, float *scores)
{
    *job = (struct cappy_job){.model = fixture->models.models,
                              .pairs = pairs,
                              .tokens = tokens,
                              .n = n,
                              .scores = scores};
}

/* Waits for the next jobs that have ended. */
static struct cappy_job *collect(struct fixture *fixture)
{
    const struct timespec moment = {0, 1000000};
    struct cappy_job *job;
    while ((job = cappy_scheduler_collect(fixture->scheduler)) == NULL) {
        nanosleep(&moment, NULL);
    }
    return job;
}

static void test_queue(void **state)
{
    (void)state;
    static float wanted[MANY];
    static float large_scores[MANY];
    float scores[FEW];
    struct fixture fixture;
    struct cappy_job large;
    struct cappy_job small;
    struct cappy_job late;
    open_fixture(&fixture, 1);
    assert_int_equal(cappy_score(fixture.models.models[0].meter, pairs, MANY, wanted, NULL), 0);
    fill_job(&fixture, &large, MANY, large_scores);
    fill_job(&fixture, &small, FEW, scores);
    fill_job(&fixture, &late, MANY, large_scores);
    /* A job of any size fits into an empty queue, and then nothing does until it is shorter. */
    assert_true(cappy_scheduler_submit(fixture.scheduler, &large));
    assert_true(cappy_scheduler_is_full(fixture.scheduler));
    assert_false(cappy_scheduler_submit(fixture.scheduler, &late));
    while (!cappy_scheduler_submit(fixture.scheduler, &small)) {
        nanosleep(&(struct timespec){0, 100000}, NULL);
    }
    /* The small one, though last, comes first. */
    struct cappy_job *first = collect(&fixture);
    assert_ptr_equal(first, &small);
    assert_memory_equal(scores, wanted, sizeof scores);
    struct cappy_job *second = first->next != NULL ? first->next : collect(&fixture);
    assert_ptr_equal(second, &large);
    assert_memory_equal(large_scores, wanted, sizeof wanted);
    assert_true(small.begun >= small.submitted && small.ended < large.ended);
    close_fixture(&fixture);
}

static void cancel_with(size_t threads)
{
    static float scores[2][MANY];
    struct fixture fixture;
    struct cappy_job jobs[2];
    struct cappy_scheduler_counts counts;
    open_fixture(&fixture, threads);
    for (size_t round = 0; round < 30; round++) {
        size_t n_back = 0;
        fill_job(&fixture, &jobs[0], MANY, scores[0]);
        fill_job(&fixture, &jobs[1], FEW, scores[1]);
        assert_true(cappy_scheduler_submit(fixture.scheduler, &jobs[0]));
        if (round % 3 > 0) { /* in the middle of a batch, or before it */
            nanosleep(&(struct timespec){0, (long)round * 100000}, NULL);
        }
        const bool is_in = cappy_scheduler_submit(fixture.scheduler, &jobs[1]);
        n_back += cappy_scheduler_cancel(fixture.scheduler, &jobs[0]) ? 1 : 0;
        for (n_back += is_in ? 0 : 1; n_back < 2;) {
            for (struct cappy_job *job = collect(&fixture); job != NULL; job = job->next) {
                assert_true(job == &jobs[1] || job->is_cancelled);
                n_back++;
            }
        }
        cappy_scheduler_count(fixture.scheduler, &counts);
        assert_int_equal(counts.queued_tokens, 0);
        assert_int_equal(counts.queued_jobs, 0);
    }
    close_fixture(&fixture);
}

static void test_cancel(void **state)
{
    (void)state;
    cancel_with(1);
    cancel_with(3);
}

/* Requests of all sizes at once, computed by several lanes, the first alone by all threads; one in
 * five is taken back at some moment. */
static void test_lanes(void **state)
{
    (void)state;
    enum { JOBS = 200, SIZE = 90, ROUNDS = 10 };
    static float wanted[MANY];
    static float scores[JOBS][SIZE];
    static struct cappy_job jobs[JOBS];
    struct fixture fixture;
    struct cappy_scheduler_counts counts;
    open_fixture(&fixture, 3);
    assert_int_equal(fixture.models.n_lanes, 3);
    assert_int_equal(cappy_score(fixture.models.models[0].meter, pairs, MANY, wanted, NULL), 0);
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t n_back = 0;
        for (size_t i = 0; i < JOBS; i++) {
            fill_job(&fixture, &jobs[i], 1 + (i * i + round) % SIZE, scores[i]);
            jobs[i].is_due = true;
            assert_true(cappy_scheduler_submit(fixture.scheduler, &jobs[i]));
            if (i % 5 == 4 && cappy_scheduler_cancel(fixture.scheduler, &jobs[i - round % 5])) {
                jobs[i - round % 5].n = 0;
                n_back++;
            }
        }
        while (n_back < JOBS) {
            for (struct cappy_job *job = collect(&fixture); job != NULL; job = job->next) {
                assert_true(job->is_cancelled || job->scored == job->n);
                n_back++;
            }
        }
        for (size_t i = 0; i < JOBS; i++) {
            const size_t n = jobs[i].is_cancelled ? 0 : jobs[i].n;
            assert_memory_equal(scores[i], wanted, n * sizeof *wanted);
        }
        cappy_scheduler_count(fixture.scheduler, &counts);
        assert_int_equal(counts.queued_tokens + counts.queued_jobs, 0);
    }
    assert_true(counts.tokens_per_second > 0 && counts.seconds > 0);
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_queue), cmocka_unit_test(test_cancel),
                                       cmocka_unit_test(test_lanes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
