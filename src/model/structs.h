/* SPDX-License-Identifier: Apache-2.0 */
/* Structs of cappy.h that begin with their own size, so that they can grow: reading one a caller
 * gives, filling one a caller gets. */
#ifndef CAPPY_MODEL_STRUCTS_H
#define CAPPY_MODEL_STRUCTS_H

#include "base/base.h"

/* Copies what the caller's option struct `given` (NULL: nothing) has of chosen[size], which holds
 * the defaults. CAPPY_ARGUMENT when its size is not set. */
cappy_status cappy_struct_read(void *chosen, size_t size, const void *given, cappy_error *error);

/* Fills the caller's struct `wanted` from full[size] up to its own size, which stays; what it has
 * beyond becomes zero. CAPPY_ARGUMENT, naming `name`, when its size is not set. */
cappy_status cappy_struct_write(void *wanted, const char *name, const void *full, size_t size,
                                cappy_error *error);

#endif
