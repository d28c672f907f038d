/* SPDX-License-Identifier: Apache-2.0 */
/* Reranking in three dialects: a body with "texts" is TEI's and is answered with a bare list; one
 * with "documents" is Cohere's, Jina's or vLLM's, and their answer is one object for all. */
#include <string.h>

#include "serve/routes.h"

/* Documents are put in order by their scores, unless the body asks for more: what these dialects
 * know of an order is its scores. */
static bool choose_how(struct cappy_call *call)
{
    static const struct cappy_choosing by_score = {.by = CAPPY_SELECT_SCORE};
    const json_t *own = json_object_get(call->body, "cappy");
    if (own != NULL && !json_is_null(own) && !json_is_object(own)) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID, "\"cappy\" must be an object");
    }
    return cappy_call_get_choosing(call, own, by_score);
}

/* Reads the pairs of a query and a list of texts. */
static bool read_pairs(struct cappy_call *call, const char *key)
{
    cappy_text query;
    if (!cappy_call_need_one_label(call) || !cappy_call_get_text(call, "query", &query) ||
        !cappy_call_get_list(call, key, &call->items) || !cappy_call_get_limits(call) ||
        !cappy_call_get_bool(call, "raw_scores", false, &call->raw) ||
        !cappy_call_make_pairs(call, json_array_size(call->items), key)) {
        return false;
    }
    for (size_t i = 0; i < call->job.n; i++) {
        call->pairs[i].instruction = query;
        if (!cappy_call_get_item(call, key, call->items, i, &call->pairs[i].response)) {
            return false;
        }
    }
    return choose_how(call) && cappy_call_compare(call);
}

static bool is_cohere(const struct cappy_call *call)
{
    return strncmp(call->route->path, "/v2/", 4) == 0;
}

/* Cohere refuses a query of nothing but spaces. */
static bool check_query(struct cappy_call *call)
{
    const cappy_text query = call->pairs[0].instruction;
    for (size_t i = 0; i < query.size; i++) {
        if (strchr(" \t\r\n", query.data[i]) == NULL) {
            return true;
        }
    }
    return cappy_call_fail(call, CAPPY_FAILURE_EMPTY,
                           "query must not be empty or be only whitespace");
}

static void warn_of_unknown(struct cappy_call *call)
{
    static const char *const known[] = {"model",
                                        "query",
                                        "documents",
                                        "top_n",
                                        "return_documents",
                                        "raw_scores",
                                        "max_tokens_per_doc",
                                        "max_tokens_per_query",
                                        "truncate_prompt_tokens",
                                        "truncation_side",
                                        "truncate",
                                        "truncation_direction",
                                        "user",
                                        "request_id",
                                        "priority",
                                        "use_activation",
                                        "instruction",
                                        "cappy",
                                        NULL};
    static const char *const own[] = {"select", "mix_temperature", NULL};
    cappy_call_warn_of_unknown(call, "the body", call->body, known);
    cappy_call_warn_of_unknown(call, "\"cappy\"", json_object_get(call->body, "cappy"), own);
}

static bool prepare_tei(struct cappy_call *call)
{
    call->dialect = CAPPY_DIALECT_TEI;
    return read_pairs(call, "texts") &&
           cappy_call_get_bool(call, "return_text", false, &call->with_documents);
}

bool cappy_rerank_prepare(struct cappy_call *call)
{
    int64_t top_n;
    if (json_object_get(call->body, "texts") != NULL) {
        return prepare_tei(call);
    }
    if (!read_pairs(call, "documents") ||
        !cappy_call_get_count(call, "top_n", is_cohere(call) ? 1 : 0, INT32_MAX, 0, &top_n) ||
        !cappy_call_get_bool(call, "return_documents", !is_cohere(call), &call->with_documents)) {
        return false;
    }
    call->top_n = (size_t)top_n;
    warn_of_unknown(call);
    return !is_cohere(call) || check_query(call);
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* A document as it came, or, of a string, an object with it. New. */
static json_t *echo_document(const json_t *item)
{
    if (json_is_object(item)) {
        return json_incref((json_t *)item);
    }
    return json_pack("{s:O}", "text", item);
}

static json_t *describe_result(const struct cappy_call *call, const struct cappy_rank *rank)
{
    const json_t *item = json_array_get(call->items, rank->index);
    const double score = cappy_call_clamp(call, call->job.scores[rank->index]);
    if (call->dialect == CAPPY_DIALECT_TEI) {
        const json_t *text = json_is_object(item) ? json_object_get(item, "text") : item;
        return json_pack("{s:I, s:f, s:O*}", "index", (json_int_t)rank->index, "score", score,
                         "text", call->with_documents ? text : NULL);
    }
    return json_pack("{s:I, s:f, s:o*}", "index", (json_int_t)rank->index, "relevance_score", score,
                     "document", call->with_documents ? echo_document(item) : NULL);
}

/* The list of results, best first. New. */
static json_t *list_results(struct cappy_call *call)
{
    const size_t n = call->job.n;
    const size_t count = call->top_n > 0 && call->top_n < n ? call->top_n : n;
    struct cappy_rank *ranks = cappy_call_rank(call);
    json_t *list = ranks != NULL ? json_array() : NULL;
    for (size_t i = 0; list != NULL && i < count; i++) {
        if (json_array_append_new(list, describe_result(call, &ranks[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    cappy_free(ranks);
    return list;
}

bool cappy_rerank_finish(struct cappy_call *call)
{
    json_t *results = list_results(call);
    if (call->dialect == CAPPY_DIALECT_TEI) {
        return cappy_call_reply(call, results);
    }
    const json_int_t n = (json_int_t)call->total_tokens;
    json_t *warnings = call->warnings != NULL ? json_incref(call->warnings) : json_array();
    json_t *meta =
        json_pack("{s:{s:s, s:b}, s:{s:i, s:I}, s:{s:I, s:i}, s:o}", "api_version", "version", "2",
                  "is_experimental", 0, "billed_units", "search_units", 1, "total_tokens", n,
                  "tokens", "input_tokens", n, "output_tokens", 0, "warnings", warnings);
    json_t *answer = cappy_call_envelope(call, "rerank", "results", results);
    if (json_object_set_new(answer, "meta", meta) != 0) {
        json_decref(answer);
        answer = NULL;
    }
    return cappy_call_reply(call, answer);
}
