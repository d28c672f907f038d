/* SPDX-License-Identifier: Apache-2.0 */
#include "train/head.h"

#include <math.h>

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

cappy_status cappy_head_load(const struct cappy_params *params, const struct cappy_weights *weights,
                             uint64_t seed, float *values, bool *new_pooler, cappy_error *error)
{
    /* RoBERTa's classifier has a dense layer of its own, whatever pooler the encoder came with. */
    *new_pooler = params->config->architecture == CAPPY_ARCHITECTURE_ROBERTA ||
                  !cappy_module_is_there(params->config, weights, CAPPY_MODULE_POOLER, 0);
    for (size_t i = 0; i < params->n; i++) {
        const struct cappy_param *param = &params->items[i];
        if (param->module == CAPPY_MODULE_CLASSIFIER ||
            (param->module == CAPPY_MODULE_POOLER && *new_pooler)) {
            fill(params, param, seed, values);
        } else {
            CAPPY_TRY(cappy_param_load(params, param, weights, values, error));
        }
    }
    return CAPPY_OK;
}
