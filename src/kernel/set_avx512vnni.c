/* SPDX-License-Identifier: Apache-2.0 */
/* The AVX-512 kernel set with VNNI for int8: Cascade Lake, Ice Lake. */
#include "kernel/simd_avx512.h"

#define SET_NAME    "avx512vnni"
#define SET_KERNELS cappy_kernels_avx512vnni

#include "kernel/set.inc"
