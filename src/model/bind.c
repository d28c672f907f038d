/* SPDX-License-Identifier: Apache-2.0 */
/* Binds the tensors of a checkpoint to the model's matrices.
 *
 * A tensor is checked against the shape that config.json promises (modules.c) before anything is
 * allocated for it, is copied (packed for the kernel set, or as fp32) and then released, so that a
 * checkpoint's pages do not stay resident beside the packed weights. */
#include "model/bind.h"

/* Where a module is to be found. */
struct place {
    enum cappy_module module;
    size_t layer;
};

static cappy_status find(const struct cappy_model *model, struct place place, bool bias,
                         const struct cappy_tensor **tensor, cappy_error *error)
{
    return cappy_module_find(&model->config, model->weights, place.module, place.layer, bias,
                             tensor, error);
}

/* A copy of the weight or bias as fp32. */
static cappy_status copy_f32(struct cappy_model *model, struct place place, bool bias, float **copy,
                             cappy_error *error)
{
    const struct cappy_tensor *tensor;
    CAPPY_TRY(find(model, place, bias, &tensor, error));
    const size_t n = (size_t)cappy_tensor_n_elements(tensor);
    *copy = cappy_alloc_aligned(n, sizeof **copy);
    if (*copy == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_tensor_to_f32(tensor, 0, n, *copy);
    cappy_weights_release(model->weights, tensor);
    return CAPPY_OK;
}

static cappy_status bind_norm(struct cappy_model *model, enum cappy_module module, size_t layer,
                              struct cappy_norm_weights *norm, cappy_error *error)
{
    const struct place place = {module, layer};
    CAPPY_TRY(copy_f32(model, place, false, &norm->weight, error));
    return copy_f32(model, place, true, &norm->bias, error);
}

/* What is stacked to a matrix: tensors of the same shape, on top of each other, and of each the
 * columns from `first` on, so many as the matrix has inputs. */
struct stack {
    const struct cappy_tensor *tensors[3];
    struct cappy_module_shape shape;
    size_t first;
};

/* Packs the panels of a matrix; `room` holds one panel of fp32 for each thread. */
static void pack_panels(const struct cappy_kernels *kernels, struct cappy_matrix *matrix,
                        const struct stack *stack, float *room, size_t threads)
{
    const size_t rows = stack->shape.rows;
    const size_t columns = stack->shape.columns;
    const size_t k = matrix->k;
    const size_t panels = cappy_matrix_panels(matrix);
#pragma omp parallel for num_threads((int)threads) schedule(static)
    for (size_t worker = 0; worker < threads; worker++) {
        float *source = room + worker * matrix->panel * k;
        for (size_t p = worker * panels / threads; p < (worker + 1) * panels / threads; p++) {
            size_t first = p * matrix->panel;
            size_t n = matrix->n - first < matrix->panel ? matrix->n - first : matrix->panel;
            for (size_t i = 0; i < n; i++) {
                const struct cappy_tensor *tensor = stack->tensors[(first + i) / rows];
                cappy_tensor_to_f32(tensor, (first + i) % rows * columns + stack->first, k,
                                    source + i * k);
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

/* Inputs [first, first + k) of `count` linear layers of the same shape, stacked, as one matrix. The
 * bias is that of the matrix with the first inputs. */
static cappy_status bind_part(struct cappy_model *model, cappy_precision precision,
                              const struct place *places, size_t count, size_t first, size_t k,
                              size_t threads, struct cappy_matrix *matrix, cappy_error *error)
{
    struct stack stack = {.shape = cappy_module_shape(&model->config, places[0].module),
                          .first = first};
    const struct cappy_tensor *biases[3];
    const size_t rows = stack.shape.rows;
    for (size_t i = 0; i < count; i++) {
        CAPPY_TRY(find(model, places[i], false, &stack.tensors[i], error));
        CAPPY_TRY(find(model, places[i], true, &biases[i], error));
    }
    CAPPY_TRY(allocate_matrix(model->kernels, precision, count * rows, k, matrix, error));
    float *room = cappy_alloc_aligned(threads * matrix->panel * k, sizeof *room);
    if (room == NULL) {
        return cappy_error_no_memory(error);
    }
    pack_panels(model->kernels, matrix, &stack, room, threads);
    cappy_free(room);
    for (size_t i = 0; i < count; i++) {
        if (first == 0) {
            cappy_tensor_to_f32(biases[i], 0, rows, matrix->bias + i * rows);
        }
        if (first + k == stack.shape.columns) {
            cappy_weights_release(model->weights, stack.tensors[i]);
        }
    }
    return CAPPY_OK;
}

/* All inputs. */
static cappy_status bind_matrix(struct cappy_model *model, cappy_precision precision,
                                const struct place *places, size_t count, size_t threads,
                                struct cappy_matrix *matrix, cappy_error *error)
{
    const size_t k = cappy_module_shape(&model->config, places[0].module).columns;
    return bind_part(model, precision, places, count, 0, k, threads, matrix, error);
}

/* What an int8 model keeps in bf16, since it loses too much (docs/numbers.md has the figures): each
 * matrix of a layer, named by its first module, in that many first layers. What is lost there goes
 * through all the others, and 8 bits for a whole token are few where some of its numbers are far
 * larger than the rest: in what goes into qkv and into down. */
static const size_t layers_in_bf16[CAPPY_MODULE_COUNT] = {
    [CAPPY_MODULE_QUERY] = 4,
    [CAPPY_MODULE_OUTPUT] = 0,
    [CAPPY_MODULE_UP] = 3,
    [CAPPY_MODULE_DOWN] = 4,
};

cappy_precision cappy_matrix_precision(cappy_precision precision, enum cappy_module module,
                                       size_t layer)
{
    return precision == CAPPY_PRECISION_INT8 && layer < layers_in_bf16[module]
               ? CAPPY_PRECISION_BF16
               : precision;
}

/* A matrix of a layer out of `count` modules. */
static cappy_status bind_layer_matrix(struct cappy_model *model, const struct place *places,
                                      size_t count, size_t threads, struct cappy_matrix *matrix,
                                      cappy_error *error)
{
    const cappy_precision precision =
        cappy_matrix_precision(model->precision, places[0].module, places[0].layer);
    return bind_matrix(model, precision, places, count, threads, matrix, error);
}

/* `down`, in INT8 in parts. */
static cappy_status bind_down(struct cappy_model *model, size_t index, size_t threads,
                              struct cappy_layer *layer, cappy_error *error)
{
    const struct place place = {CAPPY_MODULE_DOWN, index};
    const cappy_precision precision = cappy_matrix_precision(model->precision, place.module, index);
    const size_t f = model->config.ffn_size;
    const size_t part = precision == CAPPY_PRECISION_INT8 ? CAPPY_DOWN_PART : f;
    const size_t parts = (f + part - 1) / part;
    layer->down = cappy_alloc(parts, sizeof *layer->down);
    if (layer->down == NULL) {
        return cappy_error_no_memory(error);
    }
    layer->down_parts = parts;
    for (size_t i = 0; i < parts; i++) {
        const size_t first = i * part;
        CAPPY_TRY(bind_part(model, precision, &place, 1, first, f - first < part ? f - first : part,
                            threads, &layer->down[i], error));
    }
    return CAPPY_OK;
}

/* A layer: attention, then the feed-forward part. */
static cappy_status bind_layer(struct cappy_model *model, size_t index, size_t threads,
                               struct cappy_layer *layer, cappy_error *error)
{
    const struct place qkv[] = {
        {CAPPY_MODULE_QUERY, index}, {CAPPY_MODULE_KEY, index}, {CAPPY_MODULE_VALUE, index}};
    const struct place output = {CAPPY_MODULE_OUTPUT, index};
    const struct place up = {CAPPY_MODULE_UP, index};
    CAPPY_TRY(bind_layer_matrix(model, qkv, 3, threads, &layer->qkv, error));
    CAPPY_TRY(bind_layer_matrix(model, &output, 1, threads, &layer->output, error));
    CAPPY_TRY(bind_norm(model, CAPPY_MODULE_ATTENTION_NORM, index, &layer->attention_norm, error));
    CAPPY_TRY(bind_layer_matrix(model, &up, 1, threads, &layer->up, error));
    CAPPY_TRY(bind_down(model, index, threads, layer, error));
    return bind_norm(model, CAPPY_MODULE_OUTPUT_NORM, index, &layer->output_norm, error);
}

static cappy_status bind_embeddings(struct cappy_model *model, cappy_error *error)
{
    CAPPY_TRY(
        find(model, (struct place){CAPPY_MODULE_WORDS, 0}, false, &model->word_embeddings, error));
    CAPPY_TRY(copy_f32(model, (struct place){CAPPY_MODULE_POSITIONS, 0}, false,
                       &model->position_embeddings, error));
    CAPPY_TRY(copy_f32(model, (struct place){CAPPY_MODULE_SEGMENTS, 0}, false,
                       &model->segment_embeddings, error));
    return bind_norm(model, CAPPY_MODULE_EMBEDDING_NORM, 0, &model->embedding_norm, error);
}

cappy_status cappy_model_bind(struct cappy_model *model, size_t threads, cappy_error *error)
{
    CAPPY_TRY(bind_embeddings(model, error));
    /* The head is a row for each pair: nothing to gain from a narrow format. */
    const struct place pooler = {CAPPY_MODULE_POOLER, 0};
    const struct place classifier = {CAPPY_MODULE_CLASSIFIER, 0};
    CAPPY_TRY(bind_matrix(model, CAPPY_PRECISION_FP32, &pooler, 1, threads, &model->pooler, error));
    CAPPY_TRY(bind_matrix(model, CAPPY_PRECISION_FP32, &classifier, 1, threads, &model->classifier,
                          error));
    const size_t n_layers = model->config.n_layers;
    model->layers = cappy_alloc(n_layers, sizeof *model->layers);
    if (model->layers == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < n_layers; i++) {
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
        for (size_t part = 0; part < layer->down_parts; part++) {
            free_matrix(&layer->down[part]);
        }
        cappy_free(layer->down);
        free_norm(&layer->output_norm);
    }
    cappy_free(model->layers);
    free_matrix(&model->pooler);
    free_matrix(&model->classifier);
    free_norm(&model->embedding_norm);
    cappy_free(model->position_embeddings);
    cappy_free(model->segment_embeddings);
}
