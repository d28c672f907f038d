/* SPDX-License-Identifier: Apache-2.0 */
#include "train/order.h"

/* The finaliser of SplitMix64 (Steele et al. 2014). */
static uint64_t scramble(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

uint64_t cappy_order_mix(uint64_t a, uint64_t b, uint64_t c)
{
    return scramble(scramble(scramble(a) + b) + c);
}

/* A Feistel network permutes the numbers of 2 half bits; what falls outside 0 .. n - 1 goes through
 * it again until it is inside, which is a permutation of those (Black and Rogaway 2002). */
uint64_t cappy_order_at(uint64_t seed, uint64_t epoch, uint64_t n, uint64_t i)
{
    enum { ROUNDS = 6 };
    unsigned half = 1;
    while (half < 32 && (uint64_t)1 << 2 * half < n) {
        half++;
    }
    const uint64_t mask = ((uint64_t)1 << half) - 1;
    const uint64_t key = cappy_order_mix(seed, epoch, n);
    do {
        for (uint64_t round = 0; round < ROUNDS; round++) {
            const uint64_t left = i >> half;
            const uint64_t right = i & mask;
            i = right << half | (left ^ (cappy_order_mix(key, round, right) & mask));
        }
    } while (i >= n);
    return i;
}
