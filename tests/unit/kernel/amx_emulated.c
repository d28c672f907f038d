/* SPDX-License-Identifier: Apache-2.0 */
/* The AMX kernel set with its tiles in plain C. */
#define SET_AMX_EMULATED
#define SET_NAME    "amx, emulated"
#define SET_KERNELS cappy_kernels_amx_emulated

#include "kernel/kernel.h"

extern const struct cappy_kernels SET_KERNELS;

#include "kernel/set_amx.c"
