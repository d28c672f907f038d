/* SPDX-License-Identifier: Apache-2.0 */
#include "train/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "train/folders.h"
#include "train/settings.h"

static const char state_name[] = "trainer_state.json";
static const char optimiser_name[] = "optimizer.safetensors";
static const char model_name[] = "model.safetensors";
static const char best_name[] = "best.safetensors";
static const char record_name[] = "training.json";

enum { MAX_STATE = 1 << 20 };

/* ---- Writing ---- */

static json_t *number_text(uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%016" PRIx64, number);
    return json_string(text);
}

/* The checksums of a checkpoint's files. */
struct sums {
    uint32_t model;
    uint32_t optimiser;
    uint32_t best;
};

/* Adds what is known of the best weights so far. */
static int set_best(const struct cappy_check *check, uint32_t checksum, json_t *state)
{
    int failed = json_object_set_new(state, "best_step", json_integer((json_int_t)check->step));
    failed |= json_object_set_new(state, "best_value", json_real(check->value));
    failed |= json_object_set_new(state, "checks_since", json_integer((json_int_t)check->since));
    return failed | json_object_set_new(state, best_name, number_text(checksum));
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
    failed |= json_object_set_new(state, model_name, number_text(sums->model));
    failed |= json_object_set_new(state, optimiser_name, number_text(sums->optimiser));
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
    char *path = cappy_path_join(directory, optimiser_name);
    const cappy_status status = path != NULL
                                    ? cappy_safetensors_write(path, filled, 2, checksum, error)
                                    : cappy_error_no_memory(error);
    cappy_free(path);
    return status;
}

static cappy_status write_best(const struct cappy_checkpoint *c, const char *directory,
                               uint32_t *checksum, cappy_error *error)
{
    if (c->check->best == NULL) {
        return CAPPY_OK;
    }
    char *path = cappy_path_join(directory, best_name);
    const cappy_status status =
        path != NULL
            ? cappy_params_save(c->params, c->check->best, CAPPY_DTYPE_F32, path, checksum, error)
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
    CAPPY_TRY(write_best(c, directory, &sums.best, error));
    return write_state(c, directory, state_name, &sums, error);
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
    CAPPY_TRY(write_state(c, directory, record_name, &sums, error));
    cappy_checkpoint_clear(directory);
    return CAPPY_OK;
}

/* ---- Reading ---- */

/* Whether the state has `number` under `key`. */
static bool has_number(const json_t *state, const char *key, uint64_t number)
{
    const char *kept = json_string_value(json_object_get(state, key));
    char text[32];
    snprintf(text, sizeof text, "%016" PRIx64, number);
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
    char *path = cappy_path_join(directory, optimiser_name);
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
                                 optimiser_name);
    } else {
        cappy_tensor_to_f32(means, 0, c->params->size, c->optimiser->means);
        cappy_tensor_to_f32(squares, 0, c->params->size, c->optimiser->squares);
    }
    cappy_weights_close(weights);
    return status;
}

/* Fills values[size] from a file written by cappy_params_save. */
static cappy_status read_weights(const struct cappy_checkpoint *c, const char *path, float *values,
                                 cappy_error *error)
{
    struct cappy_weights *weights;
    CAPPY_TRY(cappy_weights_open_file(path, &weights, error));
    const cappy_status status = cappy_params_load(c->params, weights, values, error);
    cappy_weights_close(weights);
    return status;
}

/* The best weights so far, where there were any. */
static cappy_status read_best(const struct cappy_checkpoint *c, const json_t *state,
                              const char *directory, cappy_error *error)
{
    struct cappy_check *check = c->check;
    int64_t step;
    int64_t since;
    if (json_object_get(state, best_name) == NULL) {
        return CAPPY_OK;
    }
    CAPPY_TRY(check_file(state, directory, best_name, error));
    CAPPY_TRY(cappy_json_get_int(state, "best_step", 0, INT64_MAX, 0, &step, error));
    CAPPY_TRY(cappy_json_get_int(state, "checks_since", 0, INT64_MAX, 0, &since, error));
    CAPPY_TRY(cappy_json_get_real(state, "best_value", 0, &check->value, error));
    if (check->best == NULL) {
        check->best = cappy_alloc_aligned(c->params->size, sizeof *check->best);
    }
    char *path = cappy_path_join(directory, best_name);
    const cappy_status status = path != NULL && check->best != NULL
                                    ? read_weights(c, path, check->best, error)
                                    : cappy_error_no_memory(error);
    cappy_free(path);
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
    CAPPY_TRY(check_file(state, directory, model_name, error));
    CAPPY_TRY(check_file(state, directory, optimiser_name, error));
    struct cappy_weights *weights;
    CAPPY_TRY(cappy_weights_open(directory, &weights, error));
    const cappy_status status = cappy_params_load(c->params, weights, c->weights, error);
    cappy_weights_close(weights);
    CAPPY_TRY(status);
    CAPPY_TRY(read_optimiser(c, directory, error));
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
    cappy_status status = read_state(c, directory, state_name, &state, &belongs, error);
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
    char *path = cappy_path_join(c->job->directory, record_name);
    if (path == NULL) {
        return cappy_error_no_memory(error);
    }
    *finished = cappy_file_exists(path);
    cappy_free(path);
    if (*finished) {
        json_t *state;
        bool belongs;
        int64_t step;
        CAPPY_TRY(read_state(c, c->job->directory, record_name, &state, &belongs, error));
        const cappy_status status = cappy_json_get_int(state, "best_step", 0, INT64_MAX,
                                                       (int64_t)c->settings.steps, &step, error);
        json_decref(state);
        CAPPY_TRY(status);
        c->check->step = (size_t)step;
    }
    return CAPPY_OK;
}
