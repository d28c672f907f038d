/* SPDX-License-Identifier: Apache-2.0 */
/* The vector vocabulary over NEON, which every AArch64 processor has: 4 floats. What each name
 * means is told in simd_scalar.h. */
#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#define SET_HAS_BF16
#endif

/* 24 registers of sums, 4 of the panel and 1 of a row: 29 of the 32. */
enum { LANES = 4, TILE_ROWS = 6, TILE_VECTORS = 4 };

#if defined(__ARM_FEATURE_MATMUL_INT8)
enum { BYTE_ZERO = 128 }; /* USDOT takes unsigned bytes by signed ones */
#else
enum { BYTE_ZERO = 0 }; /* SDOT and SMULL take signed bytes only */
#endif

typedef float32x4_t vec;

static inline vec vec_zero(void)
{
    return vdupq_n_f32(0.0f);
}

static inline vec vec_set(float x)
{
    return vdupq_n_f32(x);
}

static inline vec vec_load(const float *p)
{
    return vld1q_f32(p);
}

static inline void vec_store(float *p, vec a)
{
    vst1q_f32(p, a);
}

static inline vec vec_load_part(const float *p, size_t n)
{
    float part[LANES] = {0};
    memcpy(part, p, n * sizeof *p);
    return vld1q_f32(part);
}

static inline void vec_store_part(float *p, vec a, size_t n)
{
    memcpy(p, &a, n * sizeof *p);
}

static inline vec vec_select_part(vec a, vec b, size_t n)
{
    static const uint32_t lanes[LANES] = {0, 1, 2, 3};
    return vbslq_f32(vcltq_u32(vld1q_u32(lanes), vdupq_n_u32((uint32_t)n)), a, b);
}

static inline vec vec_add(vec a, vec b)
{
    return vaddq_f32(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return vsubq_f32(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return vmulq_f32(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return vdivq_f32(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return vfmaq_f32(c, a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return vmaxq_f32(a, b);
}

static inline vec vec_min(vec a, vec b)
{
    return vminq_f32(a, b);
}

static inline vec vec_round(vec a)
{
    return vrndnq_f32(a);
}

static inline vec vec_scale_2n(vec a, vec n)
{
    const int32x4_t bits = vshlq_n_s32(vcvtnq_s32_f32(n), 23);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a), bits));
}

static inline void vec_hide(vec *a)
{
    __asm__ volatile("" : "+w"(*a));
}

/* Single numbers change places, then pairs of them. */
static inline void vec_transpose(vec r[LANES])
{
    const float32x4x2_t upper = vtrnq_f32(r[0], r[1]);
    const float32x4x2_t lower = vtrnq_f32(r[2], r[3]);
    for (size_t c = 0; c < 2; c++) {
        r[c] = vcombine_f32(vget_low_f32(upper.val[c]), vget_low_f32(lower.val[c]));
        r[c + 2] = vcombine_f32(vget_high_f32(upper.val[c]), vget_high_f32(lower.val[c]));
    }
}

static inline float vec_sum(vec a)
{
    return vaddvq_f32(a); /* (0 + 1) + (2 + 3) */
}

static inline float vec_largest(vec a)
{
    return vmaxvq_f32(a);
}

/* ---- Integers and narrow numbers ---- */

typedef int32x4_t veci;

static inline veci veci_zero(void)
{
    return vdupq_n_s32(0);
}

static inline veci veci_load(const float *p)
{
    return vreinterpretq_s32_f32(vld1q_f32(p));
}

static inline void veci_store(float *p, veci a)
{
    vst1q_f32(p, vreinterpretq_f32_s32(a));
}

static inline veci veci_sub(veci a, veci b)
{
    return vsubq_s32(a, b);
}

static inline vec vec_from_int(veci a)
{
    return vcvtq_f32_s32(a);
}

static inline vec vec_abs(vec a)
{
    return vabsq_f32(a);
}

static inline vec vec_dot_bf16(vec left, vec right, vec sum)
{
#if defined(SET_HAS_BF16)
    return vbfdotq_f32(sum, vreinterpretq_bf16_f32(left), vreinterpretq_bf16_f32(right));
#else
    const uint32x4_t odd = vdupq_n_u32(0xffff0000u);
    const uint32x4_t a = vreinterpretq_u32_f32(left);
    const uint32x4_t b = vreinterpretq_u32_f32(right);
    sum = vfmaq_f32(sum, vreinterpretq_f32_u32(vshlq_n_u32(a, 16)),
                    vreinterpretq_f32_u32(vshlq_n_u32(b, 16)));
    return vfmaq_f32(sum, vreinterpretq_f32_u32(vandq_u32(a, odd)),
                     vreinterpretq_f32_u32(vandq_u32(b, odd)));
#endif
}

static inline veci veci_dot_u8s8(vec left, vec right, veci sum)
{
    const int8x16_t b = vreinterpretq_s8_f32(right);
#if defined(__ARM_FEATURE_MATMUL_INT8)
    return vusdotq_s32(sum, vreinterpretq_u8_f32(left), b);
#else
    const uint8x16_t less_128 = veorq_u8(vreinterpretq_u8_f32(left), vdupq_n_u8(128));
    const int8x16_t a = vreinterpretq_s8_u8(less_128);
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, a, b);
#else
    /* No weight is -128, so two products of bytes fit 16 bits together. */
    const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
    const int16x8_t high = vmull_high_s8(a, b);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
#endif
#endif
}

static inline vec vec_load_bf16(const uint16_t *p, size_t n)
{
    uint16_t part[LANES] = {0};
    if (n < LANES) {
        memcpy(part, p, n * sizeof *p);
        p = part;
    }
    return vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(vld1_u16(p)), 16));
}

static inline vec vec_pair_halves(const uint16_t *even, const uint16_t *odd, size_t n)
{
    uint32x4_t pairs = vshrq_n_u32(vreinterpretq_u32_f32(vec_load_bf16(even, n)), 16);
    if (odd != NULL) {
        pairs = vorrq_u32(pairs, vreinterpretq_u32_f32(vec_load_bf16(odd, n)));
    }
    return vreinterpretq_f32_u32(pairs);
}

static inline uint16x4_t round_to_bf16(vec a)
{
#if defined(SET_HAS_BF16)
    return vreinterpret_u16_bf16(vcvt_bf16_f32(a));
#else
    uint32x4_t bits = vreinterpretq_u32_f32(a);
    const uint32x4_t even = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    bits = vaddq_u32(bits, vaddq_u32(even, vdupq_n_u32(0x7fff)));
    return vshrn_n_u32(bits, 16);
#endif
}

#if defined(SET_HAS_BF16)
static inline vec vec_pack_bf16(vec a, vec b)
{
    return vreinterpretq_f32_u16(vcombine_u16(round_to_bf16(a), round_to_bf16(b)));
}

static inline vec vec_pair_bf16(vec a, vec b)
{
    const uint16x4x2_t pairs = vzip_u16(round_to_bf16(a), round_to_bf16(b));
    return vreinterpretq_f32_u16(vcombine_u16(pairs.val[0], pairs.val[1]));
}
#endif

static inline void vec_store_bf16(uint16_t *p, vec a, size_t n)
{
    const uint16x4_t halves = round_to_bf16(a);
    if (n == LANES) {
        vst1_u16(p, halves);
    } else {
        memcpy(p, &halves, n * sizeof *p);
    }
}

static inline void vec_store_u8(uint8_t *p, vec a, size_t n)
{
    const int32x4_t whole = vaddq_s32(vcvtnq_s32_f32(a), vdupq_n_s32(128));
    const uint16x4_t halves = vqmovun_s32(whole);
    const uint8x8_t bytes = vqmovn_u16(vcombine_u16(halves, halves));
    memcpy(p, &bytes, n);
}
