/* SPDX-License-Identifier: Apache-2.0 */
/* The AVX-512 kernel set with VNNI for int8 and BF16 dot products: Zen 4 and later. */
#include "kernel/simd_avx512.h"

#define SET_NAME    "avx512bf16"
#define SET_KERNELS cappy_kernels_avx512bf16

#include "kernel/set.inc"
