/* SPDX-License-Identifier: Apache-2.0 */
/* /openapi.json: the table of routes in OpenAPI's words, with what their bodies may be. */
#include <ctype.h>
#include <string.h>

#include "serve/routes.h"

#define TEXT          "{\"type\": \"string\"}"
#define FLAG          "{\"type\": [\"boolean\", \"null\"]}"
#define MODEL         "\"model\": {\"type\": [\"string\", \"null\"], \"enum\": [null]}"
#define TEXTS         "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"string\"}}"
#define TEXT_OR_TEXTS "{\"anyOf\": [" TEXT ", " TEXTS "]}"
#define SIDE          "{\"enum\": [null, \"left\", \"right\", \"Left\", \"Right\"]}"
#define DOCUMENTS                                                                                  \
    "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"anyOf\": [" TEXT                         \
    ", {\"type\": \"object\", \"required\": [\"text\"], \"properties\": {\"text\": " TEXT "}}]}}"
#define BODY(required, properties)                                                                 \
    "{\"type\": \"object\", \"required\": [" required "], \"properties\": {" properties "}}"

#define CHOOSING                                                                                   \
    "\"select\": {\"type\": [\"string\", \"null\"], \"enum\": [null, \"auto\", \"score\", "        \
    "\"consensus\", \"vote\", \"mix\"]}, \"mix_temperature\": {\"type\": [\"number\", \"null\"]}"
#define ORDERED ", \"cappy\": {\"type\": [\"object\", \"null\"], \"properties\": {" CHOOSING "}}"

const char cappy_rerank_schema[] =
    "{\"oneOf\": [" BODY("\"query\", \"documents\"",
                         MODEL ", \"query\": {\"type\": \"string\", \"minLength\": 1}, "
                               "\"documents\": " DOCUMENTS
                               ", \"top_n\": {\"type\": [\"integer\", \"null\"], \"minimum\": 1, "
                               "\"maximum\": 2147483647}, \"return_documents\": " FLAG
                               ", \"raw_scores\": " FLAG
                               ", \"truncation_side\": " SIDE ORDERED) ", " //
    BODY("\"query\", \"texts\"",
         MODEL ", \"query\": " TEXT ", \"texts\": " DOCUMENTS ", \"return_text\": " FLAG
               ", \"raw_scores\": " FLAG ", \"truncate\": " FLAG
               ", \"truncation_direction\": " SIDE ORDERED) "]}";

const char cappy_scores_schema[] =
    "{\"anyOf\": [" BODY("\"text_1\", \"text_2\"",
                         MODEL ", \"text_1\": " TEXT_OR_TEXTS
                               ", \"text_2\": " TEXT_OR_TEXTS) ", " //
    BODY("\"queries\", \"documents\"",
         MODEL ", \"queries\": " TEXT_OR_TEXTS ", \"documents\": " TEXT_OR_TEXTS) "]}";

const char cappy_predict_schema[] =
    BODY("\"inputs\"", MODEL
         ", \"inputs\": {\"anyOf\": [{\"type\": \"array\", \"minItems\": 2, \"maxItems\": 2, "
         "\"items\": " TEXT "}, {\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": "
         "\"array\", \"minItems\": 2, \"maxItems\": 2, \"items\": " TEXT
         "}}]}, \"raw_scores\": " FLAG ", \"truncate\": " FLAG ", \"truncation_direction\": " SIDE);

const char cappy_labels_schema[] =
    BODY("\"input\", \"labels\"", MODEL ", \"input\": " TEXT_OR_TEXTS ", \"labels\": " TEXTS);

const char cappy_reward_schema[] =
    BODY("\"query\", \"prompts\"", MODEL ", \"query\": " TEXTS ", \"prompts\": " TEXTS);

#define COUNT "{\"type\": [\"integer\", \"null\"], \"minimum\": 1, \"maximum\": 128}"
#define OWN                                                                                        \
    "\"cappy\": {\"type\": [\"object\", \"null\"], \"properties\": {\"best_of\": " COUNT           \
    ", \"reuse\": " FLAG ", \"scorer\": {\"type\": [\"string\", \"null\"]}, \"instruction\": "     \
    "{\"type\": [\"string\", \"null\"]}, " CHOOSING "}}"
#define SAMPLED                                                                                    \
    "\"n\": " COUNT ", \"stream\": " FLAG ", \"stream_options\": {\"type\": [\"object\", "         \
    "\"null\"], \"properties\": {\"include_usage\": " FLAG "}}, " OWN

const char cappy_chat_schema[] =
    BODY("\"messages\"",
         "\"messages\": {\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"object\", "
         "\"required\": [\"role\"], \"properties\": {\"role\": " TEXT
         ", \"content\": {\"type\": [\"string\", \"array\", \"null\"]}}}}, " SAMPLED);

const char cappy_completions_schema[] =
    BODY("\"prompt\"", "\"prompt\": " TEXT ", \"best_of\": " COUNT ", " SAMPLED);

/* The statuses that a route may answer with, and what they mean. */
static const struct {
    const char *status;
    const char *meaning;
    enum { OF_ALL, OF_BODIES, OF_PROXIES } routes; /* that may answer so */
} statuses[] = {
    {"200", "the answer", OF_ALL},
    {"400", "the request is wrong", OF_BODIES},
    {"401", "a key is missing or wrong", OF_ALL},
    {"404", "there is no such model", OF_BODIES},
    {"408", "the request came too slowly", OF_BODIES},
    {"413", "the body is too large", OF_BODIES},
    {"422", "the content is wrong (TEI)", OF_BODIES},
    {"429", "the queue is full", OF_BODIES},
    {"502", "the language model's server does not answer", OF_PROXIES},
    {"503", "the server cannot answer now", OF_ALL},
    {"504", "the language model takes too long", OF_PROXIES},
    {"default", "what the language model's server says", OF_PROXIES},
};

static json_t *describe_statuses(const struct cappy_route *route)
{
    json_t *all = json_object();
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].routes == OF_ALL ||
            (statuses[i].routes == OF_BODIES && route->prepare != NULL) ||
            (statuses[i].routes == OF_PROXIES && route->resume != NULL)) {
            json_object_set_new(all, statuses[i].status,
                                json_pack("{s:s}", "description", statuses[i].meaning));
        }
    }
    return all;
}

/* Puts the names of the models in the place of the one that the schemas give. */
static void name_models(const struct cappy_call *call, json_t *schema)
{
    const char *key;
    json_t *value;
    size_t index;
    json_t *names = json_object_get(json_object_get(schema, "model"), "enum");
    for (size_t i = 0; names != NULL && i < call->service->models.n; i++) {
        json_array_append_new(names, json_string(call->service->models.models[i].name));
    }
    json_object_foreach(schema, key, value)
    {
        name_models(call, value);
    }
    json_array_foreach(schema, index, value)
    {
        name_models(call, value);
    }
}

static json_t *describe_route(const struct cappy_call *call, const struct cappy_route *route)
{
    json_t *one =
        json_pack("{s:s, s:o}", "summary", route->summary, "responses", describe_statuses(route));
    if (route->schema != NULL) {
        json_t *schema = json_loads(route->schema, 0, NULL);
        name_models(call, schema);
        json_object_set_new(one, "requestBody",
                            json_pack("{s:b, s:{s:{s:o}}}", "required", 1, "content",
                                      "application/json", "schema", schema));
    }
    if (!route->is_public) {
        json_object_set_new(one, "security", json_pack("[{s:[]}, {}]", "key"));
    }
    return one;
}

void cappy_openapi_answer(struct cappy_call *call)
{
    json_t *paths = json_object();
    for (const struct cappy_route *route = cappy_routes; route->path != NULL; route++) {
        char method[8] = "";
        if (route->resume != NULL && call->service->relay == NULL) {
            continue; /* there is no language model */
        }
        for (size_t i = 0; i < sizeof method - 1 && route->method[i] != '\0'; i++) {
            method[i] = (char)tolower((unsigned char)route->method[i]);
        }
        json_object_set_new(paths, route->path,
                            json_pack("{s:o}", method, describe_route(call, route)));
    }
    json_t *page =
        json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:{s:{s:s, s:s}}}}", "openapi", "3.1.0", "info",
                  "title", "cappy", "version", cappy_version(), "paths", paths, "components",
                  "securitySchemes", "key", "type", "http", "scheme", "bearer");
    cappy_call_reply(call, page);
}
