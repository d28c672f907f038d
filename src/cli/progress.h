/* SPDX-License-Identifier: Apache-2.0 */
/* The progress bar on standard error: only when that is a terminal which the data does not go
 * to. */
#ifndef CAPPY_CLI_PROGRESS_H
#define CAPPY_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct cappy_progress {
    bool is_shown;
    double begun;     /* seconds, as cappy_clock */
    double drawn;     /* when the bar was last drawn */
    uint64_t skipped; /* of what is done, the part that was so from the beginning */
};

/* `wanted` is false for --quiet and when the data goes to a terminal. */
void cappy_progress_begin(struct cappy_progress *progress, bool wanted);

/* Draws the bar, unless it was drawn a moment ago. `done` of `total` (0: unknown) tells the share;
 * `n` units, called `unit`, tell the rate. */
void cappy_progress_update(struct cappy_progress *progress, uint64_t done, uint64_t total,
                           uint64_t n, const char *unit);

/* The same with `text` beside the bar. */
void cappy_progress_show(struct cappy_progress *progress, uint64_t done, uint64_t total,
                         const char *text);

/* Wipes the bar. */
void cappy_progress_end(struct cappy_progress *progress);

#endif
