/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine is, for people. */
#ifndef CAPPY_CLI_MACHINE_H
#define CAPPY_CLI_MACHINE_H

#include <stddef.h>
#include <stdint.h>

struct cappy_machine {
    char processor[128]; /* its name as the system tells it */
    size_t n_processors; /* that this process may use */
    uint64_t memory;     /* bytes */
};

struct cappy_machine cappy_machine_describe(void);

/* How many threads to use: `wish`, or for 0 one for each processor that this process may use. */
size_t cappy_machine_threads(size_t wish);

#endif
