/* SPDX-License-Identifier: Apache-2.0 */
/* Recording and forwarding of errors. The types are the public ones. */
#ifndef CAPPY_BASE_ERROR_H
#define CAPPY_BASE_ERROR_H

#include "cappy.h"

/* Records `code` and the formatted sentence in *error (which may be NULL) and returns `code`. */
cappy_status cappy_error_set(cappy_error *error, cappy_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Records that an allocation failed and returns CAPPY_NO_MEMORY. */
cappy_status cappy_error_no_memory(cappy_error *error);

/* Puts a place, such as a file name, in front of the sentence in *error: "place: sentence".
 * Returns error's code, or `code` when error is NULL, so that a caller can write `return
 * cappy_error_at(error, status, path)`. */
cappy_status cappy_error_at(cappy_error *error, cappy_status code, const char *place);

/* Forwards a failure to the caller. */
#define CAPPY_TRY(call)                                                                            \
    do {                                                                                           \
        cappy_status try_status_ = (call);                                                         \
        if (try_status_ != CAPPY_OK) {                                                             \
            return try_status_;                                                                    \
        }                                                                                          \
    } while (0)

#endif
