/* SPDX-License-Identifier: Apache-2.0 */
/* Writing checkpoints, and removing them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "train/checkpoint_files.h"
#include "train/folders.h"
#include "train/settings.h"

static json_t *number_text(uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, CAPPY_STATE_NUMBER, number);
    return json_string(text);
}

/* The checksums of a checkpoint's files. */
struct sums {
    uint32_t model;
    uint32_t optimiser;
    uint32_t average;
    uint32_t best;
};

/* Adds what is known of the best weights so far. */
static int set_best(const struct cappy_check *check, uint32_t checksum, json_t *state)
{
    int failed = json_object_set_new(state, "best_step", json_integer((json_int_t)check->step));
    failed |= json_object_set_new(state, "best_value", json_real(check->value));
    failed |= json_object_set_new(state, "checks_since", json_integer((json_int_t)check->since));
    return failed | json_object_set_new(state, CAPPY_FILE_BEST, number_text(checksum));
}

/* What is known about the run beside its arrays. */
static json_t *make_state(const struct cappy_checkpoint *c, const struct sums *sums)
{
    json_t *state = json_object();
    int failed = json_object_set_new(state, "step", json_integer((json_int_t)c->step));
    failed |= json_object_set_new(state, "position", json_integer((json_int_t)c->position));
    failed |= json_object_set_new(state, "rows", json_integer((json_int_t)c->rows));
    failed |= json_object_set_new(state, "fingerprint", number_text(c->fingerprint));
    failed |= json_object_set_new(state, "config", number_text(c->origin.config));
    failed |= json_object_set_new(state, "tokenizer", number_text(c->origin.tokenizer));
    failed |= json_object_set_new(state, "kernels", json_string(c->optimiser->kernels->name));
    failed |= json_object_set_new(state, "settings", cappy_settings_write(&c->settings));
    failed |= json_object_set_new(state, CAPPY_FILE_MODEL, number_text(sums->model));
    failed |= json_object_set_new(state, CAPPY_FILE_OPTIMISER, number_text(sums->optimiser));
    if (c->average != NULL) {
        failed |= json_object_set_new(state, CAPPY_FILE_AVERAGE, number_text(sums->average));
    }
    if (c->check->best != NULL) {
        failed |= set_best(c->check, sums->best, state);
    }
    if (failed != 0) {
        json_decref(state);
        return NULL;
    }
    return state;
}

static cappy_status write_state(const struct cappy_checkpoint *c, const char *directory,
                                const char *name, const struct sums *sums, cappy_error *error)
{
    json_t *state = make_state(c, sums);
    char *text = state != NULL ? json_dumps(state, JSON_INDENT(2)) : NULL;
    char *path = cappy_path_join(directory, name);
    const cappy_status status = text != NULL && path != NULL
                                    ? cappy_file_write(path, text, strlen(text), error)
                                    : cappy_error_no_memory(error);
    json_decref(state);
    cappy_free(text);
    cappy_free(path);
    return status;
}

static cappy_status write_optimiser(const struct cappy_checkpoint *c, const char *directory,
                                    uint32_t *checksum, cappy_error *error)
{
    const uint64_t size = c->params->size;
    const struct cappy_tensor tensors[] = {
        {.name = "mean", .rank = 1, .shape = {size}, .size = size * sizeof(float)},
        {.name = "square", .rank = 1, .shape = {size}, .size = size * sizeof(float)},
    };
    struct cappy_tensor filled[2] = {tensors[0], tensors[1]};
    filled[0].data = (const unsigned char *)c->optimiser->means;
    filled[1].data = (const unsigned char *)c->optimiser->squares;
    char *path = cappy_path_join(directory, CAPPY_FILE_OPTIMISER);
    const cappy_status status = path != NULL
                                    ? cappy_safetensors_write(path, filled, 2, checksum, error)
                                    : cappy_error_no_memory(error);
    cappy_free(path);
    return status;
}

/* Writes other weights than those of the moment, where there are any. */
static cappy_status write_weights(const struct cappy_checkpoint *c, const char *directory,
                                  const char *name, const float *weights, uint32_t *checksum,
                                  cappy_error *error)
{
    if (weights == NULL) {
        return CAPPY_OK;
    }
    char *path = cappy_path_join(directory, name);
    const cappy_status status =
        path != NULL ? cappy_params_save(c->params, weights, CAPPY_DTYPE_F32, path, checksum, error)
                     : cappy_error_no_memory(error);
    cappy_free(path);
    return status;
}

static cappy_status write_parts(const struct cappy_checkpoint *c, const char *directory,
                                cappy_error *error)
{
    struct sums sums = {0};
    if (mkdir(directory, 0777) != 0) {
        return cappy_error_set(error, CAPPY_IO, "%s: cannot be made: %s", directory,
                               strerror(errno));
    }
    CAPPY_TRY(cappy_output_model(directory, c->base, c->settings.loss, c->params, c->weights,
                                 CAPPY_DTYPE_F32, &sums.model, error));
    CAPPY_TRY(write_optimiser(c, directory, &sums.optimiser, error));
    CAPPY_TRY(write_weights(c, directory, CAPPY_FILE_AVERAGE, c->average, &sums.average, error));
    CAPPY_TRY(write_weights(c, directory, CAPPY_FILE_BEST, c->check->best, &sums.best, error));
    return write_state(c, directory, CAPPY_FILE_STATE, &sums, error);
}

/* Removes the folder of a checkpoint, so that what is left half-way is not taken for one. */
static void remove_checkpoint(const char *directory, size_t step)
{
    char *path = cappy_folder_path(directory, step, false);
    char *part = cappy_folder_path(directory, step, true);
    if (path != NULL && part != NULL && rename(path, part) == 0) {
        cappy_folder_remove(part);
    }
    cappy_free(path);
    cappy_free(part);
}

/* Removes the checkpoints before `step`. */
static void prune(const char *directory, size_t step)
{
    size_t *steps;
    size_t n;
    if (cappy_folders_list(directory, &steps, &n, NULL) == CAPPY_OK) {
        for (size_t i = 0; i < n; i++) {
            if (steps[i] < step) {
                remove_checkpoint(directory, steps[i]);
            }
        }
        cappy_free(steps);
    }
}

cappy_status cappy_checkpoint_write(const struct cappy_checkpoint *c, cappy_error *error)
{
    const char *directory = c->job->directory;
    cappy_folders_tidy(directory);
    char *path = cappy_folder_path(directory, c->step, false);
    char *part = cappy_folder_path(directory, c->step, true);
    cappy_status status = CAPPY_OK;
    if (path == NULL || part == NULL) {
        status = cappy_error_no_memory(error);
    } else {
        status = write_parts(c, part, error);
        if (status == CAPPY_OK) {
            remove_checkpoint(directory, c->step); /* a damaged one */
            cappy_folder_remove(path);
        }
        if (status == CAPPY_OK && rename(part, path) != 0) {
            status =
                cappy_error_set(error, CAPPY_IO, "%s: cannot be made: %s", path, strerror(errno));
        }
        if (status == CAPPY_OK) {
            status = cappy_directory_sync(directory, error);
        }
        if (status == CAPPY_OK) {
            prune(directory, c->step);
        } else {
            cappy_folder_remove(part);
        }
    }
    cappy_free(path);
    cappy_free(part);
    return status;
}

void cappy_checkpoint_clear(const char *directory)
{
    cappy_folders_tidy(directory);
    prune(directory, SIZE_MAX);
}

cappy_status cappy_checkpoint_finish(const struct cappy_checkpoint *c, cappy_error *error)
{
    const char *directory = c->job->directory;
    const enum cappy_dtype dtype =
        c->settings.store == CAPPY_PRECISION_BF16 ? CAPPY_DTYPE_BF16 : CAPPY_DTYPE_F32;
    struct sums sums = {0};
    CAPPY_TRY(cappy_output_model(directory, c->base, c->settings.loss, c->params, c->weights, dtype,
                                 &sums.model, error));
    CAPPY_TRY(write_state(c, directory, CAPPY_FILE_RECORD, &sums, error));
    cappy_checkpoint_clear(directory);
    return CAPPY_OK;
}
