/* SPDX-License-Identifier: Apache-2.0 */
/* The limit that speed is compared with. */
#include "model/model.h"

/* Operations a second of one round of `steps` on all threads. */
static double run_round(const struct cappy_model *model, size_t threads, size_t steps)
{
    double operations = 0;
    double begun = cappy_clock();
    /* One part a thread; the sum of counts is exact in any order. */
#pragma omp parallel for num_threads((int)threads) schedule(static, 1) reduction(+ : operations)
    for (size_t i = 0; i < threads; i++) {
        operations += model->kernels->spin(model->precision, steps);
    }
    return operations / (cappy_clock() - begun + 1e-9);
}

cappy_status cappy_model_peak(const cappy_model *model, size_t threads, double *operations,
                              cappy_error *error)
{
    static const double SECONDS = 0.2;
    static const double ROUND = 0.01;
    CAPPY_TRY(cappy_threads_choose(threads, &threads, error));
    size_t steps = 1000;
    double begun = cappy_clock();
    run_round(model, threads, steps);
    const double one = (cappy_clock() - begun) / (double)steps;
    steps = one > 0 && ROUND / one < 1e9 ? (size_t)(ROUND / one) + 1 : 1000;
    *operations = 0;
    for (begun = cappy_clock(); cappy_clock() - begun < SECONDS;) {
        const double rate = run_round(model, threads, steps);
        *operations = rate > *operations ? rate : *operations;
    }
    return CAPPY_OK;
}
