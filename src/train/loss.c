/* SPDX-License-Identifier: Apache-2.0 */
#include "train/loss.h"

#include <math.h>

/* (z - y)^2, the published model's loss. */
static double squared_error(double z, double y, double *d)
{
    *d = 2 * (z - y);
    return (z - y) * (z - y);
}

/* -y log s - (1 - y) log(1 - s) with s = 1 / (1 + e^-z), which is log(1 + e^z) - y z. */
static double cross_entropy(double z, double y, double *d)
{
    const double e = exp(-fabs(z));
    *d = (z >= 0 ? 1 / (1 + e) : e / (1 + e)) - y;
    return fmax(z, 0) + log1p(e) - y * z;
}

/* log of the sum of e^(x / temperature), with what makes it safe: their maximum. */
static double log_sum(const float *x, size_t n, double temperature)
{
    double largest = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, (double)x[i] / temperature);
    }
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)x[i] / temperature - largest);
    }
    return largest + log(sum);
}

/* ListNet (Cao et al. 2007): the cross-entropy from softmax(y / of_y) to softmax(z / of_z). */
static double list_entropy(const float *z, const float *y, size_t n, double of_z, double of_y,
                           double weight, float *d)
{
    const double log_z = log_sum(z, n, of_z);
    const double log_y = log_sum(y, n, of_y);
    double loss = 0;
    for (size_t i = 0; i < n; i++) {
        const double p = exp((double)y[i] / of_y - log_y);
        const double log_q = (double)z[i] / of_z - log_z;
        loss -= p * log_q;
        d[i] = (float)((exp(log_q) - p) / of_z * weight);
    }
    return loss * weight;
}

/* The squared error gives scores their scale, the list their order; so weighted, both are about as
 * large at the beginning. */
static double combine(const float *z, const float *y, size_t n, double temperature, double weight,
                      float *d)
{
    enum { ERROR_WEIGHT = 2 };
    double loss = list_entropy(z, y, n, temperature, temperature, weight, d);
    const double each = ERROR_WEIGHT * weight / (double)n;
    for (size_t i = 0; i < n; i++) {
        double slope;
        loss += squared_error((double)z[i], (double)y[i], &slope) * each;
        d[i] += (float)(slope * each);
    }
    return loss;
}

bool cappy_loss_is_of_lists(enum cappy_loss_kind kind)
{
    return kind == CAPPY_LOSS_LISTWISE || kind == CAPPY_LOSS_COMBINED;
}

double cappy_loss(enum cappy_loss_kind kind, double temperature, const float *z, const float *y,
                  size_t n, double weight, float *d)
{
    if (kind == CAPPY_LOSS_LISTWISE) {
        return list_entropy(z, y, n, 1, temperature, weight, d);
    }
    if (kind == CAPPY_LOSS_COMBINED) {
        return combine(z, y, n, temperature, weight, d);
    }
    double loss = 0;
    for (size_t i = 0; i < n; i++) {
        double slope;
        loss += kind == CAPPY_LOSS_MSE ? squared_error((double)z[i], (double)y[i], &slope)
                                       : cross_entropy((double)z[i], (double)y[i], &slope);
        d[i] = (float)(slope * weight);
    }
    return loss * weight;
}
