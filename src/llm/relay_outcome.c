/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of a call of a relay that has come to its end. */
#include <stdio.h>
#include <string.h>

#include "llm/relay.h"
#include "llm/reply.h"
#include "llm/retry.h"

/* ---- Failures -------------------------------------------------------------------------------- */

void cappy_relayed_fail(struct cappy_relayed *request, size_t n, const char *sentence)
{
    struct cappy_relay_failure *failure = &request->failure;
    if (failure->sentence[0] == '\0') {
        snprintf(failure->sentence, sizeof failure->sentence, "%s", sentence);
    }
    request->n_failed += n;
}

/* Whether the endpoint calls its body JSON. */
static bool is_json(const struct cappy_transfer *transfer)
{
    const char *type = NULL;
    return curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK &&
           type != NULL && strncmp(type, "application/json", 16) == 0;
}

/* Keeps a refusal of the endpoint as it is, if it is the first failure. */
static void keep_refusal(struct cappy_relayed *request, const struct cappy_transfer *transfer,
                         const struct cappy_transfer_outcome *outcome, const char *message)
{
    struct cappy_relay_failure *failure = &request->failure;
    const bool is_first = failure->sentence[0] == '\0';
    char sentence[sizeof failure->sentence];
    snprintf(sentence, sizeof sentence, "the language model's server says: HTTP %ld%s%s",
             outcome->status, message[0] != '\0' ? ": " : "", message);
    cappy_relayed_fail(request, 0, sentence);
    if (!is_first || outcome->status < 400 || outcome->status > 599) {
        return;
    }
    cappy_buffer_init(&failure->body, CAPPY_REPLY_LIMIT);
    if (transfer->reply.size == 0 || cappy_buffer_append(&failure->body, transfer->reply.data,
                                                         transfer->reply.size, NULL) == CAPPY_OK) {
        failure->status = (int)outcome->status;
        failure->retry_after = outcome->retry_after;
        failure->is_json = is_json(transfer);
    }
}

/* A status outside of 200 to 299. */
static void settle_refusal(struct cappy_relay_call *call,
                           const struct cappy_transfer_outcome *outcome)
{
    struct cappy_relayed *request = call->request;
    char message[300];
    char code[64];
    const struct cappy_buffer *reply = &call->transfer.reply;
    cappy_reply_explain(reply->data, reply->size, message, sizeof message, code, sizeof code);
    const enum cappy_verdict verdict = cappy_retry_status(outcome->status, code, true);
    if (call->n > 1 && verdict == CAPPY_VERDICT_PROMPT) {
        request->is_single = true; /* it may have been their number */
        return;
    }
    keep_refusal(request, &call->transfer, outcome, message);
    /* What is refused will be refused again; what was too much may not be. */
    const bool is_final = verdict != CAPPY_VERDICT_AGAIN;
    cappy_relayed_fail(request, is_final ? cappy_relayed_open(request) : call->n, "");
}

static void settle_result(struct cappy_relay_call *call, int result)
{
    struct cappy_relayed *request = call->request;
    char sentence[CURL_ERROR_SIZE + 60];
    if (result == CURLE_WRITE_ERROR) {
        snprintf(sentence, sizeof sentence,
                 "an answer of the language model's server is larger than %d MiB",
                 CAPPY_REPLY_LIMIT >> 20);
    } else {
        snprintf(sentence, sizeof sentence, "the language model's server: %s",
                 call->transfer.problem);
    }
    if (request->failure.sentence[0] == '\0') {
        request->failure.is_timeout = result == CURLE_OPERATION_TIMEDOUT;
    }
    cappy_relayed_fail(request, call->n, sentence);
}

/* ---- Answers --------------------------------------------------------------------------------- */

bool cappy_relayed_add(struct cappy_relayed *request, json_t *reply, size_t n)
{
    if (request->replies == NULL) {
        request->replies = json_array();
    }
    if (json_array_append_new(request->replies, reply) != 0) {
        return false;
    }
    request->n_answers += n;
    return true;
}

/* A body that should be a completion. */
static void settle_reply(struct cappy_relay *relay, struct cappy_relay_call *call)
{
    struct cappy_relayed *request = call->request;
    const struct cappy_buffer *text = &call->transfer.reply;
    struct cappy_reply reply;
    cappy_error reason;
    char sentence[400];
    if (cappy_reply_read(text->data, text->size, &reply, &reason) != CAPPY_OK) {
        char message[150];
        char code[8];
        cappy_reply_explain(text->data, text->size, message, sizeof message, code, sizeof code);
        snprintf(sentence, sizeof sentence,
                 "what came from the language model's server is not a completion (%.150s): %s",
                 reason.message, message);
        cappy_relayed_fail(request, call->n, sentence);
        return;
    }
    json_t *choices = json_object_get(reply.json, "choices");
    while (json_array_size(choices) > call->n) {
        json_array_remove(choices, json_array_size(choices) - 1);
    }
    const size_t n = json_array_size(choices);
    if (n < call->n) {
        relay->n_limit = n; /* so many answers are what a call brings */
    } else if (request->is_single) {
        relay->n_limit = 1; /* it was their number */
    }
    request->is_single = false;
    cappy_relay_keep(relay, request, reply.json);
    if (!cappy_relayed_add(request, json_incref(reply.json), n)) {
        cappy_relayed_fail(request, call->n, "out of memory");
    }
    pthread_mutex_lock(&relay->lock);
    relay->counts.answers += n;
    pthread_mutex_unlock(&relay->lock);
    cappy_reply_free(&reply);
}

void cappy_relay_settle(struct cappy_relay *relay, struct cappy_relay_call *call, int result)
{
    const struct cappy_transfer_outcome outcome =
        cappy_transfer_end(&call->transfer, relay->multi, result);
    const size_t n_statuses = sizeof relay->counts.calls / sizeof relay->counts.calls[0];
    const bool has_status = result == CURLE_OK && outcome.status > 0;
    pthread_mutex_lock(&relay->lock);
    relay->counts.calls[has_status && (size_t)outcome.status < n_statuses ? outcome.status : 0]++;
    pthread_mutex_unlock(&relay->lock);
    call->request->n_asked -= call->n;
    if (result != CURLE_OK) {
        settle_result(call, result);
    } else if (outcome.status < 200 || outcome.status > 299) {
        settle_refusal(call, &outcome);
    } else {
        settle_reply(relay, call);
    }
    call->request = NULL;
}
