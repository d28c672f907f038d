/* SPDX-License-Identifier: Apache-2.0 */
/* The scalar kernel set. */
#include "kernel/simd_scalar.h"

#define SET_IS_SCALAR
#define SET_NAME    "scalar"
#define SET_KERNELS cappy_kernels_scalar

#include "kernel/set.inc"
