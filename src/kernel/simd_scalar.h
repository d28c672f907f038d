/* SPDX-License-Identifier: Apache-2.0 */
/* The vector vocabulary in plain C, one float at a time: for processors without a set of their own,
 * and the yardstick of the tests. The other simd_*.h define the same names; the kernels in the .inc
 * files use nothing else.
 *
 *   LANES                  floats in a vec
 *   TILE_ROWS, _VECTORS    the register tile of the matrix product: rows by vectors
 *   vec_load_part(p, n)    the first n <= LANES floats, the rest 0; reads nothing beyond
 *   vec_store_part(p,a,n)  the first n lanes; writes nothing beyond
 *   vec_select_part(a,b,n) the first n lanes from a, the rest from b
 *   vec_fma(a, b, c)       a b + c, rounded once where the instruction set has it
 *   vec_scale_2n(a, n)     a 2^n for whole n; a in [1/2, 2], |n| <= 126
 *   vec_transpose(square)  LANES vecs, rows to columns
 *   vec_hide(&a)           nothing, but the compiler cannot see that a is what it was
 *   vec_sum, vec_largest   over the lanes, always in the same order
 *   veci                   LANES whole numbers of 32 bits; they too are kept in float arrays
 *   vec_dot_bf16(a, b, c)  c + the products of two bf16 in each lane of a and b
 *   veci_dot_u8s8(a, b, c) c + the products of four bytes in a, unsigned, with four in b, signed
 *                          and above -128; each in a counts as byte - 128 + BYTE_ZERO
 *   BYTE_ZERO              128, so that a byte counts as it is; 0 where the instructions want a
 *                          signed byte and the 128 is taken off first
 *   vec_load_bf16(p, n)    n <= LANES bf16 as floats, the rest 0
 *   vec_store_bf16(p,a,n)  the first n lanes, rounded to nearest even
 *   vec_pair_halves(p,q,n) n <= LANES pairs of 16 bits, one from each, the rest 0; q NULL: zeros
 *   vec_pack_bf16(a, b)    SET_HAS_BF16 only: a's numbers and then b's
 *   vec_pair_bf16(a, b)    the same: pairs of one of a's and one of b's
 *   vec_store_u8(p, a, n)  the first n lanes, rounded, plus 128; -128 <= a < 127.5 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/bf16.h"

enum { LANES = 1, TILE_ROWS = 4, TILE_VECTORS = 8, BYTE_ZERO = 128 };

typedef float vec;

static inline vec vec_zero(void)
{
    return 0.0f;
}

static inline vec vec_set(float x)
{
    return x;
}

static inline vec vec_load(const float *p)
{
    return *p;
}

static inline void vec_store(float *p, vec a)
{
    *p = a;
}

static inline vec vec_load_part(const float *p, size_t n)
{
    return n != 0 ? *p : 0.0f;
}

static inline void vec_store_part(float *p, vec a, size_t n)
{
    if (n != 0) {
        *p = a;
    }
}

static inline vec vec_select_part(vec a, vec b, size_t n)
{
    return n != 0 ? a : b;
}

static inline vec vec_add(vec a, vec b)
{
    return a + b;
}

static inline vec vec_sub(vec a, vec b)
{
    return a - b;
}

static inline vec vec_mul(vec a, vec b)
{
    return a * b;
}

static inline vec vec_div(vec a, vec b)
{
    return a / b;
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return a * b + c;
}

static inline vec vec_max(vec a, vec b)
{
    return a > b ? a : b;
}

static inline vec vec_min(vec a, vec b)
{
    return a < b ? a : b;
}

static inline vec vec_round(vec a)
{
    return rintf(a);
}

static inline vec vec_scale_2n(vec a, vec n)
{
    return ldexpf(a, (int)n);
}

static inline void vec_hide(vec *a)
{
    __asm__ volatile("" : "+m"(*a));
}

static inline void vec_transpose(vec square[LANES])
{
    (void)square;
}

static inline float vec_sum(vec a)
{
    return a;
}

static inline float vec_largest(vec a)
{
    return a;
}

/* ---- Integers and narrow numbers ---- */

typedef int32_t veci;

static inline veci veci_zero(void)
{
    return 0;
}

static inline veci veci_load(const float *p)
{
    veci a;
    memcpy(&a, p, sizeof a);
    return a;
}

static inline void veci_store(float *p, veci a)
{
    memcpy(p, &a, sizeof a);
}

static inline veci veci_sub(veci a, veci b)
{
    return a - b;
}

static inline vec vec_from_int(veci a)
{
    return (float)a;
}

static inline vec vec_abs(vec a)
{
    return fabsf(a);
}

static inline uint32_t vec_bits(vec a)
{
    uint32_t bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}

static inline vec vec_of_bits(uint32_t bits)
{
    vec a;
    memcpy(&a, &bits, sizeof a);
    return a;
}

static inline vec vec_dot_bf16(vec left, vec right, vec sum)
{
    const uint32_t a = vec_bits(left);
    const uint32_t b = vec_bits(right);
    sum = vec_of_bits(a << 16) * vec_of_bits(b << 16) + sum;
    return vec_of_bits(a & 0xffff0000u) * vec_of_bits(b & 0xffff0000u) + sum;
}

static inline veci veci_dot_u8s8(vec left, vec right, veci sum)
{
    const uint32_t a = vec_bits(left);
    const uint32_t b = vec_bits(right);
    for (unsigned i = 0; i < 32; i += 8) {
        sum += (int32_t)(uint8_t)(a >> i) * (int8_t)(b >> i);
    }
    return sum;
}

static inline vec vec_load_bf16(const uint16_t *p, size_t n)
{
    return n != 0 ? float_from_bf16(*p) : 0.0f;
}

static inline void vec_store_bf16(uint16_t *p, vec a, size_t n)
{
    if (n != 0) {
        *p = bf16_from_float(a);
    }
}

static inline vec vec_pair_halves(const uint16_t *even, const uint16_t *odd, size_t n)
{
    return n != 0 ? vec_of_bits(even[0] | (odd != NULL ? (uint32_t)odd[0] << 16 : 0)) : 0.0f;
}

static inline void vec_store_u8(uint8_t *p, vec a, size_t n)
{
    if (n != 0) {
        *p = (uint8_t)((int32_t)rintf(a) + 128);
    }
}
