/* SPDX-License-Identifier: Apache-2.0 */
#include "train/average.h"

#include <math.h>

void cappy_average_step(float *average, const float *weights, size_t n, double decay, size_t step,
                        size_t threads)
{
    (void)threads; /* a build without OpenMP has one */
    const double t = (double)step;
    const float share = (float)(1 - fmin(decay, (1 + t) / (10 + t)));
#pragma omp parallel for simd num_threads((int)threads) schedule(static)
    for (size_t i = 0; i < n; i++) {
        average[i] += (weights[i] - average[i]) * share;
    }
}
