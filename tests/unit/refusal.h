/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that a call failed as it should. Include after cmocka. */
#ifndef CAPPY_TESTS_REFUSAL_H
#define CAPPY_TESTS_REFUSAL_H

#include <string.h>

#include "cappy.h"

/* The status and the error's code are `code`, and the message has `word` in it. */
#define assert_refused(status, error, wanted, word)                                                \
    do {                                                                                           \
        cappy_status refused_ = (status);                                                          \
        if (refused_ != (wanted) || (error)->code != (wanted) ||                                   \
            strstr((error)->message, (word)) == NULL) {                                            \
            fail_msg("status %d, wanted %d with \"%s\"; message: %s", (int)refused_,               \
                     (int)(wanted), (word), refused_ == CAPPY_OK ? "none" : (error)->message);     \
        }                                                                                          \
    } while (0)

#endif
