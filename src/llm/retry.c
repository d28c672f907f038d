/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/retry.h"

#include <curl/curl.h>
#include <string.h>

enum cappy_verdict cappy_retry_status(long status, const char *code, bool has_worked)
{
    if (strcmp(code, "insufficient_quota") == 0) {
        return CAPPY_VERDICT_RUN; /* sent as a 429, and will not pass by waiting */
    }
    switch (status) {
    case 408: /* Request Timeout */
    case 409: /* Conflict */
    case 425: /* Too Early */
    case 429: /* Too Many Requests */
        return CAPPY_VERDICT_AGAIN;
    case 501: /* Not Implemented */
    case 505: /* HTTP Version Not Supported */
        return CAPPY_VERDICT_PROMPT;
    case 401: /* Unauthorized */
    case 402: /* Payment Required */
    case 407: /* Proxy Authentication Required */
        return CAPPY_VERDICT_RUN;
    case 403: /* Forbidden: some endpoints say so of a prompt they do not like */
    case 404: /* Not Found: the path, or the model */
    case 405: /* Method Not Allowed */
        return has_worked ? CAPPY_VERDICT_PROMPT : CAPPY_VERDICT_RUN;
    default:
        break;
    }
    if (status >= 500) {
        return CAPPY_VERDICT_AGAIN;
    }
    return status >= 400 ? CAPPY_VERDICT_PROMPT : CAPPY_VERDICT_RUN;
}

enum cappy_verdict cappy_retry_result(int result)
{
    switch (result) {
    case CURLE_WRITE_ERROR: /* larger than it may be */
        return CAPPY_VERDICT_PROMPT;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_FAILED_INIT:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return CAPPY_VERDICT_RUN;
    default:
        return CAPPY_VERDICT_AGAIN;
    }
}

bool cappy_retry_is_unreachable(int result)
{
    return result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST ||
           result == CURLE_COULDNT_RESOLVE_PROXY || result == CURLE_SSL_CONNECT_ERROR;
}

double cappy_retry_delay(size_t tries, double asked, struct cappy_random *random)
{
    static const double FIRST = 0.5;
    static const double LONGEST = 60;
    const double chance = (double)(cappy_random_next(random) >> 11) / 9007199254740992.0; /* 2^53 */
    double delay = FIRST;
    for (size_t i = 1; i < tries && delay < LONGEST; i++) {
        delay *= 2;
    }
    delay = delay < LONGEST ? delay : LONGEST;
    delay *= 0.5 + 0.5 * chance;
    /* Those who were asked to wait as long do not all come back at once. */
    return asked > 0 ? asked + 0.1 * delay * chance : delay;
}
