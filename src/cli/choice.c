/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/choice.h"

#include <stdint.h>

#include "cli/output.h"
#include "cli/scores.h"
#include "cli/session.h"
#include "cli/table.h"

size_t cappy_choice_best(const struct cappy_choice *choice)
{
    size_t best = 0;
    for (size_t i = 1; i < choice->n; i++) {
        best = choice->scores[i] > choice->scores[best] ? i : best;
    }
    return best;
}

static json_t *make_string(cappy_text text)
{
    return json_stringn(text.data != NULL ? text.data : "", text.size);
}

cappy_status cappy_choice_set(json_t *object, const struct cappy_choice *choice, bool with_label,
                              cappy_error *error)
{
    size_t best = cappy_choice_best(choice);
    CAPPY_TRY(cappy_scores_set(object, "scores", choice->scores, choice->n, error));
    CAPPY_TRY(cappy_member_set(object, "best", json_integer((json_int_t)best), error));
    if (with_label) {
        return cappy_member_set(object, "label", make_string(choice->pairs[best].response), error);
    }
    return CAPPY_OK;
}

/* Sets `key` of `object` to the list of responses. */
static cappy_status set_responses(json_t *object, const char *key,
                                  const struct cappy_choice *choice, cappy_error *error)
{
    json_t *list = json_array();
    for (size_t i = 0; i < choice->n; i++) {
        if (json_array_append_new(list, make_string(choice->pairs[i].response)) != 0) {
            json_decref(list);
            return cappy_error_no_memory(error);
        }
    }
    return cappy_member_set(object, key, list, error);
}

/* Fills `object` with a row as if it had been read and finished. */
static cappy_status fill_row(json_t *object, const struct cappy_choice_job *job,
                             const struct cappy_choice *choice, cappy_error *error)
{
    CAPPY_TRY(
        cappy_member_set(object, "instruction", make_string(choice->pairs[0].instruction), error));
    CAPPY_TRY(set_responses(object, job->list, choice, error));
    return cappy_choice_set(object, choice, job->with_label, error);
}

static cappy_status write_choice(const struct cappy_choice_job *job,
                                 const struct cappy_choice *choice,
                                 const struct cappy_output *output, struct cappy_buffer *text,
                                 cappy_error *error)
{
    if (!job->common->json) {
        struct cappy_table table = cappy_table_style(output);
        return cappy_table_rank(&table, choice, text, error);
    }
    json_t *object = json_object();
    cappy_status status = fill_row(object, job, choice, error);
    if (status == CAPPY_OK) {
        status = cappy_json_write(object, text, error);
    }
    json_decref(object);
    return status;
}

static cappy_status print_choice(const struct cappy_choice_job *job,
                                 const struct cappy_choice *choice, cappy_error *error)
{
    struct cappy_output output;
    struct cappy_buffer text;
    CAPPY_TRY(cappy_output_open(job->common->output, NULL, NULL, &output, error));
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = write_choice(job, choice, &output, &text, error);
    if (status == CAPPY_OK) {
        status = cappy_output_write(&output, text.data, text.size, error);
    }
    cappy_buffer_free(&text);
    return cappy_output_close(&output, status, error);
}

cappy_status cappy_choice_run(const struct cappy_choice_job *job, cappy_error *error)
{
    struct cappy_session session;
    CAPPY_TRY(cappy_session_open(job->common, job->label, true, &session, error));
    float *scores = NULL;
    cappy_status status = cappy_session_score_new(&session, job->pairs, job->n, &scores, error);
    if (status == CAPPY_OK) {
        struct cappy_choice choice = {.pairs = job->pairs, .scores = scores, .n = job->n};
        status = print_choice(job, &choice, error);
    }
    if (status == CAPPY_OK && !job->common->quiet) {
        cappy_session_report_truncated(&session);
    }
    cappy_free(scores);
    cappy_session_close(&session);
    return status;
}
