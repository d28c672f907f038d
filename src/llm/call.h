/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP call at a time, over a handle of libcurl that is used again. */
#ifndef CAPPY_LLM_CALL_H
#define CAPPY_LLM_CALL_H

#include <curl/curl.h>

#include "llm/llm.h"

struct cappy_call {
    CURL *easy;
    struct cappy_buffer body;  /* to send; the caller fills it */
    struct cappy_buffer reply; /* received */
    char problem[CURL_ERROR_SIZE];
};

/* What became of a call. */
struct cappy_call_outcome {
    int result;           /* a CURLcode */
    long status;          /* of HTTP; 0 where there was none */
    double retry_after;   /* seconds; 0 where the endpoint did not ask for any */
    const char *location; /* where a redirect leads; NULL where there is none */
};

/* Makes a call of `url` with `headers`, both of which must outlive it, that may take as long as
 * `options` say. The caller closes *call. */
cappy_status cappy_call_open(struct cappy_call *call, const char *url, struct curl_slist *headers,
                             const struct cappy_llm_options *options, cappy_error *error);
void cappy_call_close(struct cappy_call *call);

/* Begins to send the body; `multi` carries it out. `context` is for cappy_call_context. */
cappy_status cappy_call_start(struct cappy_call *call, CURLM *multi, void *context,
                              cappy_error *error);

/* What cappy_call_start was given for the handle. */
void *cappy_call_context(CURL *easy);

/* Ends a call that `multi` has carried out, with this result. */
struct cappy_call_outcome cappy_call_end(struct cappy_call *call, CURLM *multi, int result);

/* What is sent with every call, in new memory: the type of the body, and `key` where not NULL.
 * Errors: CAPPY_ARGUMENT for a key that no header can hold. */
cappy_status cappy_call_headers(const char *key, struct curl_slist **headers, cappy_error *error);

#endif
