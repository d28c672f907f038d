/* SPDX-License-Identifier: Apache-2.0 */
#include "base/apart.h"

#include <pthread.h>

struct errand {
    void (*work)(void *data);
    void *data;
};

static void *run(void *data)
{
    const struct errand *errand = data;
    errand->work(errand->data);
    return NULL;
}

void cappy_run_apart(void (*work)(void *data), void *data)
{
    struct errand errand = {work, data};
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, &errand) == 0) {
        pthread_join(thread, NULL);
    } else {
        work(data);
    }
}
