/* SPDX-License-Identifier: Apache-2.0 */
/* The models that are served, by name. */
#ifndef CAPPY_SERVE_MODELS_H
#define CAPPY_SERVE_MODELS_H

#include <pthread.h>

#include "serve/serve.h"

struct cappy_served_model {
    char *name;
    cappy_model *model;
    cappy_scorer **lanes; /* [n_lanes], each with its share of the threads */
    cappy_scorer *meter;  /* counts tokens, for whoever holds the lock */
    pthread_mutex_t lock;
    bool has_lock;
    cappy_model_info info;
    size_t max_length;
};

struct cappy_served_models {
    struct cappy_served_model *models; /* [n]; the first is the default */
    size_t n;
    size_t threads;
    size_t n_lanes; /* batches that may be computed at once */
};

/* The threads of a lane: as many as of any other, or one more. */
size_t cappy_served_lane_threads(const struct cappy_served_models *models, size_t lane);

/* Opens what options->models lists. The caller closes *models. */
cappy_status cappy_served_models_open(const struct cappy_serve_options *options,
                                      struct cappy_served_models *models, cappy_error *error);
void cappy_served_models_close(struct cappy_served_models *models);

/* The most labels of a model. */
size_t cappy_served_models_width(const struct cappy_served_models *models);

/* The model of that name; NULL where there is none. */
struct cappy_served_model *cappy_served_models_find(const struct cappy_served_models *models,
                                                    cappy_text name);

/* cappy_measure, from any thread. */
cappy_status cappy_served_model_measure(struct cappy_served_model *model, const cappy_pair *pairs,
                                        size_t n, size_t *tokens, size_t *whole,
                                        cappy_error *error);

#endif
