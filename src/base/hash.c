/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

/* FNV-1a, its bits mixed once more at the end (the finaliser of MurmurHash3). */
uint64_t cappy_hash(uint64_t before, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t h = before ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) {
        h = (h ^ bytes[i]) * 0x100000001b3u;
    }
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}
