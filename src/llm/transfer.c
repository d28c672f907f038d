/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/transfer.h"

#include <stdio.h>

#include "llm/reply.h"

/* Seconds to wait for a connection, and of silence on it. */
enum { CONNECT_SECONDS = 15, SILENCE_SECONDS = 300 };

/* Takes what was received; anything but `size` tells libcurl to break off. */
static size_t receive(char *data, size_t one, size_t size, void *context)
{
    struct cappy_transfer *transfer = context;
    (void)one; /* always 1 */
    return cappy_buffer_append(&transfer->reply, data, size, NULL) == CAPPY_OK ? size : 0;
}

/* Whatever the endpoint says, nothing but HTTP is spoken, to nobody else, and no more is taken than
 * the buffer's limit. */
static CURLcode set_up(struct cappy_transfer *transfer, const char *url, struct curl_slist *headers,
                       const struct cappy_llm_options *options)
{
    const double timeout = options->timeout;
    const long silence = timeout < SILENCE_SECONDS ? (long)timeout + 1 : SILENCE_SECONDS;
    CURL *easy = transfer->easy;
    CURLcode result = CURLE_OK;
#define SET(option, value)                                                                         \
    if (result == CURLE_OK) {                                                                      \
        result = curl_easy_setopt(easy, option, value);                                            \
    }
    SET(CURLOPT_URL, url)
    SET(CURLOPT_HTTPHEADER, headers)
    SET(CURLOPT_PROTOCOLS_STR, "http,https")
    SET(CURLOPT_FOLLOWLOCATION, 0L)
    SET(CURLOPT_SSL_VERIFYPEER, 1L)
    SET(CURLOPT_SSL_VERIFYHOST, 2L)
    if (options->authorities != NULL) {
        SET(CURLOPT_CAINFO, options->authorities)
    }
    SET(CURLOPT_NOSIGNAL, 1L)
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS)
    SET(CURLOPT_TIMEOUT_MS, (long)(timeout * 1000))
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L)
    SET(CURLOPT_LOW_SPEED_TIME, silence)
    SET(CURLOPT_USERAGENT, "cappy/" CAPPY_VERSION)
    SET(CURLOPT_WRITEFUNCTION, receive)
    SET(CURLOPT_WRITEDATA, transfer)
    SET(CURLOPT_ERRORBUFFER, transfer->problem)
#undef SET
    return result;
}

cappy_status cappy_transfer_open(struct cappy_transfer *transfer, const char *url,
                                 struct curl_slist *headers,
                                 const struct cappy_llm_options *options, cappy_error *error)
{
    transfer->easy = curl_easy_init();
    cappy_buffer_init(&transfer->body, SIZE_MAX / 2);
    cappy_buffer_init(&transfer->reply, CAPPY_REPLY_LIMIT);
    if (transfer->easy == NULL) {
        return cappy_error_no_memory(error);
    }
    const CURLcode result = set_up(transfer, url, headers, options);
    return result == CURLE_OK ? CAPPY_OK
                              : cappy_error_set(error, CAPPY_UNSUPPORTED,
                                                "this libcurl cannot be set up for calls: %s",
                                                curl_easy_strerror(result));
}

void cappy_transfer_close(struct cappy_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    cappy_buffer_free(&transfer->body);
    cappy_buffer_free(&transfer->reply);
    transfer->easy = NULL;
}

cappy_status cappy_transfer_start(struct cappy_transfer *transfer, CURLM *multi, void *context,
                                  cappy_error *error)
{
    cappy_buffer_clear(&transfer->reply);
    transfer->problem[0] = '\0';
    if (curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)transfer->body.size) != CURLE_OK ||
        curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, transfer->body.data) != CURLE_OK ||
        curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, context) != CURLE_OK ||
        curl_multi_add_handle(multi, transfer->easy) != CURLM_OK) {
        return cappy_error_no_memory(error);
    }
    return CAPPY_OK;
}

void *cappy_transfer_context(CURL *easy)
{
    void *context = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &context);
    return context;
}

struct cappy_transfer_outcome cappy_transfer_end(struct cappy_transfer *transfer, CURLM *multi,
                                                 int result)
{
    struct cappy_transfer_outcome outcome = {.result = result};
    curl_off_t seconds = 0;
    char *location = NULL;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &outcome.status);
    if (curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK &&
        seconds > 0) {
        outcome.retry_after = (double)seconds;
    }
    if (curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &location) == CURLE_OK) {
        outcome.location = location;
    }
    if (transfer->problem[0] == '\0') {
        snprintf(transfer->problem, sizeof transfer->problem, "%s",
                 curl_easy_strerror((CURLcode)result));
    }
    curl_multi_remove_handle(multi, transfer->easy);
    return outcome;
}

cappy_status cappy_transfer_headers(const char *key, struct curl_slist **headers,
                                    cappy_error *error)
{
    struct cappy_buffer line;
    cappy_buffer_init(&line, 1 << 16);
    for (const char *at = key; at != NULL && *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            return cappy_error_set(error, CAPPY_ARGUMENT,
                                   "the key has a space or another character in it that no key "
                                   "has: look at the variable it comes from");
        }
    }
    struct curl_slist *made = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *next =
        made != NULL ? curl_slist_append(made, "Accept: application/json") : NULL;
    /* No waiting for leave to send a long body. */
    next = next != NULL ? curl_slist_append(made, "Expect:") : NULL;
    cappy_status status = next != NULL ? CAPPY_OK : cappy_error_no_memory(error);
    if (status == CAPPY_OK && key != NULL) {
        status = cappy_buffer_format(&line, error, "Authorization: Bearer %s", key);
        if (status == CAPPY_OK && curl_slist_append(made, line.data) == NULL) {
            status = cappy_error_no_memory(error);
        }
    }
    cappy_buffer_free(&line);
    if (status != CAPPY_OK) {
        curl_slist_free_all(made);
        return status;
    }
    *headers = made;
    return CAPPY_OK;
}
