/* SPDX-License-Identifier: Apache-2.0 */
/* Reading checkpoints: the newest whole one, if it is of this run. */
#include <stdio.h>
#include <string.h>

#include "train/checkpoint_files.h"
#include "train/folders.h"
#include "train/settings.h"

enum { MAX_STATE = 1 << 20 };

/* Whether the state has `number` under `key`. */
static bool has_number(const json_t *state, const char *key, uint64_t number)
{
    const char *kept = json_string_value(json_object_get(state, key));
    char text[32];
    snprintf(text, sizeof text, CAPPY_STATE_NUMBER, number);
    return kept != NULL && strcmp(kept, text) == 0;
}

/* Whether a file's checksum is the one that the state has. */
static cappy_status check_file(const json_t *state, const char *directory, const char *name,
                               cappy_error *error)
{
    char *path = cappy_path_join(directory, name);
    uint32_t checksum = 0;
    cappy_status status =
        path != NULL ? cappy_file_checksum(path, &checksum, error) : cappy_error_no_memory(error);
    if (status == CAPPY_OK) {
        if (!has_number(state, name, checksum)) {
            status =
                cappy_error_set(error, CAPPY_FORMAT, "%s: damaged: its checksum is wrong", path);
        }
    }
    cappy_free(path);
    return status;
}

static cappy_status read_optimiser(const struct cappy_checkpoint *c, const char *directory,
                                   cappy_error *error)
{
    char *path = cappy_path_join(directory, CAPPY_FILE_OPTIMISER);
    struct cappy_weights *weights = NULL;
    cappy_status status = path != NULL ? cappy_weights_open_file(path, &weights, error)
                                       : cappy_error_no_memory(error);
    cappy_free(path);
    CAPPY_TRY(status);
    const struct cappy_tensor *means = cappy_weights_find(weights, "mean");
    const struct cappy_tensor *squares = cappy_weights_find(weights, "square");
    const uint64_t size = c->params->size * sizeof(float);
    if (means == NULL || squares == NULL || means->size != size || squares->size != size ||
        means->dtype != CAPPY_DTYPE_F32 || squares->dtype != CAPPY_DTYPE_F32) {
        status = cappy_error_set(error, CAPPY_FORMAT, "%s/%s: not of this model", directory,
                                 CAPPY_FILE_OPTIMISER);
    } else {
        cappy_tensor_to_f32(means, 0, c->params->size, c->optimiser->means);
        cappy_tensor_to_f32(squares, 0, c->params->size, c->optimiser->squares);
    }
    cappy_weights_close(weights);
    return status;
}

/* Fills values[size] from directory/name, whose checksum the state has. */
static cappy_status read_weights(const struct cappy_checkpoint *c, const json_t *state,
                                 const char *directory, const char *name, float *values,
                                 cappy_error *error)
{
    CAPPY_TRY(check_file(state, directory, name, error));
    struct cappy_weights *weights = NULL;
    char *path = cappy_path_join(directory, name);
    cappy_status status = path != NULL ? cappy_weights_open_file(path, &weights, error)
                                       : cappy_error_no_memory(error);
    if (status == CAPPY_OK) {
        status = cappy_params_load(c->params, weights, values, error);
        cappy_weights_close(weights);
    }
    cappy_free(path);
    return status;
}

/* The best weights so far, where there were any. */
static cappy_status read_best(const struct cappy_checkpoint *c, const json_t *state,
                              const char *directory, cappy_error *error)
{
    struct cappy_check *check = c->check;
    int64_t step;
    int64_t since;
    if (json_object_get(state, CAPPY_FILE_BEST) == NULL) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_json_get_int(state, "best_step", 0, INT64_MAX, 0, &step, error));
    CAPPY_TRY(cappy_json_get_int(state, "checks_since", 0, INT64_MAX, 0, &since, error));
    CAPPY_TRY(cappy_json_get_real(state, "best_value", 0, &check->value, error));
    if (check->best == NULL) {
        check->best = cappy_alloc_aligned(c->params->size, sizeof *check->best);
    }
    const cappy_status status =
        check->best != NULL ? read_weights(c, state, directory, CAPPY_FILE_BEST, check->best, error)
                            : cappy_error_no_memory(error);
    check->step = (size_t)step;
    check->since = (size_t)since;
    if (status != CAPPY_OK) { /* an older checkpoint may have none */
        cappy_free(check->best);
        check->best = NULL;
    }
    return status;
}

static cappy_status read_arrays(struct cappy_checkpoint *c, const json_t *state,
                                const char *directory, cappy_error *error)
{
    int64_t step;
    int64_t position;
    CAPPY_TRY(cappy_json_get_int(state, "step", 0, INT64_MAX, 0, &step, error));
    CAPPY_TRY(cappy_json_get_int(state, "position", 0, INT64_MAX, 0, &position, error));
    CAPPY_TRY(check_file(state, directory, CAPPY_FILE_MODEL, error));
    CAPPY_TRY(check_file(state, directory, CAPPY_FILE_OPTIMISER, error));
    struct cappy_weights *weights;
    CAPPY_TRY(cappy_weights_open(directory, &weights, error));
    const cappy_status status = cappy_params_load(c->params, weights, c->weights, error);
    cappy_weights_close(weights);
    CAPPY_TRY(status);
    CAPPY_TRY(read_optimiser(c, directory, error));
    if (c->average != NULL) {
        CAPPY_TRY(read_weights(c, state, directory, CAPPY_FILE_AVERAGE, c->average, error));
    }
    CAPPY_TRY(read_best(c, state, directory, error));
    c->step = (size_t)step;
    c->position = (size_t)position;
    return CAPPY_OK;
}

/* CAPPY_FORMAT when the state is of a run that began with something else. */
static cappy_status check_origin(const struct cappy_checkpoint *c, const char *directory,
                                 const json_t *state, cappy_error *error)
{
    const bool has_config = has_number(state, "config", c->origin.config);
    if (!has_config || !has_number(state, "tokenizer", c->origin.tokenizer)) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "%s: the %s of %.200s is not the one that this run was begun with: "
                               "give the same --model, unchanged, or choose another --out",
                               directory, has_config ? "tokenizer" : "config.json", c->base);
    }
    if (!has_number(state, "fingerprint", c->fingerprint)) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "%s: the rows are not those that this run was begun with: give the "
                               "same files, unchanged and in the same order, or choose another "
                               "--out",
                               directory);
    }
    return CAPPY_OK;
}

/* The state at directory/name, which must be of this run's settings and rows: *belongs is false
 * when it is of another run. */
static cappy_status read_state(const struct cappy_checkpoint *c, const char *directory,
                               const char *name, json_t **state, bool *belongs, cappy_error *error)
{
    char *path = cappy_path_join(directory, name);
    *state = NULL;
    *belongs = true;
    cappy_status status = path != NULL ? cappy_json_read(path, MAX_STATE, state, error)
                                       : cappy_error_no_memory(error);
    if (status == CAPPY_OK) {
        status = cappy_settings_compare(&c->settings, json_object_get(*state, "settings"), error);
        if (status == CAPPY_OK) {
            status = check_origin(c, directory, *state, error);
        }
        *belongs = status == CAPPY_OK;
    }
    if (status != CAPPY_OK) {
        json_decref(*state);
        *state = NULL;
    }
    cappy_free(path);
    return status;
}

static void note(const struct cappy_checkpoint *c, const char *sentence)
{
    if (c->job->note != NULL) {
        c->job->note(c->job->context, sentence);
    }
}

/* Reads the checkpoint in `directory`; *fatal tells that no older one is to be tried. */
static cappy_status read_one(struct cappy_checkpoint *c, const char *directory, bool *fatal,
                             cappy_error *error)
{
    json_t *state;
    bool belongs;
    cappy_status status = read_state(c, directory, CAPPY_FILE_STATE, &state, &belongs, error);
    *fatal = status == CAPPY_NO_MEMORY || !belongs;
    CAPPY_TRY(status);
    const char *kernels = json_string_value(json_object_get(state, "kernels"));
    if (kernels != NULL && strcmp(kernels, c->optimiser->kernels->name) != 0) {
        note(c, "this processor's kernels are not those the run was begun with: the weights will "
                "differ in the last bits from an uninterrupted run (CAPPY_ISA can force a set)");
    }
    status = read_arrays(c, state, directory, error);
    *fatal = status == CAPPY_NO_MEMORY;
    json_decref(state);
    return status;
}

cappy_status cappy_checkpoint_read(struct cappy_checkpoint *c, bool *found, cappy_error *error)
{
    size_t *steps;
    size_t n;
    *found = false;
    CAPPY_TRY(cappy_folders_list(c->job->directory, &steps, &n, error));
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; i < n && !*found; i++) {
        bool fatal = true;
        char *path = cappy_folder_path(c->job->directory, steps[i], false);
        cappy_error reason;
        status = path != NULL ? read_one(c, path, &fatal, &reason) : cappy_error_no_memory(&reason);
        cappy_free(path);
        *found = status == CAPPY_OK;
        if (fatal && status != CAPPY_OK) {
            if (error != NULL) {
                *error = reason;
            }
            break;
        }
        if (!*found) {
            note(c, reason.message);
            status = CAPPY_OK;
        }
    }
    cappy_free(steps);
    return status;
}

cappy_status cappy_checkpoint_is_finished(const struct cappy_checkpoint *c, bool *finished,
                                          cappy_error *error)
{
    char *path = cappy_path_join(c->job->directory, CAPPY_FILE_RECORD);
    if (path == NULL) {
        return cappy_error_no_memory(error);
    }
    *finished = cappy_file_exists(path);
    cappy_free(path);
    if (*finished) {
        json_t *state;
        bool belongs;
        int64_t step;
        CAPPY_TRY(read_state(c, c->job->directory, CAPPY_FILE_RECORD, &state, &belongs, error));
        const cappy_status status = cappy_json_get_int(state, "best_step", 0, INT64_MAX,
                                                       (int64_t)c->settings.steps, &step, error);
        json_decref(state);
        CAPPY_TRY(status);
        c->check->step = (size_t)step;
    }
    return CAPPY_OK;
}
