/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

static const uint64_t STEP = 0x9e3779b97f4a7c15u;

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

struct cappy_random cappy_random_begin(uint64_t seed, uint64_t stream)
{
    return (struct cappy_random){mix(mix(seed + STEP) + stream)};
}

uint64_t cappy_random_next(struct cappy_random *random)
{
    random->state += STEP;
    return mix(random->state);
}

/* The remainder favours small numbers by less than n in 2^64. */
size_t cappy_random_below(struct cappy_random *random, size_t n)
{
    return (size_t)(cappy_random_next(random) % n);
}
