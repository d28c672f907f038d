/* SPDX-License-Identifier: Apache-2.0 */
/* The AMX kernel set: Sapphire Rapids and later. Matrix products in bf16 and int8 on tiles, the
 * rest as AVX-512 has it. The tests build it once more with the tiles emulated, under another
 * name. */
#define SET_HAS_AMX

#include "kernel/simd_avx512.h"

#if !defined(SET_AMX_EMULATED)
#define SET_NAME    "amx"
#define SET_KERNELS cappy_kernels_amx
#endif

#include "kernel/set.inc"
