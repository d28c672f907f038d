/* SPDX-License-Identifier: Apache-2.0 */
#include "train/params.h"

#include <stdio.h>
#include <string.h>

enum { MAX_IN_LAYER = 32 };

static cappy_status add(struct cappy_params *params, enum cappy_module module, size_t layer,
                        bool is_bias, cappy_error *error)
{
    const struct cappy_module_shape shape = cappy_module_shape(params->config, module);
    if (is_bias && !shape.has_bias) {
        return CAPPY_OK;
    }
    struct cappy_param *param = &params->items[params->n];
    *param = (struct cappy_param){
        .module = module,
        .layer = layer,
        .is_bias = is_bias,
        .decays = !is_bias && shape.columns != 0,
        .offset = params->size,
        .rows = shape.rows,
        .columns = is_bias ? 0 : shape.columns,
    };
    size_t size;
    if (__builtin_mul_overflow(param->rows, param->columns != 0 ? param->columns : 1, &size) ||
        __builtin_add_overflow(params->size, size, &params->size)) {
        return cappy_error_no_memory(error);
    }
    if (layer == 0) {
        params->places[module][is_bias] = params->n;
    }
    params->n++;
    return CAPPY_OK;
}

/* The modules [first, last], all weights and then all biases. */
static cappy_status add_run(struct cappy_params *params, enum cappy_module first,
                            enum cappy_module last, size_t layer, cappy_error *error)
{
    for (int is_bias = 0; is_bias < 2; is_bias++) {
        for (enum cappy_module module = first; module <= last; module++) {
            CAPPY_TRY(add(params, module, layer, is_bias != 0, error));
        }
    }
    return CAPPY_OK;
}

static cappy_status fill(struct cappy_params *params, cappy_error *error)
{
    for (enum cappy_module m = CAPPY_MODULE_WORDS; m < CAPPY_MODULE_QUERY; m++) {
        CAPPY_TRY(add_run(params, m, m, 0, error));
    }
    const size_t before = params->n;
    for (size_t layer = 0; layer < params->config->n_layers; layer++) {
        CAPPY_TRY(add_run(params, CAPPY_MODULE_QUERY, CAPPY_MODULE_VALUE, layer, error));
        for (enum cappy_module m = CAPPY_MODULE_OUTPUT; m < CAPPY_MODULE_POOLER; m++) {
            CAPPY_TRY(add_run(params, m, m, layer, error));
        }
        params->per_layer = layer == 0 ? params->n - before : params->per_layer;
    }
    CAPPY_TRY(add_run(params, CAPPY_MODULE_POOLER, CAPPY_MODULE_POOLER, 0, error));
    return add_run(params, CAPPY_MODULE_CLASSIFIER, CAPPY_MODULE_CLASSIFIER, 0, error);
}

cappy_status cappy_params_init(const struct cappy_config *config, struct cappy_params *params,
                               cappy_error *error)
{
    *params = (struct cappy_params){.config = config};
    params->items = cappy_alloc((config->n_layers + 1) * MAX_IN_LAYER, sizeof *params->items);
    if (params->items == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = fill(params, error);
    if (status != CAPPY_OK) {
        cappy_params_free(params);
    }
    return status;
}

void cappy_params_free(struct cappy_params *params)
{
    cappy_free(params->items);
    *params = (struct cappy_params){0};
}

size_t cappy_params_at(const struct cappy_params *params, enum cappy_module module, size_t layer,
                       bool is_bias)
{
    return params->items[params->places[module][is_bias] + layer * params->per_layer].offset;
}

cappy_status cappy_param_load(const struct cappy_params *params, const struct cappy_param *param,
                              const struct cappy_weights *weights, float *values,
                              cappy_error *error)
{
    const struct cappy_tensor *tensor;
    CAPPY_TRY(cappy_module_find(params->config, weights, param->module, param->layer,
                                param->is_bias, &tensor, error));
    cappy_tensor_to_f32(tensor, 0, cappy_param_size(param), values + param->offset);
    cappy_weights_release(weights, tensor);
    return CAPPY_OK;
}

cappy_status cappy_params_load(const struct cappy_params *params,
                               const struct cappy_weights *weights, float *values,
                               cappy_error *error)
{
    for (size_t i = 0; i < params->n; i++) {
        CAPPY_TRY(cappy_param_load(params, &params->items[i], weights, values, error));
    }
    return CAPPY_OK;
}

/* The tensor of `param`, its name in `name`. */
static struct cappy_tensor view(const struct cappy_params *params, const struct cappy_param *param,
                                const unsigned char *bytes, enum cappy_dtype dtype,
                                char name[CAPPY_MODULE_NAME + 8])
{
    char module[CAPPY_MODULE_NAME];
    const size_t width = dtype == CAPPY_DTYPE_BF16 ? sizeof(uint16_t) : sizeof(float);
    cappy_module_name(params->config, param->module, param->layer, module);
    snprintf(name, CAPPY_MODULE_NAME + 8, "%s.%s", module, param->is_bias ? "bias" : "weight");
    return (struct cappy_tensor){
        .name = name,
        .dtype = dtype,
        .rank = param->columns != 0 ? 2 : 1,
        .shape = {param->rows, param->columns},
        .data = bytes + param->offset * width,
        .size = cappy_param_size(param) * width,
    };
}

static cappy_status save(const struct cappy_params *params, const unsigned char *bytes,
                         enum cappy_dtype dtype, const char *path, uint32_t *checksum,
                         cappy_error *error)
{
    typedef char tensor_name[CAPPY_MODULE_NAME + 8];
    struct cappy_tensor *tensors = cappy_alloc(params->n, sizeof *tensors);
    tensor_name *names = cappy_alloc(params->n, sizeof *names);
    cappy_status status = CAPPY_OK;
    if (tensors == NULL || names == NULL) {
        status = cappy_error_no_memory(error);
    } else {
        for (size_t i = 0; i < params->n; i++) {
            tensors[i] = view(params, &params->items[i], bytes, dtype, names[i]);
        }
        status = cappy_safetensors_write(path, tensors, params->n, checksum, error);
    }
    cappy_free(tensors);
    cappy_free(names);
    return status;
}

cappy_status cappy_params_save(const struct cappy_params *params, const float *values,
                               enum cappy_dtype dtype, const char *path, uint32_t *checksum,
                               cappy_error *error)
{
    if (dtype != CAPPY_DTYPE_BF16) {
        return save(params, (const unsigned char *)values, CAPPY_DTYPE_F32, path, checksum, error);
    }
    unsigned char *rounded = cappy_alloc(params->size, sizeof(uint16_t));
    if (rounded == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_bf16_from_f32(values, params->size, rounded);
    const cappy_status status = save(params, rounded, dtype, path, checksum, error);
    cappy_free(rounded);
    return status;
}
