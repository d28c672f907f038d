/* SPDX-License-Identifier: Apache-2.0 */
/* AMX tiles: 16 rows of 64 bytes. Tile numbers are literals, as the instructions want them.
 *
 * With SET_AMX_EMULATED the same operations are done in plain C, so that the loops over them can be
 * tested on a processor without AMX. */
#ifndef CAPPY_KERNEL_TILES_H
#define CAPPY_KERNEL_TILES_H

#include <stdint.h>
#include <string.h>

enum { TILE_SIDE = 16, TILE_BYTES = 64 };

#if defined(SET_AMX_EMULATED)

static _Thread_local uint8_t tiles[8][TILE_SIDE][TILE_BYTES];

static inline void tiles_configure(void)
{
    memset(tiles, 0, sizeof tiles);
}

static inline void tiles_release(void) {}

static inline void tile_fetch(int tile, const void *from, size_t stride)
{
    for (size_t i = 0; i < TILE_SIDE; i++) {
        memcpy(tiles[tile][i], (const char *)from + i * stride, TILE_BYTES);
    }
}

static inline void tile_put(int tile, void *to, size_t stride)
{
    for (size_t i = 0; i < TILE_SIDE; i++) {
        memcpy((char *)to + i * stride, tiles[tile][i], TILE_BYTES);
    }
}

static inline float tile_bf16(const uint8_t *p)
{
    uint16_t half;
    memcpy(&half, p, sizeof half);
    const uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline void tile_dot_bf16(int sum, int left, int right)
{
    for (size_t i = 0; i < TILE_SIDE; i++) {
        for (size_t j = 0; j < TILE_SIDE; j++) {
            float x;
            memcpy(&x, &tiles[sum][i][4 * j], sizeof x);
            for (size_t k = 0; k < TILE_BYTES / 2; k++) {
                x += tile_bf16(&tiles[left][i][2 * k]) *
                     tile_bf16(&tiles[right][k / 2][4 * j + k % 2 * 2]);
            }
            memcpy(&tiles[sum][i][4 * j], &x, sizeof x);
        }
    }
}

static inline void tile_dot_u8s8(int sum, int left, int right)
{
    for (size_t i = 0; i < TILE_SIDE; i++) {
        for (size_t j = 0; j < TILE_SIDE; j++) {
            int32_t x;
            memcpy(&x, &tiles[sum][i][4 * j], sizeof x);
            for (size_t k = 0; k < TILE_BYTES; k++) {
                x += (int32_t)tiles[left][i][k] * (int8_t)tiles[right][k / 4][4 * j + k % 4];
            }
            memcpy(&tiles[sum][i][4 * j], &x, sizeof x);
        }
    }
}

#define TILE_FETCH(tile, from, stride)  tile_fetch(tile, from, stride)
#define TILE_STREAM(tile, from, stride) tile_fetch(tile, from, stride)
#define TILE_PUT(tile, to, stride)      tile_put(tile, to, stride)
#define TILE_CLEAR(tile)                memset(tiles[tile], 0, sizeof tiles[tile])
#define TILE_DOT_BF16(sum, left, right) tile_dot_bf16(sum, left, right)
#define TILE_DOT_U8S8(sum, left, right) tile_dot_u8s8(sum, left, right)

#else

#include <immintrin.h>

/* All eight tiles with 16 rows of 64 bytes. The compiler's own intrinsic covers 8 of the 64 bytes
 * of the configuration only and gives no barrier to memory, hence the assembly. */
static inline void tiles_configure(void)
{
    struct {
        uint8_t palette;
        uint8_t start_row;
        uint8_t reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } configuration = {.palette = 1};
    for (size_t i = 0; i < 8; i++) {
        configuration.bytes[i] = TILE_BYTES;
        configuration.rows[i] = TILE_SIDE;
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(configuration) : "memory");
}

static inline void tiles_release(void)
{
    __asm__ volatile("tilerelease" : : : "memory");
}

#define TILE_FETCH(tile, from, stride)  _tile_loadd(tile, from, stride)
#define TILE_STREAM(tile, from, stride) _tile_stream_loadd(tile, from, stride)
#define TILE_PUT(tile, to, stride)      _tile_stored(tile, to, stride)
#define TILE_CLEAR(tile)                _tile_zero(tile)
#define TILE_DOT_BF16(sum, left, right) _tile_dpbf16ps(sum, left, right)
#define TILE_DOT_U8S8(sum, left, right) _tile_dpbusd(sum, left, right)

#endif

/* Stores by vector instructions are done before tiles are loaded from the same memory, and the
 * other way round. */
static inline void tiles_barrier(void)
{
    __asm__ volatile("" : : : "memory");
}

#endif
