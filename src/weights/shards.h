/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a model that is stored in several files. Private to weights. */
#ifndef CAPPY_WEIGHTS_SHARDS_H
#define CAPPY_WEIGHTS_SHARDS_H

#include "weights/tensors.h"

/* One file and the tensors that the index says it holds. */
struct cappy_shard {
    const char *file_name; /* plain: names a file in the model directory itself */
    const char **tensors;  /* [n_tensors] */
    size_t n_tensors;
};

struct cappy_shards {
    struct cappy_shard *items; /* [n], by file name */
    size_t n;
    const char **names; /* room for every shard's `tensors` */
    json_t *index;      /* holds all strings */
};

/* Reads model.safetensors.index.json or its like. Errors begin with `path`. On failure *shards is
 * empty. */
cappy_status cappy_shards_read(const char *path, struct cappy_shards *shards, cappy_error *error);
void cappy_shards_free(struct cappy_shards *shards);

/* CAPPY_FORMAT unless the (sorted) tensors of the shard's file have all the names that the index
 * promises. */
cappy_status cappy_shard_check(const struct cappy_shard *shard, const struct cappy_tensors *tensors,
                               cappy_error *error);

#endif
