/* SPDX-License-Identifier: Apache-2.0 */
/* The normalizer of tokenizer.json, compiled into steps that each go over the text once. */
#ifndef CAPPY_TOKEN_NORMALIZE_H
#define CAPPY_TOKEN_NORMALIZE_H

#include "base/base.h"

enum { CAPPY_MAX_STEPS = 8 };

/* What one step does to each code point, in this order. */
struct cappy_normalize_step {
    bool clean;          /* controls, NUL and U+FFFD removed, any white space made a space */
    bool spread_cjk;     /* spaces put around CJK ideographs */
    bool decompose;      /* NFD */
    unsigned strip;      /* code points with any of these cappy_char_flags removed */
    bool lower;          /* to lower case */
    uint16_t ascii[128]; /* what an ASCII byte becomes; REMOVED where nothing */
};

struct cappy_normalizer {
    struct cappy_normalize_step steps[CAPPY_MAX_STEPS];
    size_t n_steps;
};

/* Combining marks that wait to be put in order, and text on its way between steps.
 * Zero-initialise. */
struct cappy_normalize_memory {
    uint32_t *marks; /* code point << 8 | combining class */
    uint32_t *sorted;
    size_t n_marks;
    size_t capacity;
    struct cappy_buffer between;
};

/* Reads a "normalizer" (NULL and null: none). CAPPY_FORMAT, CAPPY_UNSUPPORTED. */
cappy_status cappy_normalizer_read(const json_t *part, struct cappy_normalizer *normalizer,
                                   cappy_error *error);

/* Writes a space, room for a prefix, and normalised text[0..size), which is well-formed, to `out`,
 * which is cleared first. The normalizer has at least one step. CAPPY_NO_MEMORY. */
cappy_status cappy_normalize(const struct cappy_normalizer *normalizer,
                             struct cappy_normalize_memory *memory, const char *text, size_t size,
                             struct cappy_buffer *out, cappy_error *error);
void cappy_normalize_memory_free(struct cappy_normalize_memory *memory);

#endif
