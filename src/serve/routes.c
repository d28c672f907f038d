/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes, and the small ones among them. */
#include "serve/routes.h"

#include <stdio.h>
#include <string.h>

#define COMMON CAPPY_DIALECT_COMMON
#define TEI    CAPPY_DIALECT_TEI

/* A route that scores: its method, path, dialect, functions and summary. */
#define SCORES(path_, dialect_, functions, summary_)                                               \
    {                                                                                              \
        .method = "POST", .path = path_, .dialect = dialect_, .summary = summary_,                 \
        .schema = cappy_##functions##_schema, .prepare = cappy_##functions##_prepare,              \
        .finish = cappy_##functions##_finish                                                       \
    }

/* A route in front of a language model. */
#define PROXY(path_, functions, summary_)                                                          \
    {                                                                                              \
        .method = "POST", .path = path_, .dialect = COMMON, .summary = summary_,                   \
        .schema = cappy_##functions##_schema, .prepare = cappy_##functions##_prepare,              \
        .resume = cappy_proxy_resume, .finish = cappy_proxy_finish                                 \
    }

/* A route that says something about the server. */
#define TELLS(path_, is_public_, functions, summary_)                                              \
    {                                                                                              \
        .method = "GET", .path = path_, .is_public = is_public_, .summary = summary_,              \
        .answer = cappy_##functions##_answer                                                       \
    }

const struct cappy_route cappy_routes[] = {
    SCORES("/rerank", COMMON, rerank, "order documents by how well they answer (TEI, Jina, vLLM)"),
    SCORES("/v1/rerank", COMMON, rerank, "the same"),
    SCORES("/v2/rerank", COMMON, rerank, "the same, as Cohere has it"),
    SCORES("/score", COMMON, scores, "score pairs of texts (vLLM)"),
    SCORES("/v1/score", COMMON, scores, "the same"),
    SCORES("/predict", TEI, predict, "all labels of the model for pairs of texts (TEI)"),
    SCORES("/classify", COMMON, labels, "choose among labels, with no training"),
    SCORES("/v1/classify", COMMON, labels, "the same"),
    SCORES("/get_reward", COMMON, reward, "score answers behind their prompts (OpenRLHF)"),
    PROXY("/v1/chat/completions", chat, "the best of several answers of a language model"),
    PROXY("/v1/completions", completions, "the same for text completions"),
    TELLS("/v1/models", false, models, "list the models"),
    TELLS("/info", false, info, "the first model and the limits (TEI)"),
    TELLS("/health", true, health, "whether the server is there"),
    TELLS("/livez", true, health, "the same, for an orchestrator"),
    TELLS("/readyz", true, ready, "whether it takes requests: 503 while it is ending"),
    TELLS("/metrics", true, metrics, "counters in the format of Prometheus"),
    TELLS("/openapi.json", true, openapi, "this list, as OpenAPI 3.1"),
    TELLS("/", true, page, "a page to try it"),
    {.path = NULL},
};

const size_t cappy_n_routes = sizeof cappy_routes / sizeof cappy_routes[0] - 1;

static bool is_equal(cappy_text text, const char *name)
{
    return strlen(name) == text.size && memcmp(name, text.data, text.size) == 0;
}

const struct cappy_route *cappy_route_find(cappy_text method, cappy_text path, char allowed[32],
                                           enum cappy_failure *failure)
{
    *failure = CAPPY_FAILURE_NOT_FOUND;
    for (const struct cappy_route *route = cappy_routes; route->path != NULL; route++) {
        if (!is_equal(path, route->path)) {
            continue;
        }
        const bool is_get = strcmp(route->method, "GET") == 0;
        if (is_equal(method, route->method) || (is_get && is_equal(method, "HEAD"))) {
            *failure = CAPPY_FAILURE_NONE;
            return route;
        }
        *failure = CAPPY_FAILURE_METHOD;
        snprintf(allowed, 32, "%s", is_get ? "GET, HEAD" : route->method);
    }
    return NULL;
}

void cappy_health_answer(struct cappy_call *call)
{
    cappy_call_reply(call, json_pack("{s:s}", "status", "ok"));
}

void cappy_ready_answer(struct cappy_call *call)
{
    if (call->service->is_draining) {
        cappy_call_fail(call, CAPPY_FAILURE_UNAVAILABLE, "the server is ending");
    } else {
        cappy_call_reply(call, json_pack("{s:s}", "status", "ready"));
    }
}

void cappy_page_answer(struct cappy_call *call)
{
    cappy_call_reply_text(call, "text/html; charset=utf-8", cappy_page);
}

static json_t *describe_model(const struct cappy_call *call, const struct cappy_served_model *model)
{
    static const char *const precisions[] = {"fp32", "fp32", "bf16", "int8", "auto"};
    const cappy_model_info *info = &model->info;
    return json_pack("{s:s, s:s, s:I, s:s, s:{s:s, s:s, s:I, s:I, s:I}}", "id", model->name,
                     "object", "model", "created", (json_int_t)call->service->started, "owned_by",
                     "cappy", "meta", "architecture", info->architecture, "precision",
                     precisions[info->precision], "n_labels", (json_int_t)info->n_labels,
                     "max_length", (json_int_t)model->max_length, "n_parameters",
                     (json_int_t)info->n_parameters);
}

void cappy_info_answer(struct cappy_call *call)
{
    static const char *const types[] = {"float32", "float32", "bfloat16", "int8", "auto"};
    const struct cappy_served_model *model = call->service->models.models;
    const struct cappy_serve_options *options = call->service->options;
    json_t *names = json_object();
    json_t *numbers = json_object();
    for (size_t i = 0; i < model->info.n_labels; i++) {
        const char *name = cappy_model_label(model->model, i);
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        json_object_set_new(names, number, json_string(name != NULL ? name : number));
        json_object_set_new(numbers, name != NULL ? name : number, json_integer((json_int_t)i));
    }
    json_t *about =
        json_pack("{s:s, s:n, s:s, s:s, s:{s:{s:o, s:o}}}", "model_id", model->name, "model_sha",
                  "model_dtype", types[model->info.precision], "served_model_name", model->name,
                  "model_type", "reranker", "id2label", names, "label2id", numbers);
    json_t *limits = json_pack(
        "{s:I, s:I, s:I, s:n, s:I, s:b, s:i, s:s, s:n, s:n}", "max_concurrent_requests",
        (json_int_t)options->max_connections, "max_input_length", (json_int_t)model->max_length,
        "max_batch_tokens", (json_int_t)options->batch_tokens, "max_batch_requests",
        "max_client_batch_size", (json_int_t)options->max_pairs, "auto_truncate", 1,
        "tokenization_workers", 1, "version", cappy_version(), "sha", "docker_label");
    json_object_update(about, limits);
    json_decref(limits);
    cappy_call_reply(call, about);
}

void cappy_models_answer(struct cappy_call *call)
{
    json_t *data = json_array();
    for (size_t i = 0; i < call->service->models.n; i++) {
        json_array_append_new(data, describe_model(call, &call->service->models.models[i]));
    }
    cappy_call_reply(call, json_pack("{s:s, s:o}", "object", "list", "data", data));
}
