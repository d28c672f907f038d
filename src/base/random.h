/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers that are the same on every machine: SplitMix64 (Steele, Lea, Flood: Fast
 * splittable pseudorandom number generators, 2014). */
#ifndef CAPPY_BASE_RANDOM_H
#define CAPPY_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct cappy_random {
    uint64_t state;
};

/* The generator of `stream`, such as the number of a row, under `seed`: whoever draws for one
 * stream changes nothing for another. */
struct cappy_random cappy_random_begin(uint64_t seed, uint64_t stream);

uint64_t cappy_random_next(struct cappy_random *random);

/* A number below `n`, which is not 0. */
size_t cappy_random_below(struct cappy_random *random, size_t n);

#endif
