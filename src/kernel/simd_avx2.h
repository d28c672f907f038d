/* SPDX-License-Identifier: Apache-2.0 */
/* The vector vocabulary over AVX2 and FMA: 8 floats. What each name means is told in
 * simd_scalar.h. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 8, TILE_ROWS = 6, TILE_VECTORS = 2, BYTE_ZERO = 128 };

typedef __m256 vec;

static inline vec vec_zero(void)
{
    return _mm256_setzero_ps();
}

static inline vec vec_set(float x)
{
    return _mm256_set1_ps(x);
}

static inline vec vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void vec_store(float *p, vec a)
{
    _mm256_storeu_ps(p, a);
}

static inline __m256i vec_mask(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vec vec_load_part(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, vec_mask(n));
}

static inline void vec_store_part(float *p, vec a, size_t n)
{
    _mm256_maskstore_ps(p, vec_mask(n), a);
}

static inline vec vec_select_part(vec a, vec b, size_t n)
{
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(vec_mask(n)));
}

static inline vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}

static inline vec vec_round(vec a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vec vec_scale_2n(vec a, vec n)
{
    __m256i bits = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), bits));
}

static inline void vec_hide(vec *a)
{
    __asm__ volatile("" : "+x"(*a));
}

/* Pairs of numbers, then pairs of pairs, change places within 128 bits; then the 128 bits do. */
static inline void vec_transpose(vec r[LANES])
{
    vec t[LANES];
    for (size_t i = 0; i < LANES; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (size_t i = 0; i < LANES; i += 4) {
        for (size_t c = 0; c < 2; c++) {
            const __m256d a = _mm256_castps_pd(t[i + c]);
            const __m256d b = _mm256_castps_pd(t[i + c + 2]);
            r[i + 2 * c] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
            r[i + 2 * c + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
        }
    }
    for (size_t c = 0; c < 4; c++) {
        t[c] = _mm256_permute2f128_ps(r[c], r[4 + c], 0x20);
        t[4 + c] = _mm256_permute2f128_ps(r[c], r[4 + c], 0x31);
    }
    for (size_t i = 0; i < LANES; i++) {
        r[i] = t[i];
    }
}

static inline float vec_sum(vec a)
{
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    b = _mm_add_ss(b, _mm_movehdup_ps(b));
    return _mm_cvtss_f32(b);
}

static inline float vec_largest(vec a)
{
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    b = _mm_max_ss(b, _mm_movehdup_ps(b));
    return _mm_cvtss_f32(b);
}

/* ---- Integers and narrow numbers ---- */

typedef __m256i veci;

static inline veci veci_zero(void)
{
    return _mm256_setzero_si256();
}

static inline veci veci_load(const float *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline void veci_store(float *p, veci a)
{
    _mm256_storeu_si256((__m256i *)p, a);
}

static inline veci veci_sub(veci a, veci b)
{
    return _mm256_sub_epi32(a, b);
}

static inline vec vec_from_int(veci a)
{
    return _mm256_cvtepi32_ps(a);
}

static inline vec vec_abs(vec a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

static inline vec vec_dot_bf16(vec left, vec right, vec sum)
{
    const __m256i odd = _mm256_set1_epi32((int)0xffff0000);
    __m256i a = _mm256_castps_si256(left);
    __m256i b = _mm256_castps_si256(right);
    sum = _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)),
                          _mm256_castsi256_ps(_mm256_slli_epi32(b, 16)), sum);
    return _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_and_si256(a, odd)),
                           _mm256_castsi256_ps(_mm256_and_si256(b, odd)), sum);
}

static inline veci veci_dot_u8s8(vec left, vec right, veci sum)
{
    const __m256i a = _mm256_castps_si256(left);
    const __m256i b = _mm256_castps_si256(right);
#if defined(__AVXVNNI__)
    return _mm256_dpbusd_avx_epi32(sum, a, b);
#else
    /* VPMADDUBSW would saturate: widen the even and the odd bytes to 16 bits instead. */
    __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi16(0xff)),
                                     _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
    __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
#endif
}

static inline vec vec_load_bf16(const uint16_t *p, size_t n)
{
    uint16_t part[8] = {0};
    if (n < 8) {
        memcpy(part, p, n * sizeof *p);
        p = part;
    }
    __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
}

static inline vec vec_pair_halves(const uint16_t *even, const uint16_t *odd, size_t n)
{
    __m256i pairs = _mm256_srli_epi32(_mm256_castps_si256(vec_load_bf16(even, n)), 16);
    if (odd != NULL) {
        pairs = _mm256_or_si256(pairs, _mm256_castps_si256(vec_load_bf16(odd, n)));
    }
    return _mm256_castsi256_ps(pairs);
}

/* The low halves of eight 32-bit integers, each under 65536. */
static inline __m128i narrow(__m256i a)
{
    __m256i packed = _mm256_packus_epi32(a, a);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
}

static inline void vec_store_bf16(uint16_t *p, vec a, size_t n)
{
    __m256i bits = _mm256_castps_si256(a);
    __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    bits = _mm256_add_epi32(bits, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
    __m128i halves = narrow(_mm256_srli_epi32(bits, 16));
    if (n == 8) {
        _mm_storeu_si128((__m128i *)p, halves);
    } else {
        memcpy(p, &halves, n * sizeof *p);
    }
}

static inline void vec_store_u8(uint8_t *p, vec a, size_t n)
{
    __m256i whole = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(128));
    __m128i halves = narrow(whole);
    __m128i bytes = _mm_packus_epi16(halves, halves);
    memcpy(p, &bytes, n);
}
