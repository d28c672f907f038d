/* SPDX-License-Identifier: Apache-2.0 */
/* The avx512 kernel set. */
#include "kernel/simd_avx512.h"

#define SET_NAME    "avx512"
#define SET_KERNELS cappy_kernels_avx512

#include "kernel/set.inc"
