/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation on the way of an answer that is stored fails once: CAPPY_NO_MEMORY, and nothing
 * leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../failing_alloc.h"
#include "../temp.h"
#include "llm/prompt.h"
#include "llm/reply.h"

static const char plan_text[] = "greedy,temperature=0.9+min_p=0.1*2";
static const cappy_text instruction = CAPPY_TEXT("What is the capital of France?");

/* What a run holds; freed whether or not it came to its end. */
struct run {
    struct cappy_llm_options options;
    struct cappy_sample_plan plan;
    struct cappy_sampler *sampler;
    struct cappy_reply reply;
};

static struct cappy_llm_options make_options(const char *store)
{
    return (struct cappy_llm_options){.url = "http://127.0.0.1:1",
                                      .model = "m",
                                      .key = "k",
                                      .system = "Be brief.",
                                      .max_tokens = 9,
                                      .has_seed = true,
                                      .in_flight = 2,
                                      .timeout = 1,
                                      .store = store};
}

/* Puts the answers of the plan into the store. */
static void fill_store(const char *path)
{
    struct cappy_sample_plan plan;
    struct cappy_sampler *sampler = NULL;
    struct cappy_store *store = NULL;
    struct cappy_prompt *prompt = NULL;
    const struct cappy_llm_options options = make_options(path);
    const cappy_text answer = CAPPY_TEXT("Paris.");
    assert_int_equal(cappy_sample_plan_read(plan_text, &plan, NULL), CAPPY_OK);
    assert_int_equal(cappy_sampler_create(&options, &plan, &sampler, NULL), CAPPY_OK);
    assert_int_equal(cappy_sampler_add(sampler, instruction, 3, &prompt, NULL), CAPPY_OK);
    assert_int_equal(cappy_store_open(path, &store, NULL), CAPPY_OK);
    for (size_t i = 0; i < prompt->n_parts; i++) {
        for (size_t j = 0; j < plan.decodings[i].count; j++) {
            assert_int_equal(cappy_store_add(store, &prompt->parts[i].key, j, answer, "stop", NULL),
                             CAPPY_OK);
        }
    }
    assert_int_equal(cappy_store_commit(store, NULL), CAPPY_OK);
    cappy_store_close(store);
    cappy_sampler_free(sampler);
    cappy_sample_plan_free(&plan);
}

static cappy_status take_stored(struct run *run, cappy_error *error)
{
    static const char body[] = "{\"choices\": [{\"text\": \"a\"}, {\"message\": {}}]}";
    struct cappy_prompt *prompt;
    CAPPY_TRY(cappy_sample_plan_read(plan_text, &run->plan, error));
    CAPPY_TRY(cappy_sampler_create(&run->options, &run->plan, &run->sampler, error));
    CAPPY_TRY(cappy_sampler_add(run->sampler, instruction, 1, &prompt, error));
    while (!cappy_prompt_is_done(prompt)) {
        CAPPY_TRY(cappy_sampler_work(run->sampler, 0, error));
    }
    cappy_prompt_widen(prompt, 3);
    while (!cappy_prompt_is_done(prompt)) {
        CAPPY_TRY(cappy_sampler_work(run->sampler, 0, error));
    }
    struct cappy_sample samples[3];
    assert_int_equal(cappy_prompt_list(prompt, samples), 3);
    assert_int_equal(samples[2].text.size, strlen("Paris."));
    assert_int_equal(cappy_sampler_count(run->sampler).stored, 3);
    assert_int_equal(cappy_sampler_count(run->sampler).calls, 0);
    return cappy_reply_read(body, strlen(body), &run->reply, error);
}

static cappy_status take_and_free(void *path, cappy_error *error)
{
    struct run run = {.options = make_options(path)};
    const cappy_status status = take_stored(&run, error);
    cappy_reply_free(&run.reply);
    cappy_sampler_free(run.sampler);
    cappy_sample_plan_free(&run.plan);
    return status;
}

static void test_stored(void **state)
{
    struct temp *temp = *state;
    char path[sizeof temp->path];
    snprintf(path, sizeof path, "%s", temp_path(temp, "samples.db"));
    fill_store(path);
    assert_int_equal(n_live, 0);
    assert_true(fail_each(take_and_free, path) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stored),
    };
    return cmocka_run_group_tests(tests, temp_set_up, temp_tear_down);
}
