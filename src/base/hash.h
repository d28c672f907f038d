/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of 64 bits, to tell texts apart; not meant to withstand someone who looks for two texts
 * with the same one. */
#ifndef CAPPY_BASE_HASH_H
#define CAPPY_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash of data[0..size) behind what `before` is the hash of; 0 in front of the first. */
uint64_t cappy_hash(uint64_t before, const void *data, size_t size);

#endif
