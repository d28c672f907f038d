/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that makes the calls of a relay. It takes requests in the order in which they came,
 * and asks for all answers of one before it turns to the next: in one call where the endpoint gives
 * several, else in as many as may be under way. A call that failed is not made again: whoever sent
 * the request is told, and knows better whether to. */
#include "llm/relay.h"

#include <stdio.h>
#include <string.h>

#include "llm/request.h"

enum {
    MOST_ANSWERS = 128, /* that OpenAI's API gives to a call */
    POLL_MILLISECONDS = 1000,
};

/* ---- Opening --------------------------------------------------------------------------------- */

/* Both URLs, whichever of them was given. */
static cappy_status make_urls(struct cappy_relay *relay, cappy_error *error)
{
    static const char *const tails[] = {"/chat/completions", "/completions"};
    const char *given = relay->options.url;
    size_t size = strlen(given);
    for (size_t i = 0; i < 2; i++) {
        const size_t n = strlen(tails[i]);
        if (size > n && memcmp(given + size - n, tails[i], n) == 0) {
            size -= n;
        }
    }
    char *base = cappy_strndup(given, size);
    cappy_status status = base != NULL ? CAPPY_OK : cappy_error_no_memory(error);
    for (int i = 0; status == CAPPY_OK && i < 2; i++) {
        enum cappy_llm_api api = i == 0 ? CAPPY_LLM_CHAT : CAPPY_LLM_COMPLETIONS;
        status = cappy_request_url(base, &api, &relay->urls[api], error);
    }
    cappy_free(base);
    return status;
}

static cappy_status open_calls(struct cappy_relay *relay, cappy_error *error)
{
    const struct cappy_llm_options options = {.timeout = relay->options.timeout,
                                              .authorities = relay->options.authorities};
    relay->multi = curl_multi_init();
    relay->calls = cappy_alloc(relay->options.in_flight, sizeof *relay->calls);
    if (relay->multi == NULL || relay->calls == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < relay->options.in_flight; i++) {
        CAPPY_TRY(cappy_transfer_open(&relay->calls[i].transfer, relay->urls[0], relay->headers,
                                      &options, error));
        relay->n_calls++;
    }
    return CAPPY_OK;
}

static cappy_status open_all(struct cappy_relay *relay, cappy_error *error)
{
    CAPPY_TRY(make_urls(relay, error));
    CAPPY_TRY(cappy_transfer_headers(relay->options.key, &relay->headers, error));
    CAPPY_TRY(open_calls(relay, error));
    return relay->options.store != NULL
               ? cappy_store_open(relay->options.store, &relay->store, error)
               : CAPPY_OK;
}

static void close_all(struct cappy_relay *relay)
{
    for (size_t i = 0; i < relay->n_calls; i++) {
        cappy_transfer_close(&relay->calls[i].transfer);
        curl_slist_free_all(relay->calls[i].headers);
    }
    cappy_store_close(relay->store);
    curl_multi_cleanup(relay->multi);
    curl_slist_free_all(relay->headers);
    curl_global_cleanup();
    pthread_mutex_destroy(&relay->lock);
    cappy_free(relay->calls);
    cappy_free(relay->urls[0]);
    cappy_free(relay->urls[1]);
    cappy_free(relay);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void link_last(struct cappy_relayed **first, struct cappy_relayed **last,
                      struct cappy_relayed *request)
{
    request->next = NULL;
    request->previous = *last;
    *(*last != NULL ? &(*last)->next : first) = request;
    *last = request;
}

size_t cappy_relayed_open(const struct cappy_relayed *request)
{
    return request->n - request->n_answers - request->n_failed - request->n_asked;
}

/* Takes in what is new; breaks off the calls of those that were cancelled. */
static void take_requests(struct cappy_relay *relay)
{
    while (relay->new_first != NULL) {
        struct cappy_relayed *request = relay->new_first;
        relay->new_first = request->next;
        link_last(&relay->first, &relay->last, request);
    }
    relay->new_last = NULL;
    if (!relay->has_cancelled) {
        return;
    }
    relay->has_cancelled = false;
    for (size_t i = 0; i < relay->n_calls; i++) {
        struct cappy_relay_call *call = &relay->calls[i];
        if (call->request != NULL && call->request->is_cancelled) {
            curl_multi_remove_handle(relay->multi, call->transfer.easy);
            call->request->n_asked -= call->n;
            call->request = NULL;
            relay->n_sent--;
        }
    }
    for (struct cappy_relayed *request = relay->first; request != NULL; request = request->next) {
        if (request->is_cancelled) {
            request->n_failed += cappy_relayed_open(request);
        }
    }
}

/* Moves what has come to its end to where it is collected. True when there is any. */
static bool give_requests(struct cappy_relay *relay)
{
    struct cappy_relayed *next;
    size_t waiting = 0;
    bool has_any = false;
    for (struct cappy_relayed *request = relay->first; request != NULL; request = next) {
        const size_t open = cappy_relayed_open(request);
        next = request->next;
        waiting += open;
        if (open + request->n_asked == 0) {
            *(request->previous != NULL ? &request->previous->next : &relay->first) = next;
            *(next != NULL ? &next->previous : &relay->last) = request->previous;
            link_last(&relay->done_first, &relay->done_last, request);
            has_any = true;
        }
    }
    for (struct cappy_relayed *request = relay->new_first; request != NULL;
         request = request->next) {
        waiting += request->n;
    }
    relay->counts.waiting = waiting;
    relay->counts.in_flight = relay->n_sent;
    return has_any;
}

/* ---- Sending --------------------------------------------------------------------------------- */

/* A call's body: the client's, with what tells its answers from those of other calls. */
static cappy_status write_body(struct cappy_relay_call *call, cappy_error *error)
{
    const struct cappy_relayed *request = call->request;
    const json_t *seed = json_object_get(request->body, "seed");
    json_t *body = json_copy(request->body);
    int failed = body == NULL;
    if (call->n > 1) {
        failed |= json_object_set_new(body, "n", json_integer((json_int_t)call->n));
    }
    /* The same seed for all calls would bring the same answer from all. */
    if (json_is_integer(seed) && json_integer_value(seed) < INT32_MAX) {
        const size_t first = request->n_answers + request->n_failed + request->n_asked;
        failed |= json_object_set_new(body, "seed",
                                      json_integer(json_integer_value(seed) + (json_int_t)first));
    }
    cappy_buffer_clear(&call->transfer.body);
    const cappy_status status = failed == 0 ? cappy_json_append(body, &call->transfer.body, error)
                                            : cappy_error_no_memory(error);
    json_decref(body);
    return status;
}

static cappy_status set_headers(struct cappy_relay *relay, struct cappy_relay_call *call,
                                cappy_error *error)
{
    char line[80];
    curl_slist_free_all(call->headers);
    call->headers = NULL;
    if (call->request->trace[0] != '\0') {
        snprintf(line, sizeof line, "traceparent: %s", call->request->trace);
        call->headers = curl_slist_append(NULL, line);
        if (call->headers == NULL) {
            return cappy_error_no_memory(error);
        }
        struct curl_slist *last = call->headers;
        for (const struct curl_slist *each = relay->headers; each != NULL; each = each->next) {
            last = curl_slist_append(last, each->data); /* returns what it appends to */
            if (last == NULL) {
                return cappy_error_no_memory(error);
            }
        }
    }
    if (curl_easy_setopt(call->transfer.easy, CURLOPT_HTTPHEADER,
                         call->headers != NULL ? call->headers : relay->headers) != CURLE_OK ||
        curl_easy_setopt(call->transfer.easy, CURLOPT_URL, relay->urls[call->request->api]) !=
            CURLE_OK) {
        return cappy_error_no_memory(error);
    }
    return CAPPY_OK;
}

/* Asks for the next answers of the request. */
static void send_call(struct cappy_relay *relay, struct cappy_relay_call *call,
                      struct cappy_relayed *request)
{
    cappy_error error;
    const size_t open = cappy_relayed_open(request);
    call->request = request;
    call->n = request->is_single ? 1 : open < relay->n_limit ? open : relay->n_limit;
    cappy_status status = write_body(call, &error);
    if (status == CAPPY_OK) {
        status = set_headers(relay, call, &error);
    }
    if (status == CAPPY_OK) {
        status = cappy_transfer_start(&call->transfer, relay->multi, call, &error);
    }
    if (status != CAPPY_OK) {
        cappy_relayed_fail(request, open, error.message);
        call->request = NULL;
        return;
    }
    request->n_asked += call->n;
    request->n_calls++;
    relay->n_sent++;
}

/* The next request that something is to be asked for, from `request` on. */
static struct cappy_relayed *find_work(struct cappy_relay *relay, struct cappy_relayed *request)
{
    for (; request != NULL; request = request->next) {
        if (!request->is_begun) {
            request->is_begun = true;
            cappy_relay_load(relay, request);
        }
        const bool waits_for_one = request->is_single && request->n_asked > 0;
        if (!waits_for_one && cappy_relayed_open(request) > 0) {
            return request;
        }
    }
    return NULL;
}

/* Sends what may be sent. */
static void send_all(struct cappy_relay *relay)
{
    struct cappy_relayed *request = relay->first;
    for (size_t i = 0; i < relay->n_calls; i++) {
        struct cappy_relay_call *call = &relay->calls[i];
        if (call->request == NULL) {
            request = find_work(relay, request);
            if (request == NULL) {
                return;
            }
            send_call(relay, call, request);
        }
    }
}

/* ---- The thread ------------------------------------------------------------------------------ */

static void receive_all(struct cappy_relay *relay)
{
    int left;
    curl_multi_perform(relay->multi, &left);
    for (const CURLMsg *message; (message = curl_multi_info_read(relay->multi, &left)) != NULL;) {
        if (message->msg == CURLMSG_DONE) {
            struct cappy_relay_call *call = cappy_transfer_context(message->easy_handle);
            const int result = (int)message->data.result;
            relay->n_sent--;
            cappy_relay_settle(relay, call, result);
        }
    }
}

static void *run(void *argument)
{
    struct cappy_relay *relay = argument;
    bool is_ending = false;
    while (!is_ending) {
        pthread_mutex_lock(&relay->lock);
        take_requests(relay);
        pthread_mutex_unlock(&relay->lock);
        send_all(relay);
        receive_all(relay);
        pthread_mutex_lock(&relay->lock);
        const bool has_done = give_requests(relay);
        const bool has_new = relay->new_first != NULL || relay->has_cancelled;
        is_ending = relay->is_ending;
        pthread_mutex_unlock(&relay->lock);
        if (has_done) {
            relay->options.notify(relay->options.context);
        }
        if (!has_done && !has_new && !is_ending) {
            curl_multi_poll(relay->multi, NULL, 0, POLL_MILLISECONDS, NULL);
        }
    }
    return NULL;
}

/* ---- From outside ---------------------------------------------------------------------------- */

cappy_status cappy_relay_start(const struct cappy_relay_options *options,
                               struct cappy_relay **relay, cappy_error *error)
{
    struct cappy_relay *made = cappy_alloc(1, sizeof *made);
    if (made == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        cappy_free(made);
        return cappy_error_no_memory(error);
    }
    made->options = *options;
    made->n_limit = MOST_ANSWERS;
    pthread_mutex_init(&made->lock, NULL);
    cappy_status status = open_all(made, error);
    if (status == CAPPY_OK && pthread_create(&made->thread, NULL, run, made) != 0) {
        status = cappy_error_no_memory(error);
    }
    if (status != CAPPY_OK) {
        close_all(made);
        return status;
    }
    *relay = made;
    return CAPPY_OK;
}

void cappy_relay_stop(struct cappy_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    pthread_mutex_lock(&relay->lock);
    relay->is_ending = true;
    pthread_mutex_unlock(&relay->lock);
    curl_multi_wakeup(relay->multi);
    pthread_join(relay->thread, NULL);
    close_all(relay);
}

bool cappy_relay_submit(struct cappy_relay *relay, struct cappy_relayed *request)
{
    pthread_mutex_lock(&relay->lock);
    const size_t waiting = relay->counts.waiting;
    const bool fits = waiting == 0 || (waiting <= relay->options.waiting &&
                                       request->n <= relay->options.waiting - waiting);
    if (fits) {
        link_last(&relay->new_first, &relay->new_last, request);
        relay->counts.waiting += request->n;
    }
    pthread_mutex_unlock(&relay->lock);
    if (fits) {
        curl_multi_wakeup(relay->multi);
    }
    return fits;
}

void cappy_relay_cancel(struct cappy_relay *relay, struct cappy_relayed *request)
{
    pthread_mutex_lock(&relay->lock);
    request->is_cancelled = relay->has_cancelled = true;
    pthread_mutex_unlock(&relay->lock);
    curl_multi_wakeup(relay->multi);
}

struct cappy_relayed *cappy_relay_collect(struct cappy_relay *relay)
{
    pthread_mutex_lock(&relay->lock);
    struct cappy_relayed *first = relay->done_first;
    relay->done_first = relay->done_last = NULL;
    pthread_mutex_unlock(&relay->lock);
    return first;
}

void cappy_relay_count(struct cappy_relay *relay, struct cappy_relay_counts *counts)
{
    pthread_mutex_lock(&relay->lock);
    *counts = relay->counts;
    pthread_mutex_unlock(&relay->lock);
}

void cappy_relayed_free(struct cappy_relayed *request)
{
    json_decref(request->replies);
    cappy_buffer_free(&request->failure.body);
    cappy_free(request->held);
    request->replies = NULL;
    request->held = NULL;
}
