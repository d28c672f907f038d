/* SPDX-License-Identifier: Apache-2.0 */
/* What adapting was worth. */
#include <stdio.h>
#include <string.h>

#include "cli/adapt.h"
#include "cli/output.h"

/* ---- Scoring --------------------------------------------------------------------------------- */

static void show_pairs(void *context, size_t done, size_t total)
{
    struct cappy_adapt *adapt = context;
    cappy_progress_update(&adapt->progress, done, total, done, "pairs");
}

static cappy_status score(struct cappy_adapt *adapt, const char *directory, enum cappy_view view,
                          cappy_error *error)
{
    const struct cappy_common *common = &adapt->arguments->common;
    const cappy_model_options model_options = {.struct_size = sizeof model_options,
                                               .precision = adapt->precision,
                                               .threads = common->threads};
    const cappy_scorer_options scorer_options = {.struct_size = sizeof scorer_options,
                                                 .threads = common->threads,
                                                 .max_length = common->max_length};
    cappy_model *model = NULL;
    cappy_scorer *scorer = NULL;
    cappy_status status = cappy_model_open(directory, &model_options, &model, error);
    if (status == CAPPY_OK) {
        status = cappy_scorer_create(model, &scorer_options, &scorer, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_suite_score(&adapt->held_out, view, scorer, show_pairs, adapt, error);
    }
    if (status == CAPPY_OK && view == CAPPY_VIEW_SCORER) {
        status = cappy_suite_score(&adapt->validation, view, scorer, show_pairs, adapt, error);
    }
    cappy_scorer_free(scorer);
    cappy_model_close(model);
    return status;
}

cappy_status cappy_adapt_measure(struct cappy_adapt *adapt, cappy_error *error)
{
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    if (adapt->base.has_head) {
        CAPPY_TRY(score(adapt, arguments->common.model, CAPPY_VIEW_BASE, error));
    }
    CAPPY_TRY(score(adapt, arguments->out, CAPPY_VIEW_SCORER, error));
    CAPPY_TRY(cappy_mix_fit(&adapt->validation, &adapt->temperature, error));
    if (cappy_mix_is_fitted(&adapt->validation)) {
        CAPPY_TRY(cappy_train_keep_temperature(arguments->out, adapt->temperature, error));
    }
    CAPPY_TRY(cappy_mix_set(&adapt->held_out, adapt->temperature, error));
    cappy_suite_set_usual(&adapt->held_out, &adapt->majority);
    CAPPY_TRY(cappy_figures_make(&adapt->held_out, false, arguments->seed, &adapt->open, error));
    return cappy_figures_make(&adapt->held_out, true, arguments->seed, &adapt->closed, error);
}

/* ---- Telling --------------------------------------------------------------------------------- */

/* What the rows were parted by. */
static const char *name_groups(const struct cappy_adapt *adapt)
{
    return adapt->arguments->split_by != NULL ? "groups" : "instructions";
}

cappy_status cappy_adapt_append_parts(const struct cappy_adapt *adapt, struct cappy_buffer *out,
                                      cappy_error *error)
{
    const size_t *n = adapt->split.n_groups;
    return cappy_buffer_format(out, error,
                               "%zu %s to learn from (%zu training rows), %zu to watch it by, %zu "
                               "held out",
                               n[CAPPY_SIDE_TRAIN], name_groups(adapt), adapt->n_training,
                               n[CAPPY_SIDE_VALIDATION], n[CAPPY_SIDE_HELD_OUT]);
}

static cappy_status append_table(const struct cappy_adapt *adapt, struct cappy_buffer *out,
                                 cappy_error *error)
{
    CAPPY_TRY(cappy_adapt_append_parts(adapt, out, error));
    CAPPY_TRY(cappy_buffer_append(out, "\n", 1, error));
    if (adapt->n_excluded > 0) {
        CAPPY_TRY(cappy_buffer_format(out, error,
                                      "%zu rows left out of training: their instructions are "
                                      "held out\n",
                                      adapt->n_excluded));
    }
    if (adapt->split.n_spare > 0) {
        CAPPY_TRY(cappy_buffer_format(out, error,
                                      "%zu rows more than are trained on without --epochs, taken "
                                      "at random, were left out\n",
                                      adapt->split.n_spare));
    }
    if (adapt->n_dropped > 0) {
        CAPPY_TRY(cappy_buffer_format(out, error,
                                      "%zu held-out rows have nothing to choose from and are in "
                                      "no figure\n",
                                      adapt->n_dropped));
    }
    for (int i = 0; i < 2; i++) {
        const struct cappy_figures *figures = i == 0 ? &adapt->open : &adapt->closed;
        if (figures->n > 0) {
            CAPPY_TRY(cappy_buffer_append(out, "\n", 1, error));
            CAPPY_TRY(cappy_figures_print(figures, "held-out ", out, error));
        }
    }
    if (!adapt->base.has_head) {
        CAPPY_TRY(cappy_buffer_format(out, error,
                                      "\nThe base model is an encoder without a head, which gives "
                                      "no scores: there is no row for it.\n"));
    }
    if (adapt->open.n > 0) {
        CAPPY_TRY(cappy_buffer_format(out, error, "\nThe temperature of the mix is %g.\n",
                                      adapt->temperature));
    }
    CAPPY_TRY(cappy_buffer_format(out, error, "%s: the model of step %zu of %zu; %.0f s",
                                  adapt->arguments->out, adapt->outcome.best_step,
                                  adapt->outcome.state.steps, cappy_clock() - adapt->begun));
    if (adapt->outcome.was_complete) {
        return cappy_buffer_append(out, "\n", 1, error);
    }
    const struct cappy_train_state *state = &adapt->outcome.state;
    return cappy_buffer_format(out, error,
                               ", of which training %.0f s (%zu steps, %.0f tokens/s)\n",
                               adapt->train_seconds, state->step - adapt->outcome.begun,
                               state->seconds > 0 ? (double)state->tokens / state->seconds : 0);
}

static cappy_status append_json(const struct cappy_adapt *adapt, struct cappy_buffer *out,
                                cappy_error *error)
{
    const size_t *n = adapt->split.n_groups;
    json_t *object = json_pack(
        "{s: s, s: {s: I, s: I, s: I}, s: I, s: I, s: I, s: f, s: f}", "model",
        adapt->arguments->out, name_groups(adapt), "train", (json_int_t)n[CAPPY_SIDE_TRAIN],
        "validation", (json_int_t)n[CAPPY_SIDE_VALIDATION], "held_out",
        (json_int_t)n[CAPPY_SIDE_HELD_OUT], "training_rows", (json_int_t)adapt->n_training, "steps",
        (json_int_t)adapt->outcome.state.steps, "best_step", (json_int_t)adapt->outcome.best_step,
        "seconds", cappy_clock() - adapt->begun, "training_seconds", adapt->train_seconds);
    int failed = object == NULL;
    if (adapt->open.n > 0) {
        failed |= json_object_set_new(object, "pool", cappy_figures_json(&adapt->open));
        failed |= json_object_set_new(object, "mix_temperature", json_real(adapt->temperature));
    }
    if (adapt->closed.n > 0) {
        failed |= json_object_set_new(object, "classify", cappy_figures_json(&adapt->closed));
    }
    const cappy_status status =
        failed == 0 ? cappy_json_write(object, out, error) : cappy_error_no_memory(error);
    json_decref(object);
    return status;
}

cappy_status cappy_adapt_print(const struct cappy_adapt *adapt, cappy_error *error)
{
    struct cappy_buffer text;
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = adapt->arguments->common.json ? append_json(adapt, &text, error)
                                                        : append_table(adapt, &text, error);
    if (status == CAPPY_OK) {
        status = cappy_output_print(adapt->arguments->common.output, &text, error);
    }
    cappy_buffer_free(&text);
    return status;
}
