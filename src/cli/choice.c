/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/choice.h"

#include <stdint.h>
#include <stdio.h>

#include "cli/output.h"
#include "cli/scores.h"
#include "cli/table.h"

cappy_status cappy_select_check(const struct cappy_select_arguments *select, cappy_error *error)
{
    if (select->mix_temperature.is_given && select->by != CAPPY_SELECT_MIX) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "--mix-temperature is for --select mix");
    }
    return cappy_temperature_check(&select->mix_temperature, error);
}

cappy_status cappy_temperature_check(const struct cappy_real *temperature, cappy_error *error)
{
    return temperature->is_given && temperature->value < 0
               ? cappy_error_set(error, CAPPY_ARGUMENT,
                                 "--mix-temperature must be at least 0, where the score alone "
                                 "decides")
               : CAPPY_OK;
}

struct cappy_choosing cappy_select_asked(const struct cappy_select_arguments *select)
{
    return (struct cappy_choosing){(enum cappy_selection)select->by,
                                   select->mix_temperature.is_given, select->mix_temperature.value};
}

struct cappy_choosing cappy_select_settle(const struct cappy_select_arguments *select,
                                          const struct cappy_session *session)
{
    return cappy_choosing_settle(cappy_select_asked(select), session->mix_temperature);
}

void cappy_select_report(const struct cappy_choosing *how)
{
    if (how->by == CAPPY_SELECT_MIX) {
        fprintf(stderr, "the best are chosen by the mix of score and consensus, temperature %g\n",
                how->temperature);
    } else if (how->by != CAPPY_SELECT_SCORE) {
        fprintf(stderr, "the best are chosen by %s\n", cappy_selection_names[how->by]);
    }
}

cappy_status cappy_choice_make(struct cappy_chooser *chooser, const cappy_pair *pairs,
                               const float *scores, size_t n, struct cappy_choice *choice,
                               cappy_error *error)
{
    CAPPY_TRY(cappy_chooser_read(chooser, pairs, n, error));
    const size_t best = cappy_chooser_choose(chooser, scores);
    *choice = (struct cappy_choice){pairs, scores, chooser->keys, n, best};
    return CAPPY_OK;
}

static json_t *make_string(cappy_text text)
{
    return json_stringn(text.data != NULL ? text.data : "", text.size);
}

cappy_status cappy_choice_set(json_t *object, const struct cappy_choice *choice, bool with_label,
                              cappy_error *error)
{
    json_t *best = json_integer((json_int_t)choice->best);
    CAPPY_TRY(cappy_scores_set(object, "scores", choice->scores, choice->n, error));
    CAPPY_TRY(cappy_member_set(object, "best", best, error));
    if (with_label) {
        return cappy_member_set(object, "label", make_string(choice->pairs[choice->best].response),
                                error);
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
    struct cappy_choice choice;
    struct cappy_chooser chooser = {.how = cappy_select_settle(&job->select, &session)};
    cappy_status status = cappy_session_score_new(&session, job->pairs, job->n, &scores, error);
    if (status == CAPPY_OK) {
        status = cappy_choice_make(&chooser, job->pairs, scores, job->n, &choice, error);
    }
    if (status == CAPPY_OK) {
        status = print_choice(job, &choice, error);
    }
    if (status == CAPPY_OK && !job->common->quiet) {
        cappy_session_report_truncated(&session);
        cappy_select_report(&chooser.how);
    }
    cappy_chooser_free(&chooser);
    cappy_free(scores);
    cappy_session_close(&session);
    return status;
}
