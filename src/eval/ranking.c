/* SPDX-License-Identifier: Apache-2.0 */
/* How well scores order the responses to one instruction. */
#include <math.h>

#include "eval/eval.h"

/* -1, 0 or 1. */
static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

/* Spearman's rank correlation is Pearson's of ranks. A rank, less the mean of all ranks, is half
 * the sum of how its value compares with all others; equal values share theirs. */
bool cappy_rank_correlate(const double *qualities, const float *scores, size_t n,
                          double *correlation)
{
    double products = 0;
    double squares[2] = {0};
    for (size_t i = 0; i < n; i++) {
        double ranks[2] = {0};
        for (size_t j = 0; j < n; j++) {
            ranks[0] += compare(qualities[i], qualities[j]);
            ranks[1] += compare((double)scores[i], (double)scores[j]);
        }
        products += ranks[0] * ranks[1];
        squares[0] += ranks[0] * ranks[0];
        squares[1] += ranks[1] * ranks[1];
    }
    *correlation = products / sqrt(squares[0] * squares[1]);
    return squares[0] > 0 && squares[1] > 0;
}

bool cappy_pairs_count(const double *qualities, const float *scores, size_t n, double *share)
{
    size_t pairs = 0;
    double right = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            const int wanted = compare(qualities[i], qualities[j]);
            const int got = compare((double)scores[i], (double)scores[j]);
            pairs += wanted != 0;
            right += wanted == 0 ? 0 : got == wanted ? 1 : got == 0 ? 0.5 : 0;
        }
    }
    *share = pairs > 0 ? right / (double)pairs : 0;
    return pairs > 0;
}
