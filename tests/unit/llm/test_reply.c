/* SPDX-License-Identifier: Apache-2.0 */
/* What endpoints answer, and how they say what went wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../refusal.h"
#include "llm/reply.h"

static cappy_status read_text(const char *text, struct cappy_reply *reply, cappy_error *error)
{
    return cappy_reply_read(text, strlen(text), reply, error);
}

static void assert_choice(const struct cappy_reply *reply, size_t index, const char *text,
                          const char *finish)
{
    assert_int_equal(reply->choices[index].text.size, strlen(text));
    assert_memory_equal(reply->choices[index].text.data, text, strlen(text));
    assert_string_equal(reply->choices[index].finish, finish);
}

static void test_chat(void **state)
{
    (void)state;
    struct cappy_reply reply;
    assert_int_equal(
        read_text("{\"id\": \"c\", \"choices\": [{\"index\": 0, \"message\": {\"role\": "
                  "\"assistant\", \"content\": \"Paris.\"}, \"finish_reason\": \"stop\"}, "
                  "{\"message\": {\"content\": \"\"}}, {\"message\": {\"content\": null}, "
                  "\"finish_reason\": \"tool_calls\"}], \"usage\": {\"prompt_tokens\": 7, "
                  "\"completion_tokens\": 11}}",
                  &reply, NULL),
        CAPPY_OK);
    assert_int_equal(reply.n, 3);
    assert_choice(&reply, 0, "Paris.", "stop");
    assert_choice(&reply, 1, "", "");
    assert_non_null(reply.choices[1].text.data);
    assert_null(reply.choices[2].text.data);
    assert_string_equal(reply.choices[2].finish, "tool_calls");
    assert_true(reply.has_usage);
    assert_int_equal(reply.prompt_tokens, 7);
    assert_int_equal(reply.answer_tokens, 11);
    cappy_reply_free(&reply);
}

static void test_completion(void **state)
{
    (void)state;
    struct cappy_reply reply;
    assert_int_equal(read_text("{\"choices\": [{\"text\": \"a\\u0000b\", \"finish_reason\": "
                               "\"length\"}], \"usage\": {\"prompt_tokens\": -5}}",
                               &reply, NULL),
                     CAPPY_OK);
    assert_int_equal(reply.choices[0].text.size, 3);
    assert_memory_equal(reply.choices[0].text.data, "a\0b", 3);
    assert_false(reply.has_usage);
    cappy_reply_free(&reply);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *word;
    } cases[] = {
        {"", "JSON"},
        {"{", "JSON"},
        {"null", "no \"choices\""},
        {"[]", "no \"choices\""},
        {"{}", "no \"choices\""},
        {"{\"choices\": []}", "no \"choices\""},
        {"{\"choices\": {\"0\": 1}}", "no \"choices\""},
        {"{\"choices\": [{}, 3]}", "no object"},
        {"{\"choices\": [{\"text\": \"\\ud800\"}]}", "JSON"},
        {"{\"choices\": [{\"text\": \"a\"}], \"choices\": [{\"text\": \"b\"}]}", "duplicate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cappy_reply reply;
        cappy_error error;
        assert_refused(read_text(cases[i].text, &reply, &error), &error, CAPPY_FORMAT,
                       cases[i].word);
    }
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
        const char *code;
    } cases[] = {
        {"{\"error\": {\"message\": \"no quota\", \"code\": \"insufficient_quota\"}}", "no quota",
         "insufficient_quota"},
        {"{\"error\": {\"message\": \"bad\", \"code\": 400}}", "bad", ""},
        {"{\"error\": \"model not found\"}", "model not found", ""},
        {"{\"object\": \"error\", \"message\": \"too long\"}", "too long", ""},
        {"{\"error\": \"x\", \"message\": \"first\"}", "first", ""},
        {"{\"detail\": [{\"loc\": [\"n\"], \"msg\": \"too large\"}]}", "too large", ""},
        {"{\"detail\": \"Not Found\"}", "Not Found", ""},
        {"<html>502</html>", "<html>502</html>", ""},
        {"{\"error\": {}}", "{\"error\": {}}", ""},
        {"", "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[100];
        char code[40];
        cappy_reply_explain(cases[i].text, strlen(cases[i].text), message, sizeof message, code,
                            sizeof code);
        assert_string_equal(message, cases[i].message);
        assert_string_equal(code, cases[i].code);
    }
    char message[8];
    char code[4];
    cappy_reply_explain(cases[0].text, strlen(cases[0].text), message, sizeof message, code,
                        sizeof code);
    assert_string_equal(message, "no quot");
    assert_string_equal(code, "ins");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chat),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
