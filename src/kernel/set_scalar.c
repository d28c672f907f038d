/* SPDX-License-Identifier: Apache-2.0 */
/* The scalar kernel set: plain C. */
#include "kernel/simd_scalar.h"

#define SET_NAME    "scalar"
#define SET_KERNELS cappy_kernels_scalar
#define SET_IS_SCALAR

#include "kernel/set.inc"
