/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/sampler.h"

#include <string.h>
#include <time.h>

#include "llm/request.h"

/* The most answers that OpenAI's API gives to a call. */
enum { MOST_ANSWERS = 128 };

/* ---- Opening --------------------------------------------------------------------------------- */

static cappy_status open_calls(struct cappy_sampler *sampler, cappy_error *error)
{
    const struct cappy_llm_options *options = sampler->options;
    sampler->multi = curl_multi_init();
    sampler->tries = cappy_alloc(options->in_flight, sizeof *sampler->tries);
    if (sampler->multi == NULL || sampler->tries == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < options->in_flight; i++) {
        CAPPY_TRY(cappy_transfer_open(&sampler->tries[i].transfer, sampler->url, sampler->headers,
                                      options, error));
    }
    return CAPPY_OK;
}

static cappy_status open_all(struct cappy_sampler *sampler, cappy_error *error)
{
    const struct cappy_llm_options *options = sampler->options;
    CAPPY_TRY(cappy_request_url(options->url, &sampler->api, &sampler->url, error));
    CAPPY_TRY(cappy_transfer_headers(options->key, &sampler->headers, error));
    if (options->system != NULL && sampler->api == CAPPY_LLM_COMPLETIONS) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "a completion has no system message: put it into the instruction");
    }
    CAPPY_TRY(open_calls(sampler, error));
    return cappy_store_open(options->store, &sampler->store, error);
}

cappy_status cappy_sampler_create(const struct cappy_llm_options *options,
                                  const struct cappy_sample_plan *plan,
                                  struct cappy_sampler **sampler, cappy_error *error)
{
    struct cappy_sampler *made = cappy_alloc(1, sizeof *made);
    if (made == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        cappy_free(made);
        return cappy_error_no_memory(error);
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *made = (struct cappy_sampler){
        .options = options,
        .plan = plan,
        .api = options->api,
        .random = cappy_random_begin((uint64_t)now.tv_nsec, (uint64_t)now.tv_sec),
        .n_honoured = 1,
        .n_limit = MOST_ANSWERS};
    const cappy_status status = open_all(made, error);
    if (status != CAPPY_OK) {
        cappy_sampler_free(made);
        return status;
    }
    *sampler = made;
    return CAPPY_OK;
}

static void take_out(struct cappy_sampler *sampler, struct cappy_prompt *prompt)
{
    *(prompt->previous != NULL ? &prompt->previous->next : &sampler->first) = prompt->next;
    *(prompt->next != NULL ? &prompt->next->previous : &sampler->last) = prompt->previous;
}

void cappy_prompt_free(struct cappy_prompt *prompt)
{
    if (prompt != NULL) {
        take_out(prompt->sampler, prompt);
        cappy_prompt_destroy(prompt);
    }
}

void cappy_sampler_free(struct cappy_sampler *sampler)
{
    if (sampler == NULL) {
        return;
    }
    for (size_t i = 0; sampler->tries != NULL && i < sampler->options->in_flight; i++) {
        struct cappy_try *attempt = &sampler->tries[i];
        if (attempt->state == CAPPY_TRY_SENT) {
            curl_multi_remove_handle(sampler->multi, attempt->transfer.easy);
        }
        cappy_transfer_close(&attempt->transfer);
    }
    while (sampler->first != NULL) {
        cappy_prompt_free(sampler->first);
    }
    cappy_store_close(sampler->store);
    curl_multi_cleanup(sampler->multi);
    curl_slist_free_all(sampler->headers);
    curl_global_cleanup();
    cappy_free(sampler->tries);
    cappy_free(sampler->url);
    cappy_free(sampler->sentence);
    cappy_free(sampler);
}

cappy_status cappy_sampler_add(struct cappy_sampler *sampler, cappy_text instruction, size_t n,
                               struct cappy_prompt **prompt, cappy_error *error)
{
    const cappy_text url = {sampler->url, strlen(sampler->url)};
    struct cappy_prompt *made = NULL;
    CAPPY_TRY(cappy_prompt_create(sampler->options, sampler->api, url, sampler->plan, instruction,
                                  &made, error));
    cappy_prompt_want(made, n);
    made->sampler = sampler;
    made->previous = sampler->last;
    *(sampler->last != NULL ? &sampler->last->next : &sampler->first) = made;
    sampler->last = made;
    *prompt = made;
    return CAPPY_OK;
}

size_t cappy_prompt_widen(struct cappy_prompt *prompt, size_t n)
{
    prompt->sampler->counts.stored += cappy_prompt_want(prompt, n);
    return prompt->n_wanted;
}

bool cappy_prompt_is_done(const struct cappy_prompt *prompt)
{
    return prompt->n_open == 0 && !prompt->sampler->is_broken;
}

/* ---- Stopping -------------------------------------------------------------------------------- */

void cappy_sampler_stop(struct cappy_sampler *sampler, cappy_status status, const char *sentence)
{
    if (sampler->stopped == CAPPY_OK) {
        sampler->stopped = status;
        sampler->sentence = cappy_strndup(sentence, strlen(sentence));
    }
}

/* The limits. */
static void check_limits(struct cappy_sampler *sampler)
{
    const struct cappy_llm_options *options = sampler->options;
    const struct cappy_sampler_counts *counts = &sampler->counts;
    if (options->max_calls != 0 && counts->calls >= options->max_calls) {
        cappy_sampler_stop(sampler, CAPPY_IO,
                           "the limit of --max-calls is reached; what was sampled is in the store: "
                           "the same command with a higher limit goes on from there");
    } else if (options->max_tokens_total != 0 &&
               counts->prompt_tokens + counts->answer_tokens >= options->max_tokens_total) {
        cappy_sampler_stop(sampler, CAPPY_IO,
                           "the limit of --max-tokens-total is reached; what was sampled is in the "
                           "store: the same command with a higher limit goes on from there");
    }
}

/* ---- Sending --------------------------------------------------------------------------------- */

static cappy_status write_body(const struct cappy_sampler *sampler, struct cappy_try *attempt,
                               cappy_error *error)
{
    const struct cappy_llm_options *options = sampler->options;
    json_t *body = json_copy(attempt->part->body);
    int failed = body == NULL;
    if (attempt->n > 1) {
        failed |= json_object_set_new(body, "n", json_integer((json_int_t)attempt->n));
    }
    if (options->has_seed) {
        failed |= json_object_set_new(body, "seed",
                                      json_integer((json_int_t)(options->seed + attempt->first)));
    }
    cappy_buffer_clear(&attempt->transfer.body);
    const cappy_status status = failed == 0
                                    ? cappy_json_append(body, &attempt->transfer.body, error)
                                    : cappy_error_no_memory(error);
    json_decref(body);
    return status;
}

static cappy_status send_try(struct cappy_sampler *sampler, struct cappy_try *attempt,
                             cappy_error *error)
{
    CAPPY_TRY(write_body(sampler, attempt, error));
    CAPPY_TRY(cappy_transfer_start(&attempt->transfer, sampler->multi, attempt, error));
    attempt->state = CAPPY_TRY_SENT;
    attempt->n_good = sampler->n_good;
    sampler->counts.retries += attempt->tries > 0;
    sampler->counts.calls++;
    attempt->tries++;
    sampler->n_sent++;
    return CAPPY_OK;
}

/* Whether a call of another prompt asks the same: then its answers are waited for. */
static bool is_asked_elsewhere(const struct cappy_sampler *sampler,
                               const struct cappy_prompt *prompt, const struct cappy_part *part)
{
    for (const struct cappy_prompt *other = sampler->first; other != NULL; other = other->next) {
        for (size_t i = 0; other != prompt && i < other->n_parts; i++) {
            if (other->parts[i].n_asked > 0 && cappy_part_is_same(&other->parts[i], part)) {
                return true;
            }
        }
    }
    return false;
}

/* Takes what the store holds of a part, also what another prompt has just brought; *ready tells
 * whether there is something left to be asked for. */
static cappy_status prepare(struct cappy_sampler *sampler, struct cappy_prompt *prompt,
                            struct cappy_part *part, bool *ready, cappy_error *error)
{
    *ready = false;
    if (is_asked_elsewhere(sampler, prompt, part)) {
        part->is_loaded = false;
        return CAPPY_OK;
    }
    if (!part->is_loaded) {
        size_t n;
        CAPPY_TRY(cappy_prompt_load(prompt, part, sampler->store, &n, error));
        sampler->counts.stored += n;
    }
    *ready = part->n_empty > 0 && sampler->stopped == CAPPY_OK;
    return CAPPY_OK;
}

/* The next answers to ask for of a part: their first slot and number, 0 where there are none. */
static size_t find_slots(const struct cappy_sampler *sampler, const struct cappy_part *part,
                         size_t *first)
{
    const size_t count = part->n_wanted;
    size_t n = 0;
    *first = 0;
    if (part->n_empty == 0) {
        return 0;
    }
    while (*first < count && part->slots[*first].state != CAPPY_ANSWER_EMPTY) {
        *first += 1;
    }
    while (*first + n < count && part->slots[*first + n].state == CAPPY_ANSWER_EMPTY &&
           n < sampler->n_limit) {
        n++;
    }
    return n > sampler->n_honoured && sampler->prober != NULL ? 0 : n;
}

/* Finds what to ask for next, for a try that is free; its n stays 0 where there is nothing. */
static cappy_status find_work(struct cappy_sampler *sampler, struct cappy_try *attempt,
                              cappy_error *error)
{
    attempt->n = 0;
    for (struct cappy_prompt *prompt = sampler->first; prompt != NULL; prompt = prompt->next) {
        for (size_t i = 0; i < prompt->n_parts; i++) {
            struct cappy_part *part = &prompt->parts[i];
            bool ready = false;
            size_t first = 0;
            size_t n = find_slots(sampler, part, &first);
            if (n > 0) {
                CAPPY_TRY(prepare(sampler, prompt, part, &ready, error));
                n = ready ? find_slots(sampler, part, &first) : 0;
            }
            if (n > 0) {
                attempt->prompt = prompt;
                attempt->part = part;
                attempt->first = first;
                attempt->n = n;
                return CAPPY_OK;
            }
        }
    }
    return CAPPY_OK;
}

static cappy_status begin(struct cappy_sampler *sampler, struct cappy_try *attempt, bool *found,
                          cappy_error *error)
{
    CAPPY_TRY(find_work(sampler, attempt, error));
    *found = attempt->n > 0;
    if (!*found) {
        return CAPPY_OK;
    }
    /* Only now: a limit is reached when there is something more to ask for. */
    check_limits(sampler);
    if (sampler->stopped != CAPPY_OK) {
        return CAPPY_OK;
    }
    attempt->tries = 0;
    attempt->in_vain = 0;
    attempt->is_alone = false;
    if (attempt->n > sampler->n_honoured) {
        sampler->prober = attempt;
    }
    cappy_prompt_ask(attempt->part, attempt->first, attempt->n);
    return send_try(sampler, attempt, error);
}

/* Gives up waiting for another try. */
static void release(struct cappy_sampler *sampler, struct cappy_try *attempt)
{
    cappy_prompt_release(attempt->part, attempt->first, attempt->n);
    attempt->state = CAPPY_TRY_FREE;
    sampler->prober = sampler->prober == attempt ? NULL : sampler->prober;
}

/* Sends what may be sent. */
static cappy_status send_all(struct cappy_sampler *sampler, cappy_error *error)
{
    const double now = cappy_clock();
    bool found = now >= sampler->paused_until;
    for (size_t i = 0; i < sampler->options->in_flight; i++) {
        struct cappy_try *attempt = &sampler->tries[i];
        if (attempt->state == CAPPY_TRY_WAITING && sampler->stopped == CAPPY_OK &&
            now >= sampler->paused_until && now >= attempt->due) {
            check_limits(sampler);
            if (sampler->stopped == CAPPY_OK) {
                CAPPY_TRY(send_try(sampler, attempt, error));
            }
        }
        if (attempt->state == CAPPY_TRY_WAITING && sampler->stopped != CAPPY_OK) {
            release(sampler, attempt);
        }
        if (attempt->state == CAPPY_TRY_FREE && found) {
            CAPPY_TRY(begin(sampler, attempt, &found, error));
        }
    }
    return CAPPY_OK;
}

/* ---- Receiving ------------------------------------------------------------------------------- */

static cappy_status receive_all(struct cappy_sampler *sampler, bool *received, cappy_error *error)
{
    int left;
    *received = false;
    if (curl_multi_perform(sampler->multi, &left) != CURLM_OK) {
        return cappy_error_no_memory(error);
    }
    for (const CURLMsg *message; (message = curl_multi_info_read(sampler->multi, &left)) != NULL;) {
        if (message->msg == CURLMSG_DONE) {
            struct cappy_try *attempt = cappy_transfer_context(message->easy_handle);
            sampler->n_sent--;
            *received = true;
            const int result = (int)message->data.result;
            CAPPY_TRY(cappy_sampler_settle(sampler, attempt, result, error));
        }
    }
    return cappy_store_commit(sampler->store, error);
}

/* How long nothing can be sent, at most `seconds`. */
static double find_wait(const struct cappy_sampler *sampler, double seconds)
{
    const double now = cappy_clock();
    double until = now + seconds;
    for (size_t i = 0; i < sampler->options->in_flight; i++) {
        const struct cappy_try *attempt = &sampler->tries[i];
        if (attempt->state == CAPPY_TRY_WAITING) {
            const double due =
                attempt->due > sampler->paused_until ? attempt->due : sampler->paused_until;
            until = due < until ? due : until;
        }
    }
    return until > now ? until - now : 0;
}

cappy_status cappy_sampler_work(struct cappy_sampler *sampler, double seconds, cappy_error *error)
{
    bool received = false;
    cappy_status status = send_all(sampler, error);
    if (status == CAPPY_OK) {
        status = receive_all(sampler, &received, error);
    }
    if (status != CAPPY_OK) {
        sampler->is_broken = true;
        return status;
    }
    if (sampler->stopped != CAPPY_OK && sampler->n_sent == 0) {
        return cappy_error_set(error, sampler->stopped, "%s",
                               sampler->sentence != NULL ? sampler->sentence : "stopped");
    }
    if (!received) {
        /* A millisecond more, so as not to wake up just before. */
        const int milliseconds = (int)(find_wait(sampler, seconds) * 1000) + 1;
        curl_multi_poll(sampler->multi, NULL, 0, milliseconds, NULL);
    }
    return CAPPY_OK;
}

struct cappy_sampler_counts cappy_sampler_count(const struct cappy_sampler *sampler)
{
    struct cappy_sampler_counts counts = sampler->counts;
    const double pause = sampler->paused_until - cappy_clock();
    counts.in_flight = sampler->n_sent;
    counts.waiting = sampler->paused_until > 0 && pause > 0 ? pause : 0;
    return counts;
}
