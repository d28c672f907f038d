/* SPDX-License-Identifier: Apache-2.0 */
/* The vector vocabulary over AVX-512: 16 floats. What each name means is told in simd_scalar.h. */
#include <immintrin.h>
#include <stdint.h>

#if defined(SET_HAS_AMX)
enum { LANES = 16, TILE_ROWS = 12, TILE_VECTORS = 2 }; /* panels as wide as two AMX tiles */
#else
enum { LANES = 16, TILE_ROWS = 6, TILE_VECTORS = 4 };
#endif
enum { BYTE_ZERO = 128 };

typedef __m512 vec;

static inline vec vec_zero(void)
{
    return _mm512_setzero_ps();
}

static inline vec vec_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void vec_store(float *p, vec a)
{
    _mm512_storeu_ps(p, a);
}

static inline __mmask16 vec_mask(size_t n)
{
    return (__mmask16)((1u << n) - 1u);
}

static inline vec vec_load_part(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(vec_mask(n), p);
}

static inline void vec_store_part(float *p, vec a, size_t n)
{
    _mm512_mask_storeu_ps(p, vec_mask(n), a);
}

static inline vec vec_select_part(vec a, vec b, size_t n)
{
    return _mm512_mask_blend_ps(vec_mask(n), b, a);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}

static inline vec vec_round(vec a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vec vec_scale_2n(vec a, vec n)
{
    return _mm512_scalef_ps(a, n);
}

static inline void vec_hide(vec *a)
{
    __asm__ volatile("" : "+v"(*a));
}

/* Pairs of numbers, then pairs of pairs, change places within 128 bits; then the 128 bits do. */
static inline void vec_transpose(vec r[LANES])
{
    vec t[LANES];
    for (size_t i = 0; i < LANES; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (size_t i = 0; i < LANES; i += 4) {
        for (size_t c = 0; c < 2; c++) {
            const __m512d a = _mm512_castps_pd(t[i + c]);
            const __m512d b = _mm512_castps_pd(t[i + c + 2]);
            r[i + 2 * c] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            r[i + 2 * c + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    }
    for (size_t c = 0; c < 4; c++) {
        const vec a = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88);
        const vec b = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd);
        const vec d = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);
        const vec e = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xdd);
        t[c] = _mm512_shuffle_f32x4(a, d, 0x88);
        t[4 + c] = _mm512_shuffle_f32x4(b, e, 0x88);
        t[8 + c] = _mm512_shuffle_f32x4(a, d, 0xdd);
        t[12 + c] = _mm512_shuffle_f32x4(b, e, 0xdd);
    }
    for (size_t i = 0; i < LANES; i++) {
        r[i] = t[i];
    }
}

static inline float vec_sum(vec a)
{
    __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    c = _mm_add_ps(c, _mm_movehl_ps(c, c));
    c = _mm_add_ss(c, _mm_movehdup_ps(c));
    return _mm_cvtss_f32(c);
}

static inline float vec_largest(vec a)
{
    return _mm512_reduce_max_ps(a);
}

/* Lane i of the result is what all lanes of row[i] give, put together two by two, in the same order
 * for every row. */
#define VEC_REDUCE_EACH(name, combine)                                                             \
    static inline vec name(const vec row[LANES])                                                   \
    {                                                                                              \
        vec quad[LANES / 4];                                                                       \
        for (size_t i = 0; i < LANES / 4; i++) {                                                   \
            const vec *r = row + 4 * i;                                                            \
            const __m512d a = _mm512_castps_pd(                                                    \
                combine(_mm512_unpacklo_ps(r[0], r[1]), _mm512_unpackhi_ps(r[0], r[1])));          \
            const __m512d b = _mm512_castps_pd(                                                    \
                combine(_mm512_unpacklo_ps(r[2], r[3]), _mm512_unpackhi_ps(r[2], r[3])));          \
            quad[i] = combine(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),                          \
                              _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));                         \
        }                                                                                          \
        const vec low = combine(_mm512_shuffle_f32x4(quad[0], quad[1], 0x88),                      \
                                _mm512_shuffle_f32x4(quad[0], quad[1], 0xdd));                     \
        const vec high = combine(_mm512_shuffle_f32x4(quad[2], quad[3], 0x88),                     \
                                 _mm512_shuffle_f32x4(quad[2], quad[3], 0xdd));                    \
        return combine(_mm512_shuffle_f32x4(low, high, 0x88),                                      \
                       _mm512_shuffle_f32x4(low, high, 0xdd));                                     \
    }
VEC_REDUCE_EACH(vec_sum_of_each, vec_add)
VEC_REDUCE_EACH(vec_largest_of_each, vec_max)
#undef VEC_REDUCE_EACH

static inline int vec_any_above(vec a, float limit)
{
    return _mm512_cmp_ps_mask(a, vec_set(limit), _CMP_GT_OQ) != 0;
}

/* ---- Integers and narrow numbers ---- */

typedef __m512i veci;

static inline veci veci_zero(void)
{
    return _mm512_setzero_si512();
}

static inline veci veci_load(const float *p)
{
    return _mm512_loadu_si512(p);
}

static inline void veci_store(float *p, veci a)
{
    _mm512_storeu_si512(p, a);
}

static inline veci veci_sub(veci a, veci b)
{
    return _mm512_sub_epi32(a, b);
}

static inline vec vec_from_int(veci a)
{
    return _mm512_cvtepi32_ps(a);
}

static inline vec vec_abs(vec a)
{
    return _mm512_abs_ps(a);
}

static inline vec vec_dot_bf16(vec left, vec right, vec sum)
{
#if defined(__AVX512BF16__)
    return _mm512_dpbf16_ps(sum, (__m512bh)left, (__m512bh)right);
#else
    const __m512i odd = _mm512_set1_epi32((int)0xffff0000);
    __m512i a = _mm512_castps_si512(left);
    __m512i b = _mm512_castps_si512(right);
    sum = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(a, 16)),
                          _mm512_castsi512_ps(_mm512_slli_epi32(b, 16)), sum);
    return _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(a, odd)),
                           _mm512_castsi512_ps(_mm512_and_si512(b, odd)), sum);
#endif
}

static inline veci veci_dot_u8s8(vec left, vec right, veci sum)
{
    const __m512i a = _mm512_castps_si512(left);
    const __m512i b = _mm512_castps_si512(right);
#if defined(__AVX512VNNI__)
    return _mm512_dpbusd_epi32(sum, a, b);
#else
    /* VPMADDUBSW would saturate: widen the even and the odd bytes to 16 bits instead. */
    __m512i even = _mm512_madd_epi16(_mm512_and_si512(a, _mm512_set1_epi16(0xff)),
                                     _mm512_srai_epi16(_mm512_slli_epi16(b, 8), 8));
    __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(a, 8), _mm512_srai_epi16(b, 8));
    return _mm512_add_epi32(sum, _mm512_add_epi32(even, odd));
#endif
}

static inline vec vec_load_bf16(const uint16_t *p, size_t n)
{
    __m256i bits = _mm256_maskz_loadu_epi16(vec_mask(n), p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

static inline void vec_store_bf16(uint16_t *p, vec a, size_t n)
{
#if defined(__AVX512BF16__)
    _mm256_mask_storeu_epi16(p, vec_mask(n), (__m256i)_mm512_cvtneps_pbh(a));
#else
    __m512i bits = _mm512_castps_si512(a);
    __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    bits = _mm512_add_epi32(bits, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff)));
    _mm512_mask_cvtepi32_storeu_epi16(p, vec_mask(n), _mm512_srli_epi32(bits, 16));
#endif
}

static inline vec vec_pair_halves(const uint16_t *even, const uint16_t *odd, size_t n)
{
    const __mmask16 mask = vec_mask(n);
    __m512i pairs = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, even));
    if (odd != NULL) {
        const __m512i upper = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, odd));
        pairs = _mm512_or_si512(pairs, _mm512_slli_epi32(upper, 16));
    }
    return _mm512_castsi512_ps(pairs);
}

#if defined(__AVX512BF16__)
#define SET_HAS_BF16

/* a's numbers and then b's, as bf16 (numbers below 2^-126 become 0). */
static inline vec vec_pack_bf16(vec a, vec b)
{
    return (vec)_mm512_cvtne2ps_pbh(b, a);
}
#endif

/* Pairs of bf16, a number of a's and one of b's. */
static inline vec vec_pair_bf16(vec a, vec b)
{
#if defined(__AVX512BF16__)
    const __m512i ramp = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i order = _mm512_or_si512(
        ramp, _mm512_slli_epi32(_mm512_add_epi32(ramp, _mm512_set1_epi32(LANES)), 16));
    return _mm512_castsi512_ps(
        _mm512_permutexvar_epi16(order, _mm512_castps_si512(vec_pack_bf16(a, b))));
#else
    uint16_t halves[2][LANES];
    vec_store_bf16(halves[0], a, LANES);
    vec_store_bf16(halves[1], b, LANES);
    return vec_pair_halves(halves[0], halves[1], LANES);
#endif
}

/* 32 numbers as bf16. */
static inline void vec_store_block_bf16(uint16_t *p, vec a, vec b)
{
#if defined(__AVX512BF16__)
    vec_store((float *)p, vec_pack_bf16(a, b));
#else
    vec_store_bf16(p, a, LANES);
    vec_store_bf16(p + LANES, b, LANES);
#endif
}

/* The same for numbers that are no NaN, and without VCVTNE2PS2BF16, which would take two turns of
 * the unit that multiplies: while tiles are at work there is only one. */
static inline void vec_store_weights(uint16_t *p, vec a, vec b)
{
    static const uint16_t upper[2 * LANES] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21,
                                              23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43,
                                              45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
    const __m512i half = _mm512_set1_epi32(0x8000); /* ties go up, not to even */
    const __m512i x = _mm512_add_epi32(_mm512_castps_si512(a), half);
    const __m512i y = _mm512_add_epi32(_mm512_castps_si512(b), half);
    _mm512_storeu_si512(p, _mm512_permutex2var_epi16(x, _mm512_loadu_si512(upper), y));
}

#define SET_HAS_EXP2_COARSE

/* 2^x for x <= 0, for results that are rounded to bf16: relative error 7.5e-5, and 0 far below. */
static inline vec vec_exp2_coarse(vec x)
{
    const vec f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); /* in [0, 1) */
    vec y = vec_fma(vec_set(0.0780245226f), f, vec_set(0.226067157f));
    y = vec_fma(y, f, vec_set(0.695833541f));
    y = vec_fma(y, f, vec_set(0.999925219f));
    return _mm512_scalef_ps(y, x); /* by the integer below x */
}

/* Of two rows of 32 halves: pairs of the first 16 numbers of each, and of the last. */
static inline void vec_interleave_halves(vec a, vec b, vec *low, vec *high)
{
    const __m512i odd = _mm512_set1_epi32((int)0x00200000); /* from b: 32 on */
    const __m512i ramp = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i first = _mm512_or_si512(_mm512_or_si512(ramp, _mm512_slli_epi32(ramp, 16)), odd);
    const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
    const __m512i x = _mm512_castps_si512(a);
    const __m512i y = _mm512_castps_si512(b);
    *low = _mm512_castsi512_ps(_mm512_permutex2var_epi16(x, first, y));
    *high = _mm512_castsi512_ps(_mm512_permutex2var_epi16(x, second, y));
}

static inline void vec_store_u8(uint8_t *p, vec a, size_t n)
{
    __m512i whole = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(128));
    _mm512_mask_cvtepi32_storeu_epi8(p, vec_mask(n), whole);
}

/* ---- Masks: bit i is lane i's ---- */

/* a, with 0 in the lanes of the mask. */
static inline vec vec_clear(vec a, uint16_t mask)
{
    return _mm512_maskz_mov_ps((__mmask16)~mask, a);
}

/* a, with the other sign in the lanes of the mask. */
static inline vec vec_negate(vec a, uint16_t mask)
{
    return _mm512_mask_xor_ps(a, mask, a, _mm512_set1_ps(-0.0f));
}

/* a, with 0 where `sign` is below 0. */
static inline vec vec_clear_negative(vec sign, vec a)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(sign, _mm512_setzero_ps(), _CMP_GE_OQ), a);
}

/* The words whose lower half, or upper half, is below the limit. */
static inline uint16_t vec_lower_below(const uint32_t *words, uint32_t limit)
{
    const __m512i half = _mm512_and_si512(_mm512_loadu_si512(words), _mm512_set1_epi32(0xffff));
    return _mm512_cmplt_epu32_mask(half, _mm512_set1_epi32((int)limit));
}

static inline uint16_t vec_upper_below(const uint32_t *words, uint32_t limit)
{
    const __m512i half = _mm512_srli_epi32(_mm512_loadu_si512(words), 16);
    return _mm512_cmplt_epu32_mask(half, _mm512_set1_epi32((int)limit));
}
