/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/job.h"

#include <string.h>

#include "llm/request.h"

/* ---- Making ---------------------------------------------------------------------------------- */

/* The seed is not part of the body, since each answer has its own; what they begin with is part of
 * what was asked. */
static cappy_status name_part(struct cappy_part *part, const struct cappy_llm_options *options,
                              cappy_text url, cappy_error *error)
{
    json_t *named = json_copy(part->body);
    if (named == NULL ||
        (options->has_seed &&
         json_object_set_new(named, "seed", json_integer((json_int_t)options->seed)) != 0)) {
        json_decref(named);
        return cappy_error_no_memory(error);
    }
    cappy_buffer_init(&part->text, SIZE_MAX / 2);
    const cappy_status status = cappy_json_append(named, &part->text, error);
    json_decref(named);
    part->key = cappy_store_key_of(url, (cappy_text){part->text.data, part->text.size});
    return status;
}

static cappy_status make_parts(struct cappy_job *job, const struct cappy_llm_options *options,
                               enum cappy_llm_api api, cappy_text url,
                               const struct cappy_sample_plan *plan, cappy_text instruction,
                               cappy_error *error)
{
    job->parts = cappy_alloc(plan->n, sizeof *job->parts);
    job->slots = cappy_alloc(plan->n_answers, sizeof *job->slots);
    if (job->parts == NULL || job->slots == NULL) {
        return cappy_error_no_memory(error);
    }
    struct cappy_slot *slots = job->slots;
    for (size_t i = 0; i < plan->n; i++) {
        struct cappy_part *part = &job->parts[job->n_parts++];
        part->decoding = &plan->decodings[i];
        part->slots = slots;
        slots += part->decoding->count;
        CAPPY_TRY(
            cappy_request_body(options, api, part->decoding, instruction, &part->body, error));
        CAPPY_TRY(name_part(part, options, url, error));
    }
    return CAPPY_OK;
}

cappy_status cappy_job_create(const struct cappy_llm_options *options, enum cappy_llm_api api,
                              cappy_text url, const struct cappy_sample_plan *plan,
                              cappy_text instruction, struct cappy_job **job, cappy_error *error)
{
    struct cappy_job *made = cappy_alloc(1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    const cappy_status status = make_parts(made, options, api, url, plan, instruction, error);
    if (status != CAPPY_OK) {
        cappy_job_destroy(made);
        return status;
    }
    *job = made;
    return CAPPY_OK;
}

void cappy_job_destroy(struct cappy_job *job)
{
    for (size_t i = 0; i < job->n_parts; i++) {
        struct cappy_part *part = &job->parts[i];
        for (size_t j = 0; j < part->decoding->count; j++) {
            cappy_free(part->slots[j].text);
        }
        json_decref(part->body);
        cappy_buffer_free(&part->text);
    }
    cappy_free(job->parts);
    cappy_free(job->slots);
    cappy_free(job->reason);
    cappy_free(job);
}

size_t cappy_job_want(struct cappy_job *job, size_t n)
{
    size_t n_filled = 0;
    for (size_t i = 0; i < job->n_parts && job->n_wanted < n; i++) {
        struct cappy_part *part = &job->parts[i];
        for (; part->n_wanted < part->decoding->count && job->n_wanted < n; part->n_wanted++) {
            const bool is_empty = part->slots[part->n_wanted].state == CAPPY_SLOT_EMPTY;
            n_filled += !is_empty;
            part->n_empty += is_empty;
            job->n_open += is_empty;
            job->n_wanted++;
        }
    }
    return n_filled;
}

/* ---- Filling --------------------------------------------------------------------------------- */

cappy_status cappy_job_fill(struct cappy_job *job, struct cappy_part *part, size_t index,
                            cappy_text text, cappy_error *error)
{
    struct cappy_slot *slot = &part->slots[index];
    slot->text = cappy_strndup(text.data != NULL ? text.data : "", text.size);
    if (slot->text == NULL) {
        return cappy_error_no_memory(error);
    }
    if (index < part->n_wanted) {
        part->n_empty -= slot->state == CAPPY_SLOT_EMPTY;
        part->n_asked -= slot->state == CAPPY_SLOT_ASKED;
        job->n_open--;
    }
    slot->size = text.size;
    slot->state = CAPPY_SLOT_FILLED;
    return CAPPY_OK;
}

cappy_status cappy_job_fail(struct cappy_job *job, struct cappy_part *part, size_t first, size_t n,
                            const char *reason, cappy_error *error)
{
    for (size_t i = first; i < first + n; i++) {
        part->slots[i].state = CAPPY_SLOT_FAILED;
    }
    part->n_asked -= n;
    job->n_open -= n;
    job->n_failed += n;
    if (job->reason == NULL) {
        job->reason = cappy_strndup(reason, strlen(reason));
    }
    return job->reason != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

void cappy_job_ask(struct cappy_part *part, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        part->slots[i].state = CAPPY_SLOT_ASKED;
    }
    part->n_empty -= n;
    part->n_asked += n;
}

void cappy_job_release(struct cappy_part *part, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        part->slots[i].state = CAPPY_SLOT_EMPTY;
    }
    part->n_empty += n;
    part->n_asked -= n;
}

/* ---- The store ------------------------------------------------------------------------------- */

struct loading {
    struct cappy_job *job;
    struct cappy_part *part;
    size_t n;
};

static cappy_status take(void *context, size_t number, cappy_text text, const char *finish,
                         cappy_error *error)
{
    struct loading *loading = context;
    (void)finish;
    if (loading->part->slots[number].state != CAPPY_SLOT_EMPTY) {
        return CAPPY_OK;
    }
    loading->n += number < loading->part->n_wanted;
    return cappy_job_fill(loading->job, loading->part, number, text, error);
}

cappy_status cappy_job_load(struct cappy_job *job, struct cappy_part *part,
                            struct cappy_store *store, size_t *n, cappy_error *error)
{
    struct loading loading = {job, part, 0};
    CAPPY_TRY(cappy_store_load(store, &part->key, part->decoding->count, take, &loading, error));
    part->is_loaded = true;
    *n = loading.n;
    return CAPPY_OK;
}

bool cappy_part_is_same(const struct cappy_part *a, const struct cappy_part *b)
{
    return a->key.hash == b->key.hash && a->text.size == b->text.size &&
           memcmp(a->text.data, b->text.data, a->text.size) == 0;
}

/* ---- Reading --------------------------------------------------------------------------------- */

size_t cappy_job_list(const struct cappy_job *job, struct cappy_sample *samples)
{
    size_t n = 0;
    for (size_t i = 0; i < job->n_parts; i++) {
        const struct cappy_part *part = &job->parts[i];
        for (size_t j = 0; j < part->n_wanted; j++) {
            const struct cappy_slot *slot = &part->slots[j];
            if (slot->state == CAPPY_SLOT_FILLED) {
                samples[n++] =
                    (struct cappy_sample){{slot->text, slot->size}, part->decoding->name};
            }
        }
    }
    return n;
}

size_t cappy_job_failed(const struct cappy_job *job, const char **reason)
{
    *reason = job->reason;
    return job->n_failed;
}
