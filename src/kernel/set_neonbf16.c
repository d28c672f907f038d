/* SPDX-License-Identifier: Apache-2.0 */
/* The NEON kernel set with BFDOT for bf16 and USDOT for int8: Neoverse V1 and N2 and later. */
#include "kernel/simd_neon.h"

#define SET_NAME    "neonbf16"
#define SET_KERNELS cappy_kernels_neonbf16

#include "kernel/set.inc"
