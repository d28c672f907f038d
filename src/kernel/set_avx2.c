/* SPDX-License-Identifier: Apache-2.0 */
/* The AVX2 kernel set. */
#include "kernel/simd_avx2.h"

#define SET_NAME    "avx2"
#define SET_KERNELS cappy_kernels_avx2

#include "kernel/set.inc"
