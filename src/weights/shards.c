/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the index of a sharded model: {"metadata": {...}, "weight_map": {tensor name: file name}}.
 *
 * A file name in it must be plain. A path could lead anywhere on the machine ("../../private"); a
 * name stays in the model directory, where the person who chose that directory expects it. Symbolic
 * links are followed, because the caches of the hubs consist of them. */
#include "weights/shards.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_INDEX = 64 << 20, MAX_SHARDS = 10000 };

struct pair {
    const char *file_name;
    const char *tensor;
};

static int compare_pairs(const void *left, const void *right)
{
    const struct pair *a = left;
    const struct pair *b = right;
    return strcmp(a->file_name, b->file_name);
}

static bool is_plain_file_name(const char *name)
{
    return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static cappy_status read_pairs(json_t *weight_map, struct pair *pairs, cappy_error *error)
{
    const char *tensor;
    json_t *value;
    size_t n = 0;
    json_object_foreach(weight_map, tensor, value)
    {
        const char *file_name = NULL;
        cappy_status status = cappy_json_get_string(weight_map, tensor, NULL, &file_name, error);
        if (status == CAPPY_OK && (file_name == NULL || !is_plain_file_name(file_name))) {
            status = cappy_error_set(error, CAPPY_FORMAT,
                                     "weight_map: \"%.200s\" is said to be in \"%.200s\", which is "
                                     "not the name of a file in the model directory",
                                     tensor, file_name != NULL ? file_name : "");
        }
        CAPPY_TRY(status);
        pairs[n++] = (struct pair){file_name, tensor};
    }
    return CAPPY_OK;
}

/* Groups sorted pairs by file. shards->items and ->names have room for them. */
static cappy_status group_pairs(const struct pair *pairs, size_t n, struct cappy_shards *shards,
                                cappy_error *error)
{
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(pairs[i].file_name, pairs[i - 1].file_name) != 0) {
            shards->items[shards->n++] = (struct cappy_shard){
                .file_name = pairs[i].file_name,
                .tensors = shards->names + i,
            };
        }
        shards->names[i] = pairs[i].tensor;
        shards->items[shards->n - 1].n_tensors++;
    }
    if (shards->n > MAX_SHARDS) {
        return cappy_error_set(error, CAPPY_FORMAT, "weight_map: %zu files, at most %d are read",
                               shards->n, MAX_SHARDS);
    }
    return CAPPY_OK;
}

/* Fills *shards from its index. */
static cappy_status read_index(struct cappy_shards *shards, cappy_error *error)
{
    json_t *weight_map = json_object_get(shards->index, "weight_map");
    size_t n = json_object_size(weight_map);
    if (n == 0) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "there is no \"weight_map\" that says which file holds each tensor");
    }
    struct pair *pairs = cappy_alloc(n, sizeof *pairs);
    shards->items = cappy_alloc(n, sizeof *shards->items);
    shards->names = cappy_alloc(n, sizeof *shards->names);
    cappy_status status = CAPPY_OK;
    if (pairs == NULL || shards->items == NULL || shards->names == NULL) {
        status = cappy_error_no_memory(error);
    } else {
        status = read_pairs(weight_map, pairs, error);
    }
    if (status == CAPPY_OK) {
        qsort(pairs, n, sizeof *pairs, compare_pairs);
        status = group_pairs(pairs, n, shards, error);
    }
    cappy_free(pairs);
    return status;
}

cappy_status cappy_shards_read(const char *path, struct cappy_shards *shards, cappy_error *error)
{
    *shards = (struct cappy_shards){0};
    CAPPY_TRY(cappy_json_read(path, MAX_INDEX, &shards->index, error));
    cappy_status status = read_index(shards, error);
    if (status != CAPPY_OK) {
        cappy_error_at(error, status, path);
        cappy_shards_free(shards);
    }
    return status;
}

void cappy_shards_free(struct cappy_shards *shards)
{
    cappy_free(shards->items);
    cappy_free(shards->names);
    json_decref(shards->index);
    *shards = (struct cappy_shards){0};
}

cappy_status cappy_shard_check(const struct cappy_shard *shard, const struct cappy_tensors *tensors,
                               cappy_error *error)
{
    for (size_t i = 0; i < shard->n_tensors; i++) {
        const char *name = shard->tensors[i];
        if (cappy_tensors_find(tensors, name) == NULL) {
            cappy_error_set(error, CAPPY_FORMAT, "is not in this file, where the index says it is");
            return cappy_tensor_error_at(error, CAPPY_FORMAT, name, strlen(name));
        }
    }
    return CAPPY_OK;
}
