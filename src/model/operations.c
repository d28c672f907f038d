/* SPDX-License-Identifier: Apache-2.0 */
/* What a pass has to compute. */
#include "model/encoder.h"

double cappy_count_operations(const struct cappy_config *config, size_t n)
{
    const double h = (double)config->hidden_size;
    const double f = (double)config->ffn_size;
    const double t = (double)n;
    const double layer = 2 * (4 * h * h + 2 * h * f) + 4 * t * h; /* for a token */
    const double last = 4 * h * h * t + (4 * h * h + 4 * h * f) + 4 * t * h;
    const double head = 2 * h * (h + (double)config->n_labels);
    return (double)(config->n_layers - 1) * t * layer + last + head;
}
