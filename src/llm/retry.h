/* SPDX-License-Identifier: Apache-2.0 */
/* What the outcome of a call means, and how long to wait before it is tried again. */
#ifndef CAPPY_LLM_RETRY_H
#define CAPPY_LLM_RETRY_H

#include "llm/llm.h"

enum cappy_verdict {
    CAPPY_VERDICT_AGAIN,  /* it may pass */
    CAPPY_VERDICT_PROMPT, /* this prompt is not answered */
    CAPPY_VERDICT_RUN,    /* nor will any other be */
};

/* The longest pause that an endpoint may ask for, in seconds. */
enum { CAPPY_RETRY_LONGEST = 600 };

/* What a status of HTTP outside of 200 to 299 means. `code` is error.code of the body, "" where
 * there is none; `has_worked` that calls with the same URL, model and key have succeeded. */
enum cappy_verdict cappy_retry_status(long status, const char *code, bool has_worked);

/* What a result of libcurl other than CURLE_OK means. */
enum cappy_verdict cappy_retry_result(int result);

/* Whether it means that nobody answers at the URL. */
bool cappy_retry_is_unreachable(int result);

/* Seconds to wait after try number `tries`, from 1: what the endpoint asked for, else twice as long
 * from try to try, up to a minute, half of it by chance. */
double cappy_retry_delay(size_t tries, double asked, struct cappy_random *random);

#endif
