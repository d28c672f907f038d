/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of requests, for all routes: the first byte says which. What is understood is answered,
 * with made-up scores; every answer must be JSON, and only an error may come without scores. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
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
    static const struct cappy_serve_options options = {
        .models = names, .n_models = 2, .threads = 1, .max_length = 64, .max_pairs = 50};
    if (service.options == NULL) {
        service.options = &options;
        check(cappy_served_models_open(&options, &service.models, NULL) == CAPPY_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_service();
    const struct cappy_route *route = size > 0 ? &cappy_routes[data[0] % cappy_n_routes] : NULL;
    if (route == NULL || route->prepare == NULL) {
        return 0;
    }
    struct cappy_call call;
    cappy_call_init(&call, &service, route);
    if (cappy_call_prepare(&call, (const char *)data + 1, size - 1)) {
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
    json_t *answer = NULL;
    check(cappy_json_parse(call.answer.data, call.answer.size, &answer, NULL) == CAPPY_OK);
    json_decref(answer);
    cappy_call_free(&call);
    return 0;
}
