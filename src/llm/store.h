/* SPDX-License-Identifier: Apache-2.0 */
/* Sampled answers on disk. What cappy_store_commit has returned from outlives the process and the
 * power. Several processes may use one file. */
#ifndef CAPPY_LLM_STORE_H
#define CAPPY_LLM_STORE_H

#include "llm/llm.h"

struct cappy_store;

/* What was asked: the URL and the body, without the number of answers and the seed of each. */
struct cappy_store_key {
    cappy_text url;
    cappy_text body;
    uint64_t hash; /* of both */
};

struct cappy_store_key cappy_store_key_of(cappy_text url, cappy_text body);

/* Opens the file, or makes it, with the folder it is in. Errors: CAPPY_IO; CAPPY_FORMAT for a file
 * that is something else. */
cappy_status cappy_store_open(const char *path, struct cappy_store **store, cappy_error *error);
void cappy_store_close(struct cappy_store *store);

/* Gives the answers below number `n` to `take`, by rising numbers. */
cappy_status cappy_store_load(struct cappy_store *store, const struct cappy_store_key *key,
                              size_t n,
                              cappy_status (*take)(void *context, size_t number, cappy_text text,
                                                   const char *finish, cappy_error *error),
                              void *context, cappy_error *error);

/* Adds answer `number`, which is kept once cappy_store_commit has returned. Where another process
 * was first with that number, its answer stays. */
cappy_status cappy_store_add(struct cappy_store *store, const struct cappy_store_key *key,
                             size_t number, cappy_text text, const char *finish,
                             cappy_error *error);

/* Makes what was added durable. Does nothing where nothing was. */
cappy_status cappy_store_commit(struct cappy_store *store, cappy_error *error);

#endif
