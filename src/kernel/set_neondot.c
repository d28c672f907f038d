/* SPDX-License-Identifier: Apache-2.0 */
/* The NEON kernel set with SDOT for int8: Cortex-A76, Neoverse N1 and later. */
#include "kernel/simd_neon.h"

#define SET_NAME    "neondot"
#define SET_KERNELS cappy_kernels_neondot

#include "kernel/set.inc"
