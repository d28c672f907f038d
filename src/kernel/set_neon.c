/* SPDX-License-Identifier: Apache-2.0 */
/* The NEON kernel set, for every AArch64 processor. */
#include "kernel/simd_neon.h"

#define SET_NAME    "neon"
#define SET_KERNELS cappy_kernels_neon

#include "kernel/set.inc"
