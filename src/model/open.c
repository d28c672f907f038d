/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, describing and closing a model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/bind.h"
#include "model/model.h"
#include "model/structs.h"

/* RoBERTa counts positions from pad_token_id + 1, BERT from 0. */
static size_t first_position(const struct cappy_config *config)
{
    return config->architecture == CAPPY_ARCHITECTURE_ROBERTA ? (size_t)config->pad_token_id + 1
                                                              : 0;
}

/* What must hold between config.json, the tokenizer and the arithmetic before any weight is
 * touched. */
static cappy_status check(struct cappy_model *model, cappy_error *error)
{
    const struct cappy_config *config = &model->config;
    const size_t n_ids = cappy_tokenizer_n_ids(model->tokenizer);
    if (n_ids > config->vocab_size) {
        return cappy_error_set(
            error, CAPPY_FORMAT,
            "the tokenizer has ids up to %zu but config.json's vocab_size is %zu: "
            "the files belong to different models",
            n_ids - 1, config->vocab_size);
    }
    const size_t first = first_position(config);
    const size_t wished = cappy_tokenizer_max_length(model->tokenizer);
    if (config->n_positions < first + CAPPY_MIN_LENGTH) {
        return cappy_error_set(
            error, CAPPY_FORMAT,
            "config.json's max_position_embeddings of %zu leaves no room for text",
            config->n_positions);
    }
    model->max_length = config->n_positions - first;
    if (wished >= CAPPY_MIN_LENGTH && wished < model->max_length) {
        model->max_length = wished;
    }
    return cappy_model_check_mask(model, config->mask, error);
}

cappy_status cappy_model_check_mask(const struct cappy_model *model, enum cappy_mask mask,
                                    cappy_error *error)
{
    if (mask == CAPPY_MASK_PREFIX && cappy_pair_prefix(model->tokenizer, 1) == 0) {
        return cappy_error_set(
            error, CAPPY_UNSUPPORTED,
            "the prefix mask needs a tokenizer that puts a special token between "
            "instruction and response, which this one does not");
    }
    return CAPPY_OK;
}

static cappy_status choose_precision(cappy_precision wish, const struct cappy_kernels *kernels,
                                     cappy_precision *precision, cappy_error *error)
{
    switch (wish) {
    case CAPPY_PRECISION_DEFAULT:
        *precision = CAPPY_PRECISION_FP32;
        return CAPPY_OK;
    case CAPPY_PRECISION_AUTO:
        *precision = kernels->auto_precision;
        return CAPPY_OK;
    case CAPPY_PRECISION_FP32:
    case CAPPY_PRECISION_BF16:
    case CAPPY_PRECISION_INT8:
        *precision = wish;
        return CAPPY_OK;
    }
    return cappy_error_set(error, CAPPY_ARGUMENT, "unknown precision %d", (int)wish);
}

/* Everything but the binding, for a model that will be `bound` or not. */
static cappy_status open_parts(struct cappy_model *model, const char *directory,
                               const cappy_model_options *options, bool bound, cappy_error *error)
{
    CAPPY_TRY(cappy_kernels_choose(&model->kernels, &model->kernels_reason, error));
    CAPPY_TRY(choose_precision(options->precision, model->kernels, &model->precision, error));
    CAPPY_TRY(cappy_config_read(directory, &model->config, error));
    CAPPY_TRY(cappy_tokenizer_open(directory, &model->tokenizer, error));
    cappy_status status = bound ? cappy_config_check_head(&model->config, error) : CAPPY_OK;
    if (status == CAPPY_OK && options->mask != NULL) {
        status = cappy_config_set_mask(&model->config, options->mask, error);
    }
    if (status == CAPPY_OK) {
        status = check(model, error);
    }
    if (status != CAPPY_OK) {
        return cappy_error_at(error, status, directory);
    }
    return cappy_weights_open(directory, &model->weights, error);
}

struct binding {
    struct cappy_model *model;
    size_t threads;
    cappy_error *error;
    cappy_status status;
};

static void run_binding(void *data)
{
    struct binding *binding = data;
    binding->status = cappy_model_bind(binding->model, binding->threads, binding->error);
}

/* With `threads` of 0, unbound. */
static cappy_status open_model(const char *directory, const cappy_model_options *options,
                               size_t threads, struct cappy_model **model, cappy_error *error)
{
    char found[4096];
    if (directory == NULL) {
        CAPPY_TRY(cappy_model_default(found, sizeof found, error));
        directory = found;
    }
    struct cappy_model *opened = cappy_alloc(1, sizeof *opened);
    if (opened == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = open_parts(opened, directory, options, threads != 0, error);
    if (status == CAPPY_OK && threads != 0) {
        struct binding binding = {opened, threads, error, CAPPY_OK};
        cappy_run_apart(run_binding, &binding);
        status = binding.status;
        if (status != CAPPY_OK) {
            cappy_error_at(error, status, directory);
        }
    }
    if (status != CAPPY_OK) {
        cappy_model_close(opened);
        return status;
    }
    *model = opened;
    return CAPPY_OK;
}

cappy_status cappy_model_open_unbound(const char *directory, struct cappy_model **model,
                                      cappy_error *error)
{
    static const cappy_model_options fp32 = {.struct_size = sizeof fp32};
    return open_model(directory, &fp32, 0, model, error);
}

cappy_status cappy_model_open(const char *directory, const cappy_model_options *options,
                              cappy_model **model, cappy_error *error)
{
    cappy_model_options chosen = {.struct_size = sizeof chosen};
    CAPPY_TRY(cappy_struct_read(&chosen, sizeof chosen, options, error));
    size_t threads;
    CAPPY_TRY(cappy_threads_choose(chosen.threads, &threads, error));
    return open_model(directory, &chosen, threads, model, error);
}

void cappy_model_close(cappy_model *model)
{
    if (model == NULL) {
        return;
    }
    cappy_model_unbind(model);
    cappy_weights_close(model->weights);
    cappy_tokenizer_close(model->tokenizer);
    cappy_config_free(&model->config);
    cappy_free(model);
}

static uint64_t count_parameters(const struct cappy_weights *weights)
{
    uint64_t n = 0;
    for (size_t i = 0; i < cappy_weights_count(weights); i++) {
        const struct cappy_tensor *tensor = cappy_weights_at(weights, i);
        n += tensor->dtype != CAPPY_DTYPE_OTHER ? cappy_tensor_n_elements(tensor) : 0;
    }
    return n;
}

cappy_status cappy_model_describe(const cappy_model *model, cappy_model_info *info,
                                  cappy_error *error)
{
    const struct cappy_config *config = &model->config;
    const cappy_model_info full = {
        .architecture = config->model_type,
        .tokenizer = cappy_tokenizer_kind(model->tokenizer),
        .weights_format = cappy_weights_format(model->weights),
        .weights_type = cappy_dtype_name(model->word_embeddings->dtype),
        .precision = model->precision,
        .kernels = model->kernels->name,
        .kernels_reason = model->kernels_reason,
        .activation = config->output_act == CAPPY_OUTPUT_SIGMOID ? "sigmoid" : "identity",
        .n_layers = config->n_layers,
        .hidden_size = config->hidden_size,
        .ffn_size = config->ffn_size,
        .n_heads = config->n_heads,
        .vocab_size = config->vocab_size,
        .n_labels = config->n_labels,
        .max_length = model->max_length,
        .n_parameters = count_parameters(model->weights),
        .weights_size = cappy_weights_size(model->weights),
        .mix_temperature = config->mix_temperature,
        .mask = cappy_mask_name(config->mask),
        .masks = cappy_config_masks(config),
    };
    return cappy_struct_write(info, "info", &full, sizeof full, error);
}

const char *cappy_model_label(const cappy_model *model, size_t index)
{
    return index < model->config.n_labels ? model->config.labels[index] : NULL;
}
