/* SPDX-License-Identifier: Apache-2.0 */
/* How many threads to use. */
#ifndef CAPPY_MODEL_THREADS_H
#define CAPPY_MODEL_THREADS_H

#include "base/base.h"

/* `wish`, or for 0 one for each processor that this process may run on. CAPPY_ARGUMENT over
 * 1024. */
cappy_status cappy_threads_choose(size_t wish, size_t *threads, cappy_error *error);

#endif
