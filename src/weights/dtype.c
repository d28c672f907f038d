/* SPDX-License-Identifier: Apache-2.0 */
/* Widening of stored numbers to float. Every value of the three types is a float, so nothing is
 * rounded. And the way back, to bf16, which rounds.
 *
 * Data in a mapped file need not be aligned: it is copied to a small block first. The block's fixed
 * length also lets the compiler use vector instructions, so that the speed is that of memory. */
#include <string.h>

#include "weights/weights.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "model files are little-endian; a big-endian machine needs a byte swap here"
#endif

enum { BLOCK = 512 };

const char *cappy_dtype_name(enum cappy_dtype dtype)
{
    switch (dtype) {
    case CAPPY_DTYPE_F32:
        return "F32";
    case CAPPY_DTYPE_F16:
        return "F16";
    case CAPPY_DTYPE_BF16:
        return "BF16";
    case CAPPY_DTYPE_OTHER:
        break;
    }
    return "other";
}

uint64_t cappy_tensor_n_elements(const struct cappy_tensor *tensor)
{
    uint64_t n = 1; /* does not overflow: the reader has checked the product */
    for (size_t i = 0; i < tensor->rank; i++) {
        n *= tensor->shape[i];
    }
    return n;
}

static uint32_t widen_bf16(uint16_t number)
{
    return (uint32_t)number << 16;
}

/* `a` where `condition` is 1, `b` where it is 0: without a branch, which would keep the compiler
 * from using vectors. */
static uint32_t select_bits(uint32_t condition, uint32_t a, uint32_t b)
{
    uint32_t mask = 0u - condition;
    return (a & mask) | (b & ~mask);
}

/* IEEE 754 binary16 to the bits of the same binary32. All three cases are computed and one is
 * selected. None of them passes through a subnormal float, so the result does not depend on the
 * processor's flush-to-zero mode. */
static uint32_t widen_f16(uint16_t number)
{
    uint32_t magnitude = number & 0x7fffu;
    uint32_t normal = (magnitude << 13) + ((127u - 15u) << 23);
    uint32_t special = (magnitude << 13) | 0x7f800000u; /* infinities and NaNs */
    float scaled = (float)(int32_t)magnitude * 0x1p-24f;
    uint32_t subnormal;
    memcpy(&subnormal, &scaled, sizeof subnormal);
    uint32_t bits = select_bits(magnitude < 0x0400u, subnormal, normal);
    bits = select_bits(magnitude >= 0x7c00u, special, bits);
    return bits | (uint32_t)(number & 0x8000u) << 16;
}

/* Defines a function that widens n 16-bit numbers at `data`. */
#define DEFINE_WIDEN(name, widen)                                                                  \
    static void name(const unsigned char *data, size_t n, float *out)                              \
    {                                                                                              \
        uint16_t block[BLOCK] = {0};                                                               \
        uint32_t bits[BLOCK];                                                                      \
        while (n > 0) {                                                                            \
            size_t m = n < BLOCK ? n : BLOCK;                                                      \
            memcpy(block, data, m * sizeof *block);                                                \
            for (size_t i = 0; i < BLOCK; i++) {                                                   \
                bits[i] = widen(block[i]);                                                         \
            }                                                                                      \
            memcpy(out, bits, m * sizeof *bits);                                                   \
            data += m * sizeof *block;                                                             \
            out += m;                                                                              \
            n -= m;                                                                                \
        }                                                                                          \
    }

DEFINE_WIDEN(copy_bf16, widen_bf16)
DEFINE_WIDEN(copy_f16, widen_f16)

void cappy_tensor_to_f32(const struct cappy_tensor *tensor, uint64_t offset, size_t n, float *out)
{
    switch (tensor->dtype) {
    case CAPPY_DTYPE_F32:
        memcpy(out, tensor->data + offset * sizeof(float), n * sizeof(float));
        break;
    case CAPPY_DTYPE_F16:
        copy_f16(tensor->data + offset * sizeof(uint16_t), n, out);
        break;
    case CAPPY_DTYPE_BF16:
        copy_bf16(tensor->data + offset * sizeof(uint16_t), n, out);
        break;
    case CAPPY_DTYPE_OTHER:
        break;
    }
}

void cappy_bf16_from_f32(const float *values, size_t n, unsigned char *bytes)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
        const uint32_t rounded =
            is_nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
        const uint16_t number = (uint16_t)rounded;
        memcpy(bytes + i * sizeof number, &number, sizeof number);
    }
}
