/* SPDX-License-Identifier: Apache-2.0 */
/* What of a request and of its answers is scored, what goes on, and what comes of the usage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "serve/routes.h"

static struct cappy_service service;

static const struct cappy_route *find(const char *path)
{
    enum cappy_failure failure;
    char allowed[32];
    return cappy_route_find((cappy_text)CAPPY_TEXT("POST"), (cappy_text){path, strlen(path)},
                            allowed, &failure);
}

static int open_service(void **state)
{
    static const char *const names[] = {"one=" CAPPY_TEST_DATA "/golden/bert"};
    static const struct cappy_serve_options options = {.models = names,
                                                       .n_models = 1,
                                                       .threads = 1,
                                                       .lanes = 1,
                                                       .max_pairs = 50,
                                                       .llm = "http://a",
                                                       .choosing.by = CAPPY_SELECT_AUTO,
                                                       .best_of = 4,
                                                       .max_best_of = 16};
    (void)state;
    service.options = &options;
    return cappy_served_models_open(&options, &service.models, NULL) == CAPPY_OK ? 0 : 1;
}

static int close_service(void **state)
{
    (void)state;
    cappy_served_models_close(&service.models);
    return 0;
}

static void prepare(struct cappy_call *call, const char *path, const char *body)
{
    cappy_call_init(call, &service, find(path));
    assert_true(cappy_call_prepare(call, body, strlen(body)));
}

/* Lets the call go on with this list of replies. */
static void resume(struct cappy_call *call, const char *replies)
{
    call->relayed.replies = json_loads(replies, 0, NULL);
    assert_non_null(call->relayed.replies);
    size_t index;
    const json_t *reply;
    json_array_foreach(call->relayed.replies, index, reply)
    {
        call->relayed.n_answers += json_array_size(json_object_get(reply, "choices"));
    }
    assert_true(cappy_call_resume(call));
}

static void is_json(const json_t *json, const char *wanted)
{
    json_t *parsed = json_loads(wanted, 0, NULL);
    assert_non_null(parsed);
    assert_true(json_equal(json, parsed));
    json_decref(parsed);
}

/* Finishes the call with these scores[call->job.n]; returns its answer, for the caller to free. */
static json_t *finish(struct cappy_call *call, const float *scores)
{
    memcpy(call->job.scores, scores, call->job.n * sizeof *scores);
    cappy_call_finish(call);
    json_t *answer = json_loads(call->answer.data, 0, NULL);
    assert_non_null(answer);
    return answer;
}

static void is_text(cappy_text text, const char *wanted)
{
    assert_int_equal(text.size, strlen(wanted));
    assert_memory_equal(text.data, wanted, text.size);
}

static void test_body_goes_on(void **state)
{
    struct cappy_call call;
    (void)state;
    prepare(
        &call, "/v1/chat/completions",
        "{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"q\"}], \"n\": 2, "
        "\"stream\": true, \"stream_options\": {\"include_usage\": true}, \"odd\": [1, {}], "
        "\"best_of\": 3, \"cappy\": {\"best_of\": 5}}");
    is_json(call.relayed.body,
            "{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"q\"}], "
            "\"odd\": [1, {}], \"best_of\": 3}");
    assert_int_equal(call.relayed.n, 5);
    assert_int_equal(call.top_n, 2);
    assert_true(call.is_stream && call.with_usage);
    cappy_call_free(&call);
}

static void test_chat_texts(void **state)
{
    struct cappy_call call;
    (void)state;
    prepare(&call, "/v1/chat/completions",
            "{\"messages\": [{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", "
            "\"content\": [{\"type\": \"text\", \"text\": \"one\"}, {\"type\": \"image_url\"}, "
            "{\"text\": \"two\"}]}, {\"role\": \"assistant\", \"content\": \"a\"}]}");
    resume(&call,
           "[{\"choices\": [{\"message\": {\"content\": \"plain\"}}, {\"message\": {\"content\": "
           "null, \"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": \"{}\"}}, "
           "{\"function\": {\"name\": \"g\", \"arguments\": \"1\"}}]}}]}, {\"choices\": [{}, "
           "{\"message\": {\"content\": [{\"text\": \"part\"}]}}]}]");
    assert_int_equal(call.job.n, 4);
    is_text(call.pairs[0].instruction, "one\ntwo");
    is_text(call.pairs[0].response, "plain");
    is_text(call.pairs[1].response, "f {}\ng 1");
    is_text(call.pairs[2].response, "");
    is_text(call.pairs[3].response, "part");
    cappy_call_free(&call);
}

static void test_completion_texts(void **state)
{
    struct cappy_call call;
    (void)state;
    prepare(&call, "/v1/completions", "{\"prompt\": [\"p\"], \"echo\": true, \"best_of\": 3}");
    assert_int_equal(call.relayed.n, 3);
    resume(&call, "[{\"choices\": [{\"text\": \"p a\"}, {\"text\": \"b\"}]}]");
    is_text(call.pairs[0].instruction, "p");
    is_text(call.pairs[0].response, " a");
    is_text(call.pairs[1].response, "b");
    cappy_call_free(&call);
}

static void test_answer(void **state)
{
    struct cappy_call call;
    (void)state;
    prepare(&call, "/v1/chat/completions",
            "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}], \"n\": 2}");
    resume(&call,
           "[{\"id\": \"x\", \"choices\": [{\"index\": 0, \"message\": {\"content\": \"a\"}}, "
           "{\"index\": 1, \"message\": {\"content\": \"b\"}}], \"usage\": {\"total\": 3, "
           "\"details\": {\"kept\": 1}, \"cost\": 0.5}}, {\"choices\": [{\"index\": 0, "
           "\"message\": {\"content\": \"c\"}}], \"usage\": {\"total\": 4, \"details\": "
           "{\"kept\": 2, \"other\": 7}, \"cost\": 0.25}}]");
    json_t *answer = finish(&call, (const float[]){0.25F, 0.75F, 0.5F});
    is_json(
        answer,
        "{\"id\": \"x\", \"choices\": [{\"index\": 0, \"message\": {\"content\": \"b\"}}, "
        "{\"index\": 1, \"message\": {\"content\": \"c\"}}], \"usage\": {\"total\": 7, "
        "\"details\": {\"kept\": 3, \"other\": 7}, \"cost\": 0.75}, \"cappy\": {\"best_of\": 4, "
        "\"scorer\": \"one\", \"scores\": [0.25, 0.75, 0.5], \"select\": \"score\", "
        "\"chosen\": [1, 2], \"failed\": 0, \"calls\": 0}}");
    json_decref(answer);
    cappy_call_free(&call);
}

/* What is chosen by changes the choice, and not the scores. */
static void test_selection(void **state)
{
    struct cappy_call call;
    (void)state;
    prepare(&call, "/v1/chat/completions",
            "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}], \"n\": 2, \"cappy\": "
            "{\"select\": \"mix\", \"mix_temperature\": 10}}");
    resume(&call, "[{\"choices\": [{\"message\": {\"content\": \"dogs\"}}, {\"message\": "
                  "{\"content\": \"the cat\"}}, {\"message\": {\"content\": \"the cat sat\"}}]}]");
    json_t *answer = finish(&call, (const float[]){0.75F, 0.25F, 0.5F});
    is_json(json_object_get(answer, "cappy"),
            "{\"best_of\": 4, \"scorer\": \"one\", \"scores\": [0.75, 0.25, 0.5], "
            "\"select\": \"mix\", \"mix_temperature\": 10.0, \"chosen\": [2, 1], \"failed\": 0, "
            "\"calls\": 0}");
    json_decref(answer);
    cappy_call_free(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_goes_on), cmocka_unit_test(test_chat_texts),
        cmocka_unit_test(test_completion_texts), cmocka_unit_test(test_answer),
        cmocka_unit_test(test_selection)};
    return cmocka_run_group_tests(tests, open_service, close_service);
}
