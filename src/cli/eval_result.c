/* SPDX-License-Identifier: Apache-2.0 */
/* What is told about an evaluation. */
#include <stdio.h>
#include <string.h>

#include "cli/eval.h"
#include "cli/facts.h"
#include "cli/output.h"

static const char *const kind_names[] = {"classify", "pool"};

/* ---- Figures --------------------------------------------------------------------------------- */

/* The temperature of the mix: as asked for, else as the model says, else 1. */
static double find_temperature(const struct cappy_eval *eval)
{
    const struct cappy_real *asked = &eval->arguments->mix_temperature;
    const struct cappy_choosing mix = {CAPPY_SELECT_MIX, asked->is_given, asked->value};
    return cappy_choosing_settle(mix, eval->has_session ? eval->session.mix_temperature : -1)
        .temperature;
}

cappy_status cappy_eval_measure(struct cappy_eval *eval, cappy_error *error)
{
    const struct cappy_eval_arguments *arguments = eval->arguments;
    const bool is_closed = eval->kind == CAPPY_EVAL_CLASSIFY;
    eval->temperature = find_temperature(eval);
    CAPPY_TRY(is_closed ? cappy_suite_find_usual(&eval->suite, error)
                        : cappy_mix_set(&eval->suite, eval->temperature, error));
    return cappy_figures_make(&eval->suite, is_closed, arguments->seed, &eval->figures, error);
}

/* ---- What it was done with ------------------------------------------------------------------- */

cappy_status cappy_eval_describe(const struct cappy_eval *eval, struct cappy_buffer *out,
                                 cappy_error *error)
{
    const struct cappy_common *common = &eval->arguments->common;
    if (!eval->has_session) {
        return cappy_buffer_format(out, error, "scores as they stand in the rows");
    }
    cappy_model_info info = {.struct_size = sizeof info};
    CAPPY_TRY(cappy_model_describe(eval->session.model, &info, error));
    CAPPY_TRY(cappy_buffer_format(out, error, "%s, %s",
                                  eval->arguments->models != NULL ? eval->arguments->models
                                  : common->model != NULL         ? common->model
                                                                  : "the default model",
                                  cappy_precision_name(info.precision)));
    if (eval->arguments->limit > 0) {
        CAPPY_TRY(cappy_buffer_format(out, error, ", the first %zu rows of each file",
                                      eval->arguments->limit));
    }
    return cappy_buffer_format(out, error, ", %.0f s", cappy_clock() - eval->begun);
}

static cappy_status append_table(const struct cappy_eval *eval, struct cappy_buffer *out,
                                 cappy_error *error)
{
    const bool is_pool = eval->kind == CAPPY_EVAL_POOL;
    CAPPY_TRY(cappy_buffer_format(out, error, "cappy eval %s: ", kind_names[eval->kind]));
    CAPPY_TRY(cappy_eval_describe(eval, out, error));
    CAPPY_TRY(cappy_buffer_format(out, error, "\n"));
    CAPPY_TRY(cappy_figures_print(&eval->figures, "", out, error));
    if (is_pool) {
        CAPPY_TRY(cappy_best_of_print(&eval->suite, &eval->figures, eval->temperature,
                                      eval->arguments->seed, out, error));
        CAPPY_TRY(cappy_buffer_format(out, error, "\nThe temperature of the mix is %g.\n",
                                      eval->temperature));
    }
    return eval->n_single > 0
               ? cappy_buffer_format(out, error,
                                     "%zu rows have a single answer, and are in no figure.\n",
                                     eval->n_single)
               : CAPPY_OK;
}

static cappy_status append_json(const struct cappy_eval *eval, struct cappy_buffer *out,
                                cappy_error *error)
{
    const struct cappy_common *common = &eval->arguments->common;
    json_t *object = cappy_figures_json(&eval->figures);
    int failed = object == NULL;
    failed |= json_object_set_new(object, "kind", json_string(kind_names[eval->kind]));
    failed |= json_object_set_new(object, "single", json_integer((json_int_t)eval->n_single));
    failed |= json_object_set_new(object, "scored_pairs", json_integer((json_int_t)eval->n_pairs));
    failed |= json_object_set_new(object, "kept", json_integer((json_int_t)eval->n_kept));
    failed |= json_object_set_new(object, "seconds", json_real(cappy_clock() - eval->begun));
    if (eval->has_session) {
        cappy_model_info info = {.struct_size = sizeof info};
        CAPPY_TRY(cappy_model_describe(eval->session.model, &info, error));
        failed |= json_object_set_new(
            object, "model", common->model != NULL ? json_string(common->model) : json_null());
        failed |= json_object_set_new(object, "precision",
                                      json_string(cappy_precision_name(info.precision)));
    }
    if (eval->kind == CAPPY_EVAL_POOL) {
        failed |= json_object_set_new(object, "mix_temperature", json_real(eval->temperature));
        failed |= json_object_set_new(object, "best_of",
                                      cappy_best_of_json(&eval->suite, &eval->figures,
                                                         eval->temperature, eval->arguments->seed));
    }
    const cappy_status status =
        failed == 0 ? cappy_json_write(object, out, error) : cappy_error_no_memory(error);
    json_decref(object);
    return status;
}

/* ---- The page -------------------------------------------------------------------------------- */

/* What was evaluated with, and the files. */
static cappy_status write_subtitle(const struct cappy_eval *eval, struct cappy_buffer *out,
                                   cappy_error *error)
{
    const struct cappy_common *common = &eval->arguments->common;
    CAPPY_TRY(cappy_eval_describe(eval, out, error));
    for (size_t i = 1; i < common->n_operands; i++) {
        const char *slash = strrchr(common->operands[i], '/');
        CAPPY_TRY(cappy_buffer_format(out, error, "%s%s", i == 1 ? ": " : ", ",
                                      slash != NULL ? slash + 1 : common->operands[i]));
    }
    return CAPPY_OK;
}

cappy_status cappy_eval_add_to_page(struct cappy_eval *eval, const char *title, cappy_error *error)
{
    const struct cappy_figures none = {0};
    const bool is_pool = eval->kind == CAPPY_EVAL_POOL;
    const cappy_text heading = {title, strlen(title)};
    struct cappy_buffer text;
    if (eval->arguments->report == NULL) {
        return CAPPY_OK;
    }
    if (eval->page.size == 0) {
        CAPPY_TRY(cappy_report_begin(heading, &eval->page, error));
    }
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = write_subtitle(eval, &text, error);
    if (status == CAPPY_OK) {
        const struct cappy_report report = {.title = heading,
                                            .subtitle = {text.data, text.size},
                                            .suite = &eval->suite,
                                            .open = is_pool ? &eval->figures : &none,
                                            .closed = is_pool ? &none : &eval->figures,
                                            .temperature = eval->temperature,
                                            .seed = eval->arguments->seed,
                                            .adjective = "",
                                            .model = "model"};
        status = cappy_report_add(&report, &eval->page, error);
    }
    cappy_buffer_free(&text);
    return status;
}

cappy_status cappy_eval_write_page(struct cappy_eval *eval, cappy_error *error)
{
    if (eval->arguments->report == NULL) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_report_end(&eval->page, error));
    return cappy_file_write(eval->arguments->report, eval->page.data, eval->page.size, error);
}

cappy_status cappy_eval_tell(struct cappy_eval *eval, cappy_error *error)
{
    const struct cappy_eval_arguments *arguments = eval->arguments;
    struct cappy_buffer text;
    char title[32];
    snprintf(title, sizeof title, "cappy eval %s", kind_names[eval->kind]);
    CAPPY_TRY(cappy_eval_measure(eval, error));
    CAPPY_TRY(cappy_eval_add_to_page(eval, title, error));
    CAPPY_TRY(cappy_eval_write_page(eval, error));
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status =
        arguments->common.json ? append_json(eval, &text, error) : append_table(eval, &text, error);
    if (status == CAPPY_OK) {
        status = cappy_output_print(arguments->common.output, &text, error);
    }
    cappy_buffer_free(&text);
    return status;
}
