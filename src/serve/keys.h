/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that clients may show, from a file. */
#ifndef CAPPY_SERVE_KEYS_H
#define CAPPY_SERVE_KEYS_H

#include "serve/http.h"

struct cappy_keys {
    struct cappy_buffer text; /* the file */
    cappy_text *keys;         /* [n], lines of it */
    size_t n;
};

/* Reads keys from `path`, one a line; blank lines and those that begin with # are left out. The
 * caller frees *keys. Errors: CAPPY_IO; CAPPY_FORMAT where there is no key, or a very short one;
 * CAPPY_ARGUMENT where others may read the file. */
cappy_status cappy_keys_read(const char *path, struct cappy_keys *keys, cappy_error *error);
void cappy_keys_free(struct cappy_keys *keys);

/* Whether a request shows one of the keys: in "Authorization: Bearer", bare in Authorization, or in
 * X-Api-Key. True where there are none. How long it takes tells nothing about the keys. */
bool cappy_keys_admit(const struct cappy_keys *keys, const struct cappy_http_head *head);

#endif
