/* SPDX-License-Identifier: Apache-2.0 */
/* The log: a JSON object a line. It holds no text of a request, no key and no address. */
#ifndef CAPPY_SERVE_LOG_H
#define CAPPY_SERVE_LOG_H

#include "serve/response.h"

/* Logs an answered call. */
void cappy_log_call(const struct cappy_serve_options *options, const struct cappy_call *call,
                    const struct cappy_response *reply, size_t bytes_in, double seconds);

/* Logs something about the server: `format` makes further members, such as "\"port\": 8080", or is
 * empty. */
void cappy_log_event(const struct cappy_serve_options *options, const char *message,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
