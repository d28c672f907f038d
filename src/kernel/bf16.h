/* SPDX-License-Identifier: Apache-2.0 */
/* One number at a time between float and bf16, the upper half of a float. */
#ifndef CAPPY_KERNEL_BF16_H
#define CAPPY_KERNEL_BF16_H

#include <stdint.h>
#include <string.h>

/* Rounded to nearest even. */
static inline uint16_t bf16_from_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline float float_from_bf16(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#endif
