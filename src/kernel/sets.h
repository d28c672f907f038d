/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel sets share among themselves. */
#ifndef CAPPY_KERNEL_SETS_H
#define CAPPY_KERNEL_SETS_H

#include "kernel/kernel.h"

enum {
    CAPPY_MAX_LANES = 16, /* floats in the widest vector of any set */
    CAPPY_ATTENTION_ROWS =
        12, /* queries that attention works on at a time: whole tiles of any set */
    CAPPY_GRADIENT_ROWS = 48, /* and its gradient: the depth of two of its products */
};

extern const struct cappy_kernels cappy_kernels_scalar;
extern const struct cappy_kernels cappy_kernels_avx2;
extern const struct cappy_kernels cappy_kernels_avx2vnni;
extern const struct cappy_kernels cappy_kernels_avx512;
extern const struct cappy_kernels cappy_kernels_avx512vnni;
extern const struct cappy_kernels cappy_kernels_avx512bf16;
extern const struct cappy_kernels cappy_kernels_amx;
extern const struct cappy_kernels cappy_kernels_neon;
extern const struct cappy_kernels cappy_kernels_neondot;
extern const struct cappy_kernels cappy_kernels_neonbf16;

#endif
