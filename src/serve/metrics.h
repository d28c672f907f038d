/* SPDX-License-Identifier: Apache-2.0 */
/* What the server counts, written as Prometheus reads it. For one thread. */
#ifndef CAPPY_SERVE_METRICS_H
#define CAPPY_SERVE_METRICS_H

#include "serve/call.h"

struct cappy_metrics;

cappy_status cappy_metrics_create(struct cappy_metrics **metrics, cappy_error *error);
void cappy_metrics_free(struct cappy_metrics *metrics);

/* Counts a call that has been answered, `seconds` after its head was complete. */
void cappy_metrics_note(struct cappy_metrics *metrics, const struct cappy_call *call,
                        double seconds);

/* Counts a request whose client left before the answer. */
void cappy_metrics_note_left(struct cappy_metrics *metrics);

/* How many requests are being worked on, and connections open, from now on. */
void cappy_metrics_set_open(struct cappy_metrics *metrics, size_t requests, size_t connections);

#endif
