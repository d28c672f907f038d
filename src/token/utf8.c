/* SPDX-License-Identifier: Apache-2.0 */
/* Validation and repair share one function that measures a sequence, so they cannot disagree. */
#include "token/utf8.h"

#include <stdint.h>
#include <string.h>

/* How many bytes from p are ASCII, eight at a time; the rest is left to the caller. */
static size_t skip_ascii(const unsigned char *p, size_t size)
{
    size_t n = 0;
    while (size - n >= 8) {
        uint64_t eight;
        memcpy(&eight, p + n, 8);
        if ((eight & 0x8080808080808080u) != 0) {
            break;
        }
        n += 8;
    }
    return n;
}

/* Measures the sequence at p[0..left), left > 0. Returns whether it is well-formed; *size receives
 * its length, or else that of the maximal ill-formed part: the longest beginning of a well-formed
 * sequence, at least one byte. */
static bool measure(const unsigned char *p, size_t left, size_t *size)
{
    *size = 1;
    if (p[0] < 0x80) {
        return true;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return false;
    }
    size_t length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    /* The second byte excludes overlong forms, surrogates and what lies beyond U+10FFFF. */
    unsigned low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (left < 2 || p[1] < low || p[1] > high) {
        return false;
    }
    for (size_t i = 2; i < length; i++) {
        *size = i;
        if (left <= i || (p[i] & 0xc0) != 0x80) {
            return false;
        }
    }
    *size = length;
    return true;
}

bool cappy_utf8_valid(const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < size;) {
        i += skip_ascii(p + i, size - i);
        size_t step;
        if (i < size && !measure(p + i, size - i, &step)) {
            return false;
        }
        i += i < size ? step : 0;
    }
    return true;
}

size_t cappy_utf8_repair(const char *text, size_t size, char *out)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = 0;
    for (size_t i = 0; i < size;) {
        size_t step = skip_ascii(p + i, size - i);
        if (step == 0 && !measure(p + i, size - i, &step)) {
            memcpy(out + n, "\xef\xbf\xbd", 3);
            n += 3;
        } else {
            memcpy(out + n, p + i, step);
            n += step;
        }
        i += step;
    }
    return n;
}
