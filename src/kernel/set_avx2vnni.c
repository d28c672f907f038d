/* SPDX-License-Identifier: Apache-2.0 */
/* The AVX2 kernel set with AVX-VNNI for int8. */
#include "kernel/simd_avx2.h"

#define SET_NAME    "avx2vnni"
#define SET_KERNELS cappy_kernels_avx2vnni

#include "kernel/set.inc"
