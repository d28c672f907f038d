/* SPDX-License-Identifier: Apache-2.0 */
#include "train/head.h"

#include <math.h>
#include <string.h>

bool cappy_head_is_missing(const struct cappy_model *model)
{
    switch (model->config.head) {
    case CAPPY_HEAD_NONE:
        return true;
    case CAPPY_HEAD_UNSAID:
        return !cappy_module_is_there(&model->config, model->weights, CAPPY_MODULE_CLASSIFIER, 0);
    case CAPPY_HEAD_CLASSIFIER:
    case CAPPY_HEAD_NEW:
        break;
    }
    return false;
}

cappy_status cappy_head_check(const struct cappy_model *model, const char *name, cappy_error *error)
{
    if (!cappy_head_is_missing(model) && model->config.n_labels != 1) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "%s: gives %zu numbers for a pair; a row has one score, so a model "
                               "to be trained must give one (\"id2label\" in config.json)",
                               name, model->config.n_labels);
    }
    return CAPPY_OK;
}

/* A number from 0 (excluded) to 1. */
static double draw(struct cappy_random *random)
{
    return ((double)(cappy_random_next(random) >> 11) + 1) * 0x1p-53;
}

/* Box and Muller (1958). */
static void fill_normal(struct cappy_random *random, double width, size_t n, float *values)
{
    const double two_pi = 6.283185307179586;
    for (size_t i = 0; i < n; i++) {
        const double radius = sqrt(-2 * log(draw(random)));
        values[i] = (float)(width * radius * cos(two_pi * draw(random)));
    }
}

static void fill(const struct cappy_params *params, const struct cappy_param *param, uint64_t seed,
                 float *values)
{
    struct cappy_random random = cappy_random_begin(seed, (uint64_t)param->module);
    const double width = param->is_bias ? 0 : params->config->initializer_range;
    fill_normal(&random, width, cappy_param_size(param), values + param->offset);
}

static bool is_zero(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (values[i] < 0 || values[i] > 0) {
            return false;
        }
    }
    return true;
}

static cappy_status choose_pooler(const struct cappy_params *params,
                                  const struct cappy_weights *weights, float *values,
                                  enum cappy_pooler *pooler, cappy_error *error)
{
    if (params->config->architecture == CAPPY_ARCHITECTURE_ROBERTA) {
        *pooler = CAPPY_POOLER_DRAWN;
        return CAPPY_OK;
    }
    *pooler = CAPPY_POOLER_IDENTITY;
    if (cappy_module_is_there(params->config, weights, CAPPY_MODULE_POOLER, 0)) {
        const struct cappy_param *bias = &params->items[params->places[CAPPY_MODULE_POOLER][1]];
        CAPPY_TRY(cappy_param_load(params, bias, weights, values, error));
        if (!is_zero(values + bias->offset, cappy_param_size(bias))) {
            *pooler = CAPPY_POOLER_OWN;
        }
    }
    return CAPPY_OK;
}

/* The weight becomes the identity [H, H], the bias 0. */
static void fill_identity(const struct cappy_param *param, float *values)
{
    float *to = values + param->offset;
    memset(to, 0, cappy_param_size(param) * sizeof *to);
    for (size_t i = 0; !param->is_bias && i < param->rows; i++) {
        to[i * param->columns + i] = 1;
    }
}

cappy_status cappy_head_load(const struct cappy_params *params, const struct cappy_weights *weights,
                             uint64_t seed, float *values, enum cappy_pooler *pooler,
                             cappy_error *error)
{
    CAPPY_TRY(choose_pooler(params, weights, values, pooler, error));
    for (size_t i = 0; i < params->n; i++) {
        const struct cappy_param *param = &params->items[i];
        const bool is_pooler = param->module == CAPPY_MODULE_POOLER;
        if (is_pooler && *pooler == CAPPY_POOLER_IDENTITY) {
            fill_identity(param, values);
        } else if (param->module == CAPPY_MODULE_CLASSIFIER ||
                   (is_pooler && *pooler == CAPPY_POOLER_DRAWN)) {
            fill(params, param, seed, values);
        } else {
            CAPPY_TRY(cappy_param_load(params, param, weights, values, error));
        }
    }
    return CAPPY_OK;
}
