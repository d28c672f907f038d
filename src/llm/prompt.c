/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/prompt.h"

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

static cappy_status make_parts(struct cappy_prompt *prompt, const struct cappy_llm_options *options,
                               enum cappy_llm_api api, cappy_text url,
                               const struct cappy_sample_plan *plan, cappy_text instruction,
                               cappy_error *error)
{
    prompt->parts = cappy_alloc(plan->n, sizeof *prompt->parts);
    prompt->slots = cappy_alloc(plan->n_answers, sizeof *prompt->slots);
    if (prompt->parts == NULL || prompt->slots == NULL) {
        return cappy_error_no_memory(error);
    }
    struct cappy_answer_slot *slots = prompt->slots;
    for (size_t i = 0; i < plan->n; i++) {
        struct cappy_part *part = &prompt->parts[prompt->n_parts++];
        part->decoding = &plan->decodings[i];
        part->slots = slots;
        slots += part->decoding->count;
        CAPPY_TRY(
            cappy_request_body(options, api, part->decoding, instruction, &part->body, error));
        CAPPY_TRY(name_part(part, options, url, error));
    }
    return CAPPY_OK;
}

cappy_status cappy_prompt_create(const struct cappy_llm_options *options, enum cappy_llm_api api,
                                 cappy_text url, const struct cappy_sample_plan *plan,
                                 cappy_text instruction, struct cappy_prompt **prompt,
                                 cappy_error *error)
{
    struct cappy_prompt *made = cappy_alloc(1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    const cappy_status status = make_parts(made, options, api, url, plan, instruction, error);
    if (status != CAPPY_OK) {
        cappy_prompt_destroy(made);
        return status;
    }
    *prompt = made;
    return CAPPY_OK;
}

void cappy_prompt_destroy(struct cappy_prompt *prompt)
{
    for (size_t i = 0; i < prompt->n_parts; i++) {
        struct cappy_part *part = &prompt->parts[i];
        for (size_t j = 0; j < part->decoding->count; j++) {
            cappy_free(part->slots[j].text);
        }
        json_decref(part->body);
        cappy_buffer_free(&part->text);
    }
    cappy_free(prompt->parts);
    cappy_free(prompt->slots);
    cappy_free(prompt->reason);
    cappy_free(prompt);
}

size_t cappy_prompt_want(struct cappy_prompt *prompt, size_t n)
{
    size_t n_filled = 0;
    for (size_t i = 0; i < prompt->n_parts && prompt->n_wanted < n; i++) {
        struct cappy_part *part = &prompt->parts[i];
        for (; part->n_wanted < part->decoding->count && prompt->n_wanted < n; part->n_wanted++) {
            const bool is_empty = part->slots[part->n_wanted].state == CAPPY_ANSWER_EMPTY;
            n_filled += !is_empty;
            part->n_empty += is_empty;
            prompt->n_open += is_empty;
            prompt->n_wanted++;
        }
    }
    return n_filled;
}

/* ---- Filling --------------------------------------------------------------------------------- */

cappy_status cappy_prompt_fill(struct cappy_prompt *prompt, struct cappy_part *part, size_t index,
                               cappy_text text, cappy_error *error)
{
    struct cappy_answer_slot *slot = &part->slots[index];
    slot->text = cappy_strndup(text.data != NULL ? text.data : "", text.size);
    if (slot->text == NULL) {
        return cappy_error_no_memory(error);
    }
    if (index < part->n_wanted) {
        part->n_empty -= slot->state == CAPPY_ANSWER_EMPTY;
        part->n_asked -= slot->state == CAPPY_ANSWER_ASKED;
        prompt->n_open--;
    }
    slot->size = text.size;
    slot->state = CAPPY_ANSWER_FILLED;
    return CAPPY_OK;
}

cappy_status cappy_prompt_fail(struct cappy_prompt *prompt, struct cappy_part *part, size_t first,
                               size_t n, const char *reason, cappy_error *error)
{
    for (size_t i = first; i < first + n; i++) {
        part->slots[i].state = CAPPY_ANSWER_FAILED;
    }
    part->n_asked -= n;
    prompt->n_open -= n;
    prompt->n_failed += n;
    if (prompt->reason == NULL) {
        prompt->reason = cappy_strndup(reason, strlen(reason));
    }
    return prompt->reason != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

void cappy_prompt_ask(struct cappy_part *part, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        part->slots[i].state = CAPPY_ANSWER_ASKED;
    }
    part->n_empty -= n;
    part->n_asked += n;
}

void cappy_prompt_release(struct cappy_part *part, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        part->slots[i].state = CAPPY_ANSWER_EMPTY;
    }
    part->n_empty += n;
    part->n_asked -= n;
}

/* ---- The store ------------------------------------------------------------------------------- */

struct loading {
    struct cappy_prompt *prompt;
    struct cappy_part *part;
    size_t n;
};

static cappy_status take(void *context, size_t number, cappy_text text, const char *finish,
                         cappy_error *error)
{
    struct loading *loading = context;
    (void)finish;
    if (loading->part->slots[number].state != CAPPY_ANSWER_EMPTY) {
        return CAPPY_OK;
    }
    loading->n += number < loading->part->n_wanted;
    return cappy_prompt_fill(loading->prompt, loading->part, number, text, error);
}

cappy_status cappy_prompt_load(struct cappy_prompt *prompt, struct cappy_part *part,
                               struct cappy_store *store, size_t *n, cappy_error *error)
{
    struct loading loading = {prompt, part, 0};
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

size_t cappy_prompt_list(const struct cappy_prompt *prompt, struct cappy_sample *samples)
{
    size_t n = 0;
    for (size_t i = 0; i < prompt->n_parts; i++) {
        const struct cappy_part *part = &prompt->parts[i];
        for (size_t j = 0; j < part->n_wanted; j++) {
            const struct cappy_answer_slot *slot = &part->slots[j];
            if (slot->state == CAPPY_ANSWER_FILLED) {
                samples[n++] =
                    (struct cappy_sample){{slot->text, slot->size}, part->decoding->name};
            }
        }
    }
    return n;
}

size_t cappy_prompt_failed(const struct cappy_prompt *prompt, const char **reason)
{
    *reason = prompt->reason;
    return prompt->n_failed;
}
