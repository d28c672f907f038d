/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#ifdef _OPENMP
#include <omp.h>
#endif

enum { MAX_THREADS = 1024 };

cappy_status cappy_threads_choose(size_t wish, size_t *threads, cappy_error *error)
{
    if (wish > MAX_THREADS) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "%zu threads asked for, at most %d allowed",
                               wish, MAX_THREADS);
    }
#ifdef _OPENMP
    size_t processors = (size_t)omp_get_num_procs(); /* heeds the affinity mask */
    *threads = wish != 0 ? wish : processors < MAX_THREADS ? processors : MAX_THREADS;
#else
    *threads = 1;
#endif
    return CAPPY_OK;
}
