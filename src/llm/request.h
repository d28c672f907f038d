/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent: the URL and the body of a call. */
#ifndef CAPPY_LLM_REQUEST_H
#define CAPPY_LLM_REQUEST_H

#include "llm/llm.h"

/* The URL to call in new memory, and the API it belongs to: `url` in full where it ends in
 * /chat/completions or /completions, else what `api` says below it, and below /v1 where it has no
 * path. Errors: CAPPY_ARGUMENT for what is no such URL, or has a password in it. */
cappy_status cappy_request_url(const char *url, enum cappy_llm_api *api, char **made,
                               cappy_error *error);

/* The body of a call that asks for one answer in the way of `decoding`; the caller json_decrefs
 * it. */
cappy_status cappy_request_body(const struct cappy_llm_options *options, enum cappy_llm_api api,
                                const struct cappy_decoding *decoding, cappy_text instruction,
                                json_t **body, cappy_error *error);

#endif
