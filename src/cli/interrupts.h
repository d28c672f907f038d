/* SPDX-License-Identifier: Apache-2.0 */
/* Polite interruptions: Ctrl-C and SIGTERM are noted, so that work can be saved first. The second
 * one ends the process. */
#ifndef CAPPY_CLI_INTERRUPTS_H
#define CAPPY_CLI_INTERRUPTS_H

#include <stdbool.h>

void cappy_interrupts_watch(void);
bool cappy_interrupted(void);

#endif
