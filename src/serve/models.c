/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/models.h"

#include <string.h>

enum { PATH_LIMIT = 4096, NAME_LIMIT = 128 };

/* The last part of a path: "models/default/" is called default. */
static cappy_text name_directory(const char *directory)
{
    size_t size = strlen(directory);
    while (size > 1 && directory[size - 1] == '/') {
        size--;
    }
    size_t begin = size;
    while (begin > 0 && directory[begin - 1] != '/') {
        begin--;
    }
    return (cappy_text){directory + begin, size - begin};
}

/* Names are shown in logs and metrics, so they have no surprising letters. */
static bool is_name(cappy_text name)
{
    for (size_t i = 0; i < name.size; i++) {
        const char c = name.data[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\') {
            return false;
        }
    }
    return name.size > 0 && name.size <= NAME_LIMIT;
}

/* Splits NAME=DIR; a DIR alone is named after its last part. */
static cappy_status read_entry(const char *entry, cappy_text *name, const char **directory,
                               cappy_error *error)
{
    const char *equals = strchr(entry, '=');
    const char *slash = strchr(entry, '/');
    if (equals != NULL && (slash == NULL || equals < slash)) {
        *name = (cappy_text){entry, (size_t)(equals - entry)};
        *directory = equals + 1;
    } else {
        *name = name_directory(entry);
        *directory = entry;
    }
    if (!is_name(*name)) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--model %s: a name has 1 to %d letters without spaces and quotes: "
                               "write --model NAME=DIR",
                               entry, NAME_LIMIT);
    }
    return CAPPY_OK;
}

static cappy_status make_scorer(const struct cappy_served_model *model, size_t threads,
                                size_t max_length, cappy_scorer **scorer, cappy_error *error)
{
    const cappy_scorer_options options = {
        .struct_size = sizeof options, .threads = threads, .max_length = max_length};
    return cappy_scorer_create(model->model, &options, scorer, error);
}

static cappy_status make_scorers(const struct cappy_served_models *models, size_t max_length,
                                 struct cappy_served_model *model, cappy_error *error)
{
    CAPPY_TRY(make_scorer(model, 1, max_length, &model->meter, error));
    model->lanes = cappy_alloc(models->n_lanes, sizeof *model->lanes);
    if (model->lanes == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < models->n_lanes; i++) {
        const size_t threads = cappy_served_lane_threads(models, i);
        CAPPY_TRY(make_scorer(model, threads, max_length, &model->lanes[i], error));
    }
    return CAPPY_OK;
}

static cappy_status open_parts(const struct cappy_serve_options *options, const char *directory,
                               const struct cappy_served_models *models,
                               struct cappy_served_model *model, cappy_error *error)
{
    const cappy_model_options opening = {.struct_size = sizeof opening,
                                         .precision = options->precision,
                                         .threads = options->threads,
                                         .mask = options->mask};
    CAPPY_TRY(cappy_model_open(directory, &opening, &model->model, error));
    model->info.struct_size = sizeof model->info;
    CAPPY_TRY(cappy_model_describe(model->model, &model->info, error));
    CAPPY_TRY(make_scorers(models, options->max_length, model, error));
    model->max_length = options->max_length != 0 ? options->max_length : model->info.max_length;
    model->has_lock = pthread_mutex_init(&model->lock, NULL) == 0;
    return model->has_lock ? CAPPY_OK : cappy_error_no_memory(error);
}

struct warming {
    struct cappy_served_models *models;
    struct cappy_served_model *model;
    cappy_error *error;
    cappy_status status;
};

/* Scores a pair of the greatest length. */
static void score_longest(void *data)
{
    enum { WORDS = 4096 };
    struct warming *warming = data;
    char *text = cappy_alloc(2 * WORDS, 1);
    float *scores = cappy_alloc(warming->model->info.n_labels, sizeof *scores);
    if (text == NULL || scores == NULL) {
        warming->status = cappy_error_no_memory(warming->error);
    } else {
        for (size_t i = 0; i < WORDS; i++) {
            memcpy(text + 2 * i, "a ", 2);
        }
        const cappy_pair pair = {CAPPY_TEXT("a"), {text, 2 * WORDS}};
        const struct cappy_served_model *model = warming->model;
        for (size_t i = 0; i < warming->models->n_lanes && warming->status == CAPPY_OK; i++) {
            warming->status = cappy_score(model->lanes[i], &pair, 1, scores, warming->error);
        }
    }
    cappy_free(text);
    cappy_free(scores);
}

/* So that the first request finds most memory in place. */
static cappy_status warm_up(struct cappy_served_models *models, struct cappy_served_model *model,
                            cappy_error *error)
{
    struct warming warming = {models, model, error, CAPPY_OK};
    cappy_run_apart(score_longest, &warming);
    return warming.status;
}

static cappy_status open_entry(const struct cappy_serve_options *options, const char *entry,
                               struct cappy_served_models *models, cappy_error *error)
{
    char path[PATH_LIMIT];
    cappy_text name;
    const char *directory;
    if (entry == NULL) {
        CAPPY_TRY(cappy_model_default(path, sizeof path, error));
        entry = path;
        directory = NULL;
        name = name_directory(path);
    } else {
        CAPPY_TRY(read_entry(entry, &name, &directory, error));
    }
    if (cappy_served_models_find(models, name) != NULL) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "two models are called %.*s: give --model NAME=DIR another name",
                               (int)name.size, name.data);
    }
    struct cappy_served_model *model = &models->models[models->n++];
    model->name = cappy_strndup(name.data, name.size);
    if (model->name == NULL) {
        return cappy_error_no_memory(error);
    }
    CAPPY_TRY(open_parts(options, directory, models, model, error));
    return warm_up(models, model, error);
}

cappy_status cappy_served_models_open(const struct cappy_serve_options *options,
                                      struct cappy_served_models *models, cappy_error *error)
{
    const size_t n = options->n_models > 0 ? options->n_models : 1;
    *models = (struct cappy_served_models){.models = cappy_alloc(n, sizeof *models->models),
                                           .threads = options->threads,
                                           .n_lanes = options->lanes};
    if (models->models == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < n; i++) {
        const char *entry = options->n_models > 0 ? options->models[i] : NULL;
        cappy_status status = open_entry(options, entry, models, error);
        if (status != CAPPY_OK) {
            cappy_served_models_close(models);
            return status;
        }
    }
    return CAPPY_OK;
}

static void close_model(struct cappy_served_model *model, size_t n_lanes)
{
    for (size_t i = 0; model->lanes != NULL && i < n_lanes; i++) {
        cappy_scorer_free(model->lanes[i]);
    }
    cappy_free(model->lanes);
    cappy_scorer_free(model->meter);
    cappy_model_close(model->model);
    cappy_free(model->name);
    if (model->has_lock) {
        pthread_mutex_destroy(&model->lock);
    }
}

void cappy_served_models_close(struct cappy_served_models *models)
{
    for (size_t i = 0; i < models->n; i++) {
        close_model(&models->models[i], models->n_lanes);
    }
    cappy_free(models->models);
    *models = (struct cappy_served_models){0};
}

size_t cappy_served_lane_threads(const struct cappy_served_models *models, size_t lane)
{
    return models->threads / models->n_lanes + (lane < models->threads % models->n_lanes);
}

size_t cappy_served_models_width(const struct cappy_served_models *models)
{
    size_t most = 1;
    for (size_t i = 0; i < models->n; i++) {
        most = models->models[i].info.n_labels > most ? models->models[i].info.n_labels : most;
    }
    return most;
}

struct cappy_served_model *cappy_served_models_find(const struct cappy_served_models *models,
                                                    cappy_text name)
{
    for (size_t i = 0; i < models->n; i++) {
        struct cappy_served_model *model = &models->models[i];
        if (model->name != NULL && strlen(model->name) == name.size &&
            memcmp(model->name, name.data, name.size) == 0) {
            return model;
        }
    }
    return NULL;
}

cappy_status cappy_served_model_measure(struct cappy_served_model *model, const cappy_pair *pairs,
                                        size_t n, size_t *tokens, size_t *whole, cappy_error *error)
{
    pthread_mutex_lock(&model->lock);
    cappy_status status = cappy_measure(model->meter, pairs, n, tokens, whole, error);
    pthread_mutex_unlock(&model->lock);
    return status;
}
