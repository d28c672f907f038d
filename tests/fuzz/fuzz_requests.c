/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of requests, for all routes: the first byte says which. What is understood is answered,
 * with made-up scores; every answer must be JSON, and only an error may come without scores. For a
 * route in front of a language model, what its endpoint says follows the body, each reply behind a
 * NUL. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "llm/reply.h"
#include "serve/routes.h"

/* assert, in every build. */
static void check(bool condition)
{
    if (!condition) {
        abort();
    }
}

static struct cappy_service service;

/* Opens the models the first time. */
static void open_service(void)
{
    static const char *const names[] = {"one=" CAPPY_TEST_DATA "/golden/bert",
                                        "three=" CAPPY_TEST_DATA "/golden/roberta"};
    static const struct cappy_serve_options options = {.models = names,
                                                       .n_models = 2,
                                                       .threads = 1,
                                                       .max_length = 64,
                                                       .max_pairs = 50,
                                                       .llm = "http://a",
                                                       .llm_store = "a",
                                                       .best_of = 3,
                                                       .max_best_of = 16};
    if (service.options == NULL) {
        service.options = &options;
        check(cappy_served_models_open(&options, &service.models, NULL) == CAPPY_OK);
    }
}

/* Takes the replies behind the body as a relay does; those that are none are failures. */
static void add_replies(struct cappy_relayed *relayed, const char *text, size_t size)
{
    relayed->replies = json_array();
    while (size > 0 && relayed->n_answers < relayed->n) {
        const char *nul = memchr(text, '\0', size);
        const size_t length = nul != NULL ? (size_t)(nul - text) : size;
        struct cappy_reply reply;
        if (cappy_reply_read(text, length, &reply, NULL) == CAPPY_OK) {
            json_t *choices = json_object_get(reply.json, "choices");
            while (json_array_size(choices) > relayed->n - relayed->n_answers) {
                json_array_remove(choices, json_array_size(choices) - 1);
            }
            relayed->n_answers += json_array_size(choices);
            check(json_array_append(relayed->replies, reply.json) == 0);
            cappy_reply_free(&reply);
        }
        text += length + (nul != NULL);
        size -= length + (nul != NULL);
    }
    relayed->n_failed = relayed->n - relayed->n_answers;
    memcpy(relayed->failure.sentence, "no reply", sizeof "no reply");
}

/* Goes on with a call that was understood: true when there are pairs to score. */
static bool resume(struct cappy_call *call, const char *replies, size_t size)
{
    if (call->route->resume == NULL) {
        return true;
    }
    check(call->relayed.n >= 1 && call->relayed.n <= 16 && call->top_n <= call->relayed.n);
    add_replies(&call->relayed, replies, size);
    return cappy_call_resume(call);
}

/* A stream of events, or JSON. */
static void check_answer(const struct cappy_call *call)
{
    static const char end[] = "data: [DONE]\n\n";
    json_t *answer = NULL;
    if (strcmp(call->type, "text/event-stream") == 0) {
        check(call->answer.size >= strlen(end) &&
              strcmp(call->answer.data + call->answer.size - strlen(end), end) == 0);
        return;
    }
    check(cappy_json_parse(call->answer.data, call->answer.size, &answer, NULL) == CAPPY_OK);
    json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_service();
    const struct cappy_route *route = size > 0 ? &cappy_routes[data[0] % cappy_n_routes] : NULL;
    if (route == NULL || route->prepare == NULL) {
        return 0;
    }
    const char *body = (const char *)data + 1;
    const char *nul = route->resume != NULL ? memchr(body, '\0', size - 1) : NULL;
    const size_t length = nul != NULL ? (size_t)(nul - body) : size - 1;
    struct cappy_call call;
    cappy_call_init(&call, &service, route);
    if (cappy_call_prepare(&call, body, length) &&
        resume(&call, body + length + 1, nul != NULL ? size - 2 - length : 0)) {
        const size_t n = call.job.n * call.job.model->info.n_labels;
        check(call.failure == CAPPY_FAILURE_NONE && call.job.n >= 1 && call.job.n <= 50);
        for (size_t i = 0; i < n; i++) {
            call.job.scores[i] = (float)(i % 7) - 2.5f;
        }
        cappy_call_finish(&call);
        check(call.status == 200);
    } else {
        check(call.failure != CAPPY_FAILURE_NONE && call.status >= 400);
    }
    check_answer(&call);
    cappy_call_free(&call);
    return 0;
}
