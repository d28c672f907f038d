/* SPDX-License-Identifier: Apache-2.0 */
/* The AVX-512 kernel set without dot products of narrow numbers: Skylake. */
#include "kernel/simd_avx512.h"

#define SET_NAME    "avx512"
#define SET_KERNELS cappy_kernels_avx512

#include "kernel/set.inc"
