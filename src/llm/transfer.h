/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request and its answer at a time, over a handle of libcurl that is used again. */
#ifndef CAPPY_LLM_TRANSFER_H
#define CAPPY_LLM_TRANSFER_H

#include <curl/curl.h>

#include "llm/llm.h"

struct cappy_transfer {
    CURL *easy;
    struct cappy_buffer body;  /* to send; the caller fills it */
    struct cappy_buffer reply; /* received */
    char problem[CURL_ERROR_SIZE];
};

/* What became of a transfer. */
struct cappy_transfer_outcome {
    int result;           /* a CURLcode */
    long status;          /* of HTTP; 0 where there was none */
    double retry_after;   /* seconds; 0 where the endpoint did not ask for any */
    const char *location; /* where a redirect leads; NULL where there is none */
};

/* Makes a transfer to `url` with `headers`, both of which must outlive it, that may take as long as
 * `options` say. The caller closes *call. */
cappy_status cappy_transfer_open(struct cappy_transfer *transfer, const char *url,
                                 struct curl_slist *headers,
                                 const struct cappy_llm_options *options, cappy_error *error);
void cappy_transfer_close(struct cappy_transfer *transfer);

/* Begins to send the body; `multi` carries it out. `context` is for cappy_transfer_context. */
cappy_status cappy_transfer_start(struct cappy_transfer *transfer, CURLM *multi, void *context,
                                  cappy_error *error);

/* What cappy_transfer_start was given for the handle. */
void *cappy_transfer_context(CURL *easy);

/* Ends a transfer that `multi` has carried out, with this result. */
struct cappy_transfer_outcome cappy_transfer_end(struct cappy_transfer *transfer, CURLM *multi,
                                                 int result);

/* What is sent with every transfer, in new memory: the type of the body, and `key` where not NULL.
 * Errors: CAPPY_ARGUMENT for a key that no header can hold. */
cappy_status cappy_transfer_headers(const char *key, struct curl_slist **headers,
                                    cappy_error *error);

#endif
