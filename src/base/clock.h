/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAPPY_BASE_CLOCK_H
#define CAPPY_BASE_CLOCK_H

/* Seconds on a clock that never goes back. */
double cappy_clock(void);

#endif
