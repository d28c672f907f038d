/* SPDX-License-Identifier: Apache-2.0 */
/* What a pass has to compute. */
#include "model/encoder.h"

double cappy_count_operations(const struct cappy_config *config,
                              const struct cappy_sequence *sequence)
{
    const double h = (double)config->hidden_size;
    const double f = (double)config->ffn_size;
    const double t = (double)sequence->n;
    const double head = (double)sequence->head;
    const double rows = (double)cappy_sequence_rows(sequence);
    const double prefix = sequence->shared == 0 ? head : 0; /* its rows */
    const double seen = prefix * head + (t - head) * t;     /* by all rows, tokens */
    const double layer = rows * 2 * (4 * h * h + 2 * h * f) + 4 * seen * h;
    const double last = 4 * h * h * rows + (4 * h * h + 4 * h * f) + 4 * t * h;
    const double classifier = 2 * h * (h + (double)config->n_labels);
    return (double)(config->n_layers - 1) * layer + last + classifier;
}
