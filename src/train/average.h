/* SPDX-License-Identifier: Apache-2.0 */
/* The exponential moving average of the weights: one step's noise counts little in it, so that the
 * result depends less on where the run happens to end. Private to train. */
#ifndef CAPPY_TRAIN_AVERAGE_H
#define CAPPY_TRAIN_AVERAGE_H

#include <stddef.h>

/* Moves average[n] towards weights[n], of step number `step`, counted from 1, by 1 - decay of the
 * way: by more in the first steps, or the beginning would count for too long (as TensorFlow's
 * ExponentialMovingAverage with num_updates). */
void cappy_average_step(float *average, const float *weights, size_t n, double decay, size_t step,
                        size_t threads);

#endif
