/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/request.h"

#include <curl/curl.h>
#include <string.h>

/* Members of a body that cappy sets. */
static const char *const taken[] = {"model",  "messages", "prompt",        "n", "best_of", "seed",
                                    "stream", "echo",     "stream_options"};

cappy_status cappy_setting_check(const char *name, cappy_error *error)
{
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        if (strcmp(name, taken[i]) == 0) {
            return cappy_error_set(error, CAPPY_ARGUMENT,
                                   "\"%s\" is set by cappy and cannot be a setting of sampling",
                                   name);
        }
    }
    return CAPPY_OK;
}

/* ---- The URL --------------------------------------------------------------------------------- */

static bool ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text);
    const size_t m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool has_part(CURLU *parts, CURLUPart which)
{
    char *text = NULL;
    const bool has = curl_url_get(parts, which, &text, 0) == CURLUE_OK;
    curl_free(text);
    return has;
}

static bool is_http(CURLU *parts)
{
    char *scheme = NULL;
    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    const bool is = scheme != NULL && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    return is;
}

static cappy_status check(CURLU *parts, const char *url, cappy_error *error)
{
    if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK || !is_http(parts) ||
        !has_part(parts, CURLUPART_HOST)) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "\"%s\" is not a URL of http or https, such as "
                               "http://127.0.0.1:8000/v1",
                               url);
    }
    if (has_part(parts, CURLUPART_USER) || has_part(parts, CURLUPART_PASSWORD)) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "the URL has a name or a password in it, which would end up in the "
                               "store: put the key into the environment");
    }
    return CAPPY_OK;
}

/* Completes the path. */
static cappy_status complete(CURLU *parts, enum cappy_llm_api *api, cappy_error *error)
{
    char *path = NULL;
    if (curl_url_get(parts, CURLUPART_PATH, &path, 0) != CURLUE_OK) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = CAPPY_OK;
    if (ends_in(path, "/chat/completions")) {
        *api = CAPPY_LLM_CHAT;
    } else if (ends_in(path, "/completions")) {
        *api = CAPPY_LLM_COMPLETIONS;
    } else {
        struct cappy_buffer text;
        cappy_buffer_init(&text, SIZE_MAX / 2);
        size_t n = strlen(path);
        while (n > 0 && path[n - 1] == '/') {
            n--;
        }
        status = cappy_buffer_format(&text, error, "%.*s%s", (int)n, path, n == 0 ? "/v1" : "");
        if (status == CAPPY_OK) {
            status = cappy_buffer_format(&text, error, "%s/completions",
                                         *api == CAPPY_LLM_CHAT ? "/chat" : "");
        }
        if (status == CAPPY_OK && curl_url_set(parts, CURLUPART_PATH, text.data, 0) != CURLUE_OK) {
            status = cappy_error_no_memory(error);
        }
        cappy_buffer_free(&text);
    }
    curl_free(path);
    return status;
}

cappy_status cappy_request_url(const char *url, enum cappy_llm_api *api, char **made,
                               cappy_error *error)
{
    CURLU *parts = curl_url();
    if (parts == NULL) {
        return cappy_error_no_memory(error);
    }
    char *whole = NULL;
    cappy_status status = check(parts, url, error);
    if (status == CAPPY_OK) {
        status = complete(parts, api, error);
    }
    if (status == CAPPY_OK) {
        curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
        *made = curl_url_get(parts, CURLUPART_URL, &whole, 0) == CURLUE_OK
                    ? cappy_strndup(whole, strlen(whole))
                    : NULL;
        status = *made != NULL ? CAPPY_OK : cappy_error_no_memory(error);
    }
    curl_free(whole);
    curl_url_cleanup(parts);
    return status;
}

/* ---- The body -------------------------------------------------------------------------------- */

static json_t *make_text(cappy_text text)
{
    return json_stringn(text.data != NULL ? text.data : "", text.size);
}

static json_t *make_messages(const char *system, cappy_text instruction)
{
    json_t *messages = json_array();
    int failed = 0;
    if (system != NULL) {
        failed |= json_array_append_new(
            messages, json_pack("{s: s, s: s}", "role", "system", "content", system));
    }
    failed |= json_array_append_new(
        messages, json_pack("{s: s, s: o}", "role", "user", "content", make_text(instruction)));
    if (failed != 0) {
        json_decref(messages);
        return NULL;
    }
    return messages;
}

cappy_status cappy_request_body(const struct cappy_llm_options *options, enum cappy_llm_api api,
                                const struct cappy_decoding *decoding, cappy_text instruction,
                                json_t **body, cappy_error *error)
{
    json_t *made = json_object();
    int failed = made == NULL;
    if (options->model != NULL) {
        failed |= json_object_set_new(made, "model", json_string(options->model));
    }
    if (api == CAPPY_LLM_CHAT) {
        failed |=
            json_object_set_new(made, "messages", make_messages(options->system, instruction));
    } else {
        failed |= json_object_set_new(made, "prompt", make_text(instruction));
    }
    if (options->max_tokens != 0) {
        failed |=
            json_object_set_new(made, "max_tokens", json_integer((json_int_t)options->max_tokens));
    }
    if (options->settings != NULL) {
        failed |= json_object_update(made, options->settings);
    }
    failed |= json_object_update(made, decoding->settings);
    if (failed != 0) {
        json_decref(made);
        return cappy_error_no_memory(error);
    }
    *body = made;
    return CAPPY_OK;
}
