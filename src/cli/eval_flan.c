/* SPDX-License-Identifier: Apache-2.0 */
/* The answers that Cappy's authors sampled for bigbench45, one file for each task and language
 * model: lines with "instruction", "references" and "flan_samples", the answers of each decoding,
 * each with a "response" and the sum and mean of its log-likelihood. */
#include <stdio.h>
#include <string.h>

#include "cli/eval.h"

static cappy_status add_candidate(const struct cappy_row *row, const char *decoding,
                                  const json_t *sample, json_t *candidates, cappy_error *error)
{
    static const char *const numbers[] = {"log_likelihood_sum", "log_likelihood_mean"};
    const json_t *response = json_object_get(sample, "response");
    if (!json_is_string(response)) {
        return cappy_row_error(row, error, "a sample of \"%s\" has no \"response\"", decoding);
    }
    json_t *candidate = json_pack("{s: O, s: s}", "text", response, "source", decoding);
    int failed = json_array_append_new(candidates, candidate);
    for (size_t i = 0; failed == 0 && i < sizeof numbers / sizeof *numbers; i++) {
        json_t *value = json_object_get(sample, numbers[i]);
        if (json_is_number(value)) {
            failed = json_object_set(candidate, numbers[i], value);
        }
    }
    return failed == 0 ? CAPPY_OK : cappy_error_no_memory(error);
}

static cappy_status list_candidates(const struct cappy_row *row, json_t *candidates,
                                    cappy_error *error)
{
    json_t *samples = json_object_get(row->json, "flan_samples");
    const char *decoding;
    const json_t *list;
    if (!json_is_object(samples)) {
        return cappy_row_error(row, error,
                               "the row has no \"flan_samples\", the answers of each decoding");
    }
    json_object_foreach(samples, decoding, list)
    {
        for (size_t i = 0; i < json_array_size(list); i++) {
            CAPPY_TRY(add_candidate(row, decoding, json_array_get(list, i), candidates, error));
        }
    }
    return CAPPY_OK;
}

/* Makes a task row of *row. */
static cappy_status convert(const struct cappy_row *row, const char *task, struct cappy_row *made,
                            cappy_error *error)
{
    struct cappy_buffer text;
    json_t *candidates = json_array();
    json_t *object = json_pack("{s: s, s: O, s: O, s: O}", "task", task, "instruction",
                               json_object_get(row->json, "instruction"), "references",
                               json_object_get(row->json, "references"), "candidates", candidates);
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status =
        object != NULL
            ? list_candidates(row, candidates, error)
            : cappy_row_error(row, error, "the row has no \"instruction\" or no \"references\"");
    if (status == CAPPY_OK) {
        status = cappy_json_append(object, &text, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_row_parse(row->file, row->line, text.data, text.size, made, error);
    }
    cappy_buffer_free(&text);
    json_decref(object);
    json_decref(candidates);
    return status;
}

struct reading {
    struct cappy_eval *eval;
    const char *task;
    size_t n_rows;
};

static cappy_status take_row(void *context, struct cappy_row *row, cappy_error *error)
{
    struct reading *reading = context;
    const size_t limit = reading->eval->arguments->limit;
    struct cappy_row made = {0};
    if (limit > 0 && reading->n_rows == limit) {
        return CAPPY_OK;
    }
    reading->n_rows++;
    CAPPY_TRY(convert(row, reading->task, &made, error));
    const cappy_status status = cappy_eval_add(reading->eval, &made, error);
    cappy_row_free(&made);
    return status;
}

cappy_status cappy_eval_read_flan(struct cappy_eval *eval, const char *path, const char *task,
                                  cappy_error *error)
{
    char *const paths[] = {(char *)path};
    struct reading reading = {.eval = eval, .task = task};
    return cappy_inputs_each(paths, 1, &eval->progress, take_row, &reading, error);
}
