/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the weights of a model directory, whichever of the four ways they are stored, as one sorted
 * list of tensors. */
#include <string.h>

#include "weights/formats.h"
#include "weights/shards.h"

/* The ways, in the order of preference. */
static const struct source {
    const char *file_name;
    bool is_index;
    const char *format;
    cappy_format_reader *read;
} sources[] = {
    {"model.safetensors", false, "safetensors", cappy_safetensors_read},
    {"model.safetensors.index.json", true, "safetensors", cappy_safetensors_read},
    {"pytorch_model.bin", false, "pickle", cappy_torch_read},
    {"pytorch_model.bin.index.json", true, "pickle", cappy_torch_read},
};

enum { N_SOURCES = sizeof sources / sizeof *sources };

struct cappy_weights {
    const struct source *source;
    struct cappy_file *files; /* [n_files], mapped */
    size_t n_files;
    struct cappy_tensors tensors;
};

/* Maps `path`, reads its tensors and adds them to the weights. `files` has room for it. Where
 * `expected` is not NULL, each of its names must be among the tensors. */
static cappy_status open_path(struct cappy_weights *weights, const char *path,
                              const struct cappy_shard *expected, cappy_error *error)
{
    struct cappy_file *file = &weights->files[weights->n_files];
    struct cappy_tensors tensors = {0};
    cappy_status status = cappy_file_map(path, file, error);
    if (status == CAPPY_OK) {
        weights->n_files++;
        status = weights->source->read(file->data, file->size, &tensors, error);
        cappy_file_release(file, 0, file->size); /* an archive's checksums touch all of it */
        if (status == CAPPY_OK) {
            status = cappy_tensors_sort(&tensors, error);
        }
        if (status == CAPPY_OK && expected != NULL) {
            status = cappy_shard_check(expected, &tensors, error);
        }
        if (status != CAPPY_OK) {
            cappy_error_at(error, status, path);
        } else {
            status = cappy_tensors_move(&weights->tensors, &tensors, error);
        }
    }
    cappy_tensors_free(&tensors);
    return status;
}

static cappy_status open_file(struct cappy_weights *weights, const char *directory,
                              const char *name, const struct cappy_shard *expected,
                              cappy_error *error)
{
    char *path = cappy_path_join(directory, name);
    if (path == NULL) {
        return cappy_error_no_memory(error);
    }
    const cappy_status status = open_path(weights, path, expected, error);
    cappy_free(path);
    return status;
}

/* Opens every shard that the index at directory/name lists. */
static cappy_status open_shards(struct cappy_weights *weights, const char *directory,
                                const char *name, cappy_error *error)
{
    char *path = cappy_path_join(directory, name);
    if (path == NULL) {
        return cappy_error_no_memory(error);
    }
    struct cappy_shards shards = {0};
    cappy_status status = cappy_shards_read(path, &shards, error);
    if (status == CAPPY_OK) {
        weights->files = cappy_alloc(shards.n, sizeof *weights->files);
        if (weights->files == NULL) {
            status = cappy_error_no_memory(error);
        }
    }
    for (size_t i = 0; status == CAPPY_OK && i < shards.n; i++) {
        status = open_file(weights, directory, shards.items[i].file_name, &shards.items[i], error);
    }
    if (status == CAPPY_OK) {
        status = cappy_tensors_sort(&weights->tensors, error);
        if (status != CAPPY_OK) {
            cappy_error_at(error, status, path);
        }
    }
    cappy_shards_free(&shards);
    cappy_free(path);
    return status;
}

static cappy_status open_source(struct cappy_weights *weights, const char *directory,
                                cappy_error *error)
{
    const struct source *source = weights->source;
    if (source->is_index) {
        return open_shards(weights, directory, source->file_name, error);
    }
    weights->files = cappy_alloc(1, sizeof *weights->files);
    if (weights->files == NULL) {
        return cappy_error_no_memory(error);
    }
    return open_file(weights, directory, source->file_name, NULL, error);
}

/* The first source whose file the directory has; *source is NULL when there is none. */
static cappy_status find_source(const char *directory, const struct source **source,
                                cappy_error *error)
{
    *source = NULL;
    for (size_t i = 0; i < N_SOURCES && *source == NULL; i++) {
        char *path = cappy_path_join(directory, sources[i].file_name);
        if (path == NULL) {
            return cappy_error_no_memory(error);
        }
        if (cappy_file_exists(path)) {
            *source = &sources[i];
        }
        cappy_free(path);
    }
    return CAPPY_OK;
}

cappy_status cappy_weights_open(const char *directory, struct cappy_weights **weights,
                                cappy_error *error)
{
    const struct source *source;
    CAPPY_TRY(find_source(directory, &source, error));
    if (source == NULL) {
        return cappy_error_set(error, CAPPY_IO,
                               "%s: there is no %s, %s, %s or %s; is this a model directory, and "
                               "was its download complete?",
                               directory, sources[0].file_name, sources[1].file_name,
                               sources[2].file_name, sources[3].file_name);
    }
    struct cappy_weights *opened = cappy_alloc(1, sizeof *opened);
    if (opened == NULL) {
        return cappy_error_no_memory(error);
    }
    opened->source = source;
    cappy_status status = open_source(opened, directory, error);
    if (status != CAPPY_OK) {
        cappy_weights_close(opened);
        return status;
    }
    *weights = opened;
    return CAPPY_OK;
}

cappy_status cappy_weights_open_file(const char *path, struct cappy_weights **weights,
                                     cappy_error *error)
{
    struct cappy_weights *opened = cappy_alloc(1, sizeof *opened);
    if (opened == NULL) {
        return cappy_error_no_memory(error);
    }
    opened->source = &sources[0];
    opened->files = cappy_alloc(1, sizeof *opened->files);
    cappy_status status =
        opened->files != NULL ? open_path(opened, path, NULL, error) : cappy_error_no_memory(error);
    if (status != CAPPY_OK) {
        cappy_weights_close(opened);
        return status;
    }
    *weights = opened;
    return CAPPY_OK;
}

void cappy_weights_close(struct cappy_weights *weights)
{
    if (weights == NULL) {
        return;
    }
    for (size_t i = 0; i < weights->n_files; i++) {
        cappy_file_unmap(&weights->files[i]);
    }
    cappy_free(weights->files);
    cappy_tensors_free(&weights->tensors);
    cappy_free(weights);
}

const struct cappy_tensor *cappy_weights_find(const struct cappy_weights *weights, const char *name)
{
    return cappy_tensors_find(&weights->tensors, name);
}

size_t cappy_weights_count(const struct cappy_weights *weights)
{
    return weights->tensors.n;
}

const struct cappy_tensor *cappy_weights_at(const struct cappy_weights *weights, size_t index)
{
    return &weights->tensors.items[index];
}

const char *cappy_weights_format(const struct cappy_weights *weights)
{
    return weights->source->format;
}

uint64_t cappy_weights_size(const struct cappy_weights *weights)
{
    uint64_t size = 0;
    for (size_t i = 0; i < weights->n_files; i++) {
        size += weights->files[i].size;
    }
    return size;
}

void cappy_weights_release(const struct cappy_weights *weights, const struct cappy_tensor *tensor)
{
    for (size_t i = 0; i < weights->n_files; i++) {
        const struct cappy_file *file = &weights->files[i];
        uintptr_t offset = (uintptr_t)tensor->data - (uintptr_t)file->data;
        if (offset < file->size) { /* an address before the file wraps around to a large offset */
            cappy_file_release(file, offset, tensor->size);
            return;
        }
    }
}
