/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of a call that has come to its end. */
#include <stdio.h>
#include <string.h>

#include "llm/reply.h"
#include "llm/retry.h"
#include "llm/sampler.h"

/* How a call ended, in words too. */
struct finding {
    enum cappy_verdict verdict;
    struct cappy_transfer_outcome outcome;
    char sentence[600];
};

static void put_back(struct cappy_sampler *sampler, struct cappy_try *attempt)
{
    attempt->state = CAPPY_TRY_FREE;
    sampler->prober = sampler->prober == attempt ? NULL : sampler->prober;
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* Stores and fills one answer. */
static cappy_status take_choice(struct cappy_sampler *sampler, const struct cappy_try *attempt,
                                size_t index, const struct cappy_choice_text *choice,
                                cappy_error *error)
{
    if (choice->text.data == NULL) {
        char reason[200];
        snprintf(reason, sizeof reason, "an answer has no text (finish_reason \"%s\")",
                 choice->finish);
        return cappy_prompt_fail(attempt->prompt, attempt->part, index, 1, reason, error);
    }
    sampler->counts.answers++;
    CAPPY_TRY(cappy_store_add(sampler->store, &attempt->part->key, index, choice->text,
                              choice->finish, error));
    return cappy_prompt_fill(attempt->prompt, attempt->part, index, choice->text, error);
}

/* Learns how many answers a call may ask for. */
static void learn(struct cappy_sampler *sampler, const struct cappy_try *attempt, size_t n)
{
    if (attempt->n > 1) {
        sampler->n_honoured = n > sampler->n_honoured ? n : sampler->n_honoured;
        if (n < attempt->n) {
            sampler->n_limit = n;
        }
    } else if (attempt->is_alone) {
        sampler->n_limit = sampler->n_honoured;
    }
}

static cappy_status take_reply(struct cappy_sampler *sampler, struct cappy_try *attempt,
                               const struct cappy_reply *reply, cappy_error *error)
{
    const size_t n = reply->n < attempt->n ? reply->n : attempt->n;
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(take_choice(sampler, attempt, attempt->first + i, &reply->choices[i], error));
    }
    cappy_prompt_release(attempt->part, attempt->first + n, attempt->n - n);
    learn(sampler, attempt, n);
    sampler->n_good++;
    sampler->counts.prompt_tokens += reply->prompt_tokens;
    sampler->counts.answer_tokens += reply->answer_tokens;
    if (!reply->has_usage && sampler->options->max_tokens_total != 0) {
        cappy_sampler_stop(sampler, CAPPY_IO,
                           "the endpoint does not say how many tokens a call takes, so "
                           "--max-tokens-total cannot be kept: use --max-calls");
    }
    put_back(sampler, attempt);
    return CAPPY_OK;
}

/* ---- Failures -------------------------------------------------------------------------------- */

/* Says what an error of HTTP was. */
static void explain_status(const struct cappy_sampler *sampler, const struct cappy_try *attempt,
                           struct finding *finding)
{
    char message[400];
    char code[64];
    const struct cappy_buffer *reply = &attempt->transfer.reply;
    cappy_reply_explain(reply->data, reply->size, message, sizeof message, code, sizeof code);
    finding->verdict = cappy_retry_status(finding->outcome.status, code, sampler->n_good > 0);
    if (finding->outcome.location != NULL) {
        snprintf(message, sizeof message, "it leads to %s: give that URL",
                 finding->outcome.location);
    }
    snprintf(finding->sentence, sizeof finding->sentence, "%s: HTTP %ld%s%s", sampler->url,
             finding->outcome.status, message[0] != '\0' ? ": " : "", message);
}

/* Says what is wrong with a body that should have been an answer; its own words help most. */
static void explain_body(const struct cappy_sampler *sampler, const struct cappy_buffer *body,
                         const char *problem, struct finding *finding)
{
    char message[200];
    char code[8];
    cappy_reply_explain(body->data, body->size, message, sizeof message, code, sizeof code);
    finding->verdict = CAPPY_VERDICT_AGAIN;
    snprintf(finding->sentence, sizeof finding->sentence,
             "%s: what came is not a completion (%.200s): %s", sampler->url, problem, message);
}

static void explain_result(const struct cappy_sampler *sampler, const struct cappy_try *attempt,
                           struct finding *finding)
{
    const int result = finding->outcome.result;
    finding->verdict = cappy_retry_result(result);
    if (result == CURLE_WRITE_ERROR) {
        snprintf(finding->sentence, sizeof finding->sentence,
                 "%s: the answer is larger than %d MiB", sampler->url, CAPPY_REPLY_LIMIT >> 20);
    } else {
        snprintf(finding->sentence, sizeof finding->sentence, "%s: %s", sampler->url,
                 attempt->transfer.problem);
    }
}

/* Asks for one answer instead of several, at once. */
static void ask_alone(struct cappy_sampler *sampler, struct cappy_try *attempt)
{
    cappy_prompt_release(attempt->part, attempt->first + 1, attempt->n - 1);
    attempt->n = 1;
    attempt->is_alone = true;
    attempt->in_vain = 0;
    attempt->due = 0;
    attempt->state = CAPPY_TRY_WAITING;
    sampler->prober = sampler->prober == NULL ? attempt : sampler->prober;
}

/* Lets the call wait for another try; false when it has had them all. */
static bool try_again(struct cappy_sampler *sampler, struct cappy_try *attempt,
                      const struct finding *finding)
{
    const double asked = finding->outcome.retry_after;
    const double now = cappy_clock();
    /* "Too many" is no defect as long as other calls get through. */
    const bool counts = finding->outcome.status != 429 || sampler->n_good == attempt->n_good;
    attempt->in_vain += counts;
    if (attempt->in_vain > sampler->options->retries) {
        return false;
    }
    attempt->due = now + cappy_retry_delay(attempt->tries, asked, &sampler->random);
    attempt->state = CAPPY_TRY_WAITING;
    if (asked > 0 && now + asked > sampler->paused_until) {
        sampler->paused_until = now + asked;
    }
    return true;
}

/* After the last try: what that means for the others. */
static enum cappy_verdict give_up(const struct finding *finding)
{
    const bool is_general =
        finding->outcome.status == 429 || cappy_retry_is_unreachable(finding->outcome.result);
    return is_general ? CAPPY_VERDICT_RUN : CAPPY_VERDICT_PROMPT;
}

static cappy_status settle_failure(struct cappy_sampler *sampler, struct cappy_try *attempt,
                                   struct finding *finding, cappy_error *error)
{
    if (finding->verdict == CAPPY_VERDICT_AGAIN &&
        finding->outcome.retry_after > CAPPY_RETRY_LONGEST) {
        const size_t used = strlen(finding->sentence);
        snprintf(finding->sentence + used, sizeof finding->sentence - used,
                 " (it wants a pause of %.0f s)", finding->outcome.retry_after);
        finding->verdict = CAPPY_VERDICT_RUN;
    }
    if (finding->verdict == CAPPY_VERDICT_AGAIN) {
        if (sampler->stopped == CAPPY_OK && try_again(sampler, attempt, finding)) {
            return CAPPY_OK;
        }
        finding->verdict = give_up(finding);
    }
    if (sampler->stopped != CAPPY_OK || finding->verdict == CAPPY_VERDICT_RUN) {
        cappy_sampler_stop(sampler, CAPPY_IO, finding->sentence);
        cappy_prompt_release(attempt->part, attempt->first, attempt->n);
        put_back(sampler, attempt);
        return CAPPY_OK;
    }
    /* Only an endpoint's own refusal can be about the number of answers. */
    if (attempt->n > 1 && finding->outcome.result == CURLE_OK && finding->outcome.status >= 400) {
        ask_alone(sampler, attempt);
        return CAPPY_OK;
    }
    put_back(sampler, attempt);
    return cappy_prompt_fail(attempt->prompt, attempt->part, attempt->first, attempt->n,
                             finding->sentence, error);
}

/* ---- The whole ------------------------------------------------------------------------------- */

cappy_status cappy_sampler_settle(struct cappy_sampler *sampler, struct cappy_try *attempt,
                                  int result, cappy_error *error)
{
    struct finding finding = {.outcome =
                                  cappy_transfer_end(&attempt->transfer, sampler->multi, result)};
    if (result != CURLE_OK) {
        explain_result(sampler, attempt, &finding);
        return settle_failure(sampler, attempt, &finding, error);
    }
    if (finding.outcome.status < 200 || finding.outcome.status >= 300) {
        explain_status(sampler, attempt, &finding);
        return settle_failure(sampler, attempt, &finding, error);
    }
    const struct cappy_buffer *text = &attempt->transfer.reply;
    struct cappy_reply reply;
    cappy_error reason;
    cappy_status status = cappy_reply_read(text->data, text->size, &reply, &reason);
    if (status == CAPPY_NO_MEMORY) {
        return cappy_error_no_memory(error);
    }
    if (status != CAPPY_OK) {
        explain_body(sampler, text, reason.message, &finding);
        return settle_failure(sampler, attempt, &finding, error);
    }
    status = take_reply(sampler, attempt, &reply, error);
    cappy_reply_free(&reply);
    return status;
}
