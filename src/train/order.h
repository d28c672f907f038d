/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the rows, and keys of random numbers: functions of the seed, without state, so that
 * a run can go on from any place. Private to train. */
#ifndef CAPPY_TRAIN_ORDER_H
#define CAPPY_TRAIN_ORDER_H

#include <stdint.h>

/* Three numbers to 64 bits that look random. */
uint64_t cappy_order_mix(uint64_t a, uint64_t b, uint64_t c);

/* Place i < n of the permutation of 0 .. n - 1 that belongs to the seed and the epoch. */
uint64_t cappy_order_at(uint64_t seed, uint64_t epoch, uint64_t n, uint64_t i);

#endif
