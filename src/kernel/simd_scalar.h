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
 *   vec_sum, vec_largest   over the lanes, always in the same order */
#include <math.h>
#include <stddef.h>

enum { LANES = 1, TILE_ROWS = 4, TILE_VECTORS = 8 };

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

static inline float vec_sum(vec a)
{
    return a;
}

static inline float vec_largest(vec a)
{
    return a;
}
