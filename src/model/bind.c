/* SPDX-License-Identifier: Apache-2.0 */
/* Binds the tensors of a Hugging Face BERT or RoBERTa sequence classifier to the model's matrices.
 *
 * The names of both families are in one table each: of a layer's tensors, which they share, and of
 * the head's. A tensor is checked against the shape that config.json promises before anything is
 * allocated for it, is copied (packed for the kernel set, or as fp32) and then released, so that a
 * checkpoint's pages do not stay resident beside the packed weights. */
#include "model/bind.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 256 };

/* What differs between the families. */
struct names {
    const char *prefix;     /* of the encoder's tensors */
    const char *pooler;     /* dense layer before the tanh */
    const char *classifier; /* last layer */
};

static const struct names names[] = {
    [CAPPY_ARCHITECTURE_BERT] = {"bert.", "bert.pooler.dense", "classifier"},
    [CAPPY_ARCHITECTURE_ROBERTA] = {"roberta.", "classifier.dense", "classifier.out_proj"},
};

/* A tensor by name. Checkpoints from before 2019 call the weight and bias of a norm gamma and
 * beta. */
static const struct cappy_tensor *find(const struct cappy_model *model, const char *module,
                                       const char *part)
{
    char name[MAX_NAME];
    snprintf(name, sizeof name, "%s.%s", module, part);
    const struct cappy_tensor *tensor = cappy_weights_find(model->weights, name);
    if (tensor == NULL && strstr(module, "LayerNorm") != NULL) {
        snprintf(name, sizeof name, "%s.%s", module, part[0] == 'w' ? "gamma" : "beta");
        tensor = cappy_weights_find(model->weights, name);
    }
    return tensor;
}

/* The tensor module.part, which must have shape [rows, columns], or [rows] when columns is 0. */
static cappy_status require(const struct cappy_model *model, const char *module, const char *part,
                            size_t rows, size_t columns, const struct cappy_tensor **tensor,
                            cappy_error *error)
{
    const struct cappy_tensor *found = find(model, module, part);
    if (found == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "tensor %s.%s is missing: is this a sequence classifier with the "
                               "architecture that config.json names?",
                               module, part);
    }
    size_t rank = columns != 0 ? 2 : 1;
    if (found->rank != rank || found->shape[0] != rows ||
        (columns != 0 && found->shape[1] != columns)) {
        char shape[128] = "";
        for (size_t i = 0; i < found->rank; i++) {
            size_t used = strlen(shape);
            snprintf(shape + used, sizeof shape - used, "%s%llu", i == 0 ? "" : ", ",
                     (unsigned long long)found->shape[i]);
        }
        char wanted[64];
        snprintf(wanted, sizeof wanted, columns != 0 ? "%zu, %zu" : "%zu", rows, columns);
        return cappy_error_set(error, CAPPY_FORMAT,
                               "tensor %s has shape [%s]; config.json asks for [%s]", found->name,
                               shape, wanted);
    }
    if (found->dtype == CAPPY_DTYPE_OTHER) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED, "tensor %s is neither F32, F16 nor BF16",
                               found->name);
    }
    *tensor = found;
    return CAPPY_OK;
}

/* A copy of module.part as fp32. */
static cappy_status copy_f32(struct cappy_model *model, const char *module, const char *part,
                             size_t rows, size_t columns, float **copy, cappy_error *error)
{
    const struct cappy_tensor *tensor;
    CAPPY_TRY(require(model, module, part, rows, columns, &tensor, error));
    size_t n = rows * (columns != 0 ? columns : 1);
    *copy = cappy_alloc_aligned(n, sizeof **copy);
    if (*copy == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_tensor_to_f32(tensor, 0, n, *copy);
    cappy_weights_release(model->weights, tensor);
    return CAPPY_OK;
}

static cappy_status bind_norm(struct cappy_model *model, const char *module,
                              struct cappy_norm_weights *norm, cappy_error *error)
{
    size_t width = model->config.hidden_size;
    CAPPY_TRY(copy_f32(model, module, "weight", width, 0, &norm->weight, error));
    return copy_f32(model, module, "bias", width, 0, &norm->bias, error);
}

/* Packs the panels of tensors[count], stacked on top of each other, each [rows, k]; `room` holds
 * one panel of fp32 for each thread. */
static void pack_panels(const struct cappy_kernels *kernels, struct cappy_matrix *matrix,
                        const struct cappy_tensor *const *tensors, size_t rows, float *room,
                        size_t threads)
{
    const size_t k = matrix->k;
    const size_t panels = cappy_matrix_panels(matrix);
#pragma omp parallel for num_threads((int)threads) schedule(static)
    for (size_t worker = 0; worker < threads; worker++) {
        float *source = room + worker * matrix->panel * k;
        for (size_t p = worker * panels / threads; p < (worker + 1) * panels / threads; p++) {
            size_t first = p * matrix->panel;
            size_t n = matrix->n - first < matrix->panel ? matrix->n - first : matrix->panel;
            for (size_t i = 0; i < n; i++) {
                const struct cappy_tensor *tensor = tensors[(first + i) / rows];
                cappy_tensor_to_f32(tensor, (first + i) % rows * k, k, source + i * k);
            }
            kernels->pack(&(struct cappy_packing){source, k, 1, n, matrix, p});
        }
    }
}

/* The arrays of a matrix [n, k], not yet filled. On failure free_matrix takes what there is. */
static cappy_status allocate_matrix(const struct cappy_kernels *kernels, cappy_precision precision,
                                    size_t n, size_t k, struct cappy_matrix *matrix,
                                    cappy_error *error)
{
    *matrix =
        (struct cappy_matrix){.precision = precision, .n = n, .k = k, .panel = kernels->panel};
    matrix->groups = cappy_row_size(precision, k) / sizeof(float);
    const size_t padded = cappy_matrix_panels(matrix) * matrix->panel;
    matrix->packed = cappy_alloc_aligned(padded * matrix->groups, sizeof(float));
    matrix->bias = cappy_alloc(padded, sizeof *matrix->bias);
    if (precision == CAPPY_PRECISION_INT8) {
        matrix->scales = cappy_alloc(padded, sizeof *matrix->scales);
        matrix->shifts = cappy_alloc(padded, sizeof *matrix->shifts);
    }
    if (matrix->packed == NULL || matrix->bias == NULL ||
        (precision == CAPPY_PRECISION_INT8 && (matrix->scales == NULL || matrix->shifts == NULL))) {
        return cappy_error_no_memory(error);
    }
    return CAPPY_OK;
}

/* One matrix out of `count` linear layers of the same shape [rows, k], stacked. */
static cappy_status bind_matrix(struct cappy_model *model, cappy_precision precision,
                                const char *const *modules, size_t count, size_t rows, size_t k,
                                size_t threads, struct cappy_matrix *matrix, cappy_error *error)
{
    const struct cappy_tensor *weights[3];
    const struct cappy_tensor *biases[3];
    for (size_t i = 0; i < count; i++) {
        CAPPY_TRY(require(model, modules[i], "weight", rows, k, &weights[i], error));
        CAPPY_TRY(require(model, modules[i], "bias", rows, 0, &biases[i], error));
    }
    CAPPY_TRY(allocate_matrix(model->kernels, precision, count * rows, k, matrix, error));
    float *room = cappy_alloc_aligned(threads * matrix->panel * k, sizeof *room);
    if (room == NULL) {
        return cappy_error_no_memory(error);
    }
    pack_panels(model->kernels, matrix, weights, rows, room, threads);
    cappy_free(room);
    for (size_t i = 0; i < count; i++) {
        cappy_tensor_to_f32(biases[i], 0, rows, matrix->bias + i * rows);
        cappy_weights_release(model->weights, weights[i]);
    }
    return CAPPY_OK;
}

static cappy_status bind_layer(struct cappy_model *model, size_t index, size_t threads,
                               struct cappy_layer *layer, cappy_error *error)
{
    /* The tensors of a layer, in both families. */
    enum { QUERY, KEY, VALUE, OUTPUT, ATTENTION_NORM, UP, DOWN, OUTPUT_NORM, COUNT };
    static const char *const parts[COUNT] = {
        "attention.self.query",   "attention.self.key",         "attention.self.value",
        "attention.output.dense", "attention.output.LayerNorm", "intermediate.dense",
        "output.dense",           "output.LayerNorm",
    };
    char text[COUNT][MAX_NAME];
    const char *module[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(text[i], MAX_NAME, "%sencoder.layer.%zu.%s",
                 names[model->config.architecture].prefix, index, parts[i]);
        module[i] = text[i];
    }
    const size_t h = model->config.hidden_size;
    const size_t f = model->config.ffn_size;
    const cappy_precision p = model->precision;
    CAPPY_TRY(bind_matrix(model, p, &module[QUERY], 3, h, h, threads, &layer->qkv, error));
    CAPPY_TRY(bind_matrix(model, p, &module[OUTPUT], 1, h, h, threads, &layer->output, error));
    CAPPY_TRY(bind_norm(model, module[ATTENTION_NORM], &layer->attention_norm, error));
    CAPPY_TRY(bind_matrix(model, p, &module[UP], 1, f, h, threads, &layer->up, error));
    CAPPY_TRY(bind_matrix(model, p, &module[DOWN], 1, h, f, threads, &layer->down, error));
    return bind_norm(model, module[OUTPUT_NORM], &layer->output_norm, error);
}

static cappy_status bind_embeddings(struct cappy_model *model, cappy_error *error)
{
    const struct cappy_config *config = &model->config;
    const size_t h = config->hidden_size;
    char module[MAX_NAME];
#define EMBEDDING(name)                                                                            \
    (snprintf(module, sizeof module, "%sembeddings." name, names[config->architecture].prefix),    \
     module)
    CAPPY_TRY(require(model, EMBEDDING("word_embeddings"), "weight", config->vocab_size, h,
                      &model->word_embeddings, error));
    CAPPY_TRY(copy_f32(model, EMBEDDING("position_embeddings"), "weight", config->n_positions, h,
                       &model->position_embeddings, error));
    CAPPY_TRY(copy_f32(model, EMBEDDING("token_type_embeddings"), "weight", config->n_segments, h,
                       &model->segment_embeddings, error));
    return bind_norm(model, EMBEDDING("LayerNorm"), &model->embedding_norm, error);
#undef EMBEDDING
}

cappy_status cappy_model_bind(struct cappy_model *model, size_t threads, cappy_error *error)
{
    const struct cappy_config *config = &model->config;
    const struct names *family = &names[config->architecture];
    CAPPY_TRY(bind_embeddings(model, error));
    /* The head is a row for each pair: nothing to gain from a narrow format. */
    const size_t h = config->hidden_size;
    CAPPY_TRY(bind_matrix(model, CAPPY_PRECISION_FP32, &family->pooler, 1, h, h, threads,
                          &model->pooler, error));
    CAPPY_TRY(bind_matrix(model, CAPPY_PRECISION_FP32, &family->classifier, 1, config->n_labels, h,
                          threads, &model->classifier, error));
    model->layers = cappy_alloc(config->n_layers, sizeof *model->layers);
    if (model->layers == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < config->n_layers; i++) {
        CAPPY_TRY(bind_layer(model, i, threads, &model->layers[i], error));
    }
    return CAPPY_OK;
}

static void free_matrix(struct cappy_matrix *matrix)
{
    cappy_free(matrix->packed);
    cappy_free(matrix->bias);
    cappy_free(matrix->scales);
    cappy_free(matrix->shifts);
}

static void free_norm(struct cappy_norm_weights *norm)
{
    cappy_free(norm->weight);
    cappy_free(norm->bias);
}

void cappy_model_unbind(struct cappy_model *model)
{
    for (size_t i = 0; model->layers != NULL && i < model->config.n_layers; i++) {
        struct cappy_layer *layer = &model->layers[i];
        free_matrix(&layer->qkv);
        free_matrix(&layer->output);
        free_norm(&layer->attention_norm);
        free_matrix(&layer->up);
        free_matrix(&layer->down);
        free_norm(&layer->output_norm);
    }
    cappy_free(model->layers);
    free_matrix(&model->pooler);
    free_matrix(&model->classifier);
    free_norm(&model->embedding_norm);
    cappy_free(model->position_embeddings);
    cappy_free(model->segment_embeddings);
}
