/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupts.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal)
{
    (void)signal;
    is_interrupted = 1;
}

void cappy_interrupts_watch(void)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool cappy_interrupted(void)
{
    return is_interrupted != 0;
}
