/* SPDX-License-Identifier: Apache-2.0 */
/* What a code point is to the reference tokenizer, and UTF-8 that is known to be well-formed.
 *
 * The reference's properties come from several Unicode versions at once, so the tables hold what
 * was measured on it (tools/unicode_tables.py), not what a Unicode database says. */
#ifndef CAPPY_TOKEN_UNICODE_H
#define CAPPY_TOKEN_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/* In the order of FLAGS in tools/unicode_tables.py. */
enum cappy_char_flag {
    CAPPY_CHAR_LETTER = 1 << 0,      /* \p{L} of the byte-level pattern */
    CAPPY_CHAR_NUMBER = 1 << 1,      /* \p{N} of the byte-level pattern */
    CAPPY_CHAR_SPACE = 1 << 2,       /* \s, and what BertPreTokenizer splits at */
    CAPPY_CHAR_WORD = 1 << 3,        /* \w, for single_word added tokens */
    CAPPY_CHAR_CONTROL = 1 << 4,     /* removed by clean_text */
    CAPPY_CHAR_CJK = 1 << 5,         /* put between spaces by handle_chinese_chars */
    CAPPY_CHAR_NONSPACING = 1 << 6,  /* removed by BertNormalizer's strip_accents */
    CAPPY_CHAR_COMBINING = 1 << 7,   /* removed by StripAccents */
    CAPPY_CHAR_PUNCTUATION = 1 << 8, /* a word of its own to BertPreTokenizer */
};

/* How a code point is folded. `lower` and `decomposed` are offsets in cappy_unicode_pool, 0 where
 * it stays itself. */
struct cappy_unicode_record {
    uint16_t lower;
    uint16_t decomposed; /* fully, in canonical order; Hangul syllables are left to arithmetic */
    uint8_t combining_class;
};

enum { CAPPY_UNICODE_BLOCK_BITS = 7 };

/* Values are looked up in two steps: index[c / 128] is the number of a block of 128 values. */
extern const uint16_t cappy_unicode_flag_index[8704];
extern const uint16_t cappy_unicode_flags[];
extern const uint8_t cappy_unicode_fold_index[8704];
extern const uint16_t cappy_unicode_folds[];
extern const struct cappy_unicode_record cappy_unicode_records[];
extern const uint32_t cappy_unicode_pool[]; /* sequences: a length, then so many code points */

/* The cappy_char_flag bits of code point c < 0x110000. */
static inline unsigned cappy_char_flags(uint32_t c)
{
    size_t block = cappy_unicode_flag_index[c >> CAPPY_UNICODE_BLOCK_BITS];
    return cappy_unicode_flags[(block << CAPPY_UNICODE_BLOCK_BITS) | (c & 127)];
}

static inline const struct cappy_unicode_record *cappy_char_record(uint32_t c)
{
    size_t block = cappy_unicode_fold_index[c >> CAPPY_UNICODE_BLOCK_BITS];
    return &cappy_unicode_records[cappy_unicode_folds[(block << CAPPY_UNICODE_BLOCK_BITS) |
                                                      (c & 127)]];
}

/* The code point at `p`, which begins a well-formed sequence; *size receives its length in
 * bytes. */
static inline uint32_t cappy_utf8_decode(const unsigned char *p, size_t *size)
{
    if (p[0] < 0x80) {
        *size = 1;
        return p[0];
    }
    if (p[0] < 0xe0) {
        *size = 2;
        return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    }
    if (p[0] < 0xf0) {
        *size = 3;
        return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    }
    *size = 4;
    return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

/* The code point that ends at `p`, where text before `p` is well-formed and not empty. */
static inline uint32_t cappy_utf8_decode_last(const unsigned char *p, size_t *size)
{
    const unsigned char *start = p - 1;
    while ((*start & 0xc0) == 0x80) {
        start--;
    }
    return cappy_utf8_decode(start, size);
}

/* Writes code point c to out[4]; returns how many bytes that took. */
static inline size_t cappy_utf8_encode(uint32_t c, unsigned char *out)
{
    if (c < 0x80) {
        out[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (unsigned char)(0xc0 | c >> 6);
        out[1] = (unsigned char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (unsigned char)(0xe0 | c >> 12);
        out[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (unsigned char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (unsigned char)(0xf0 | c >> 18);
    out[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (unsigned char)(0x80 | (c & 0x3f));
    return 4;
}

#endif
