/* SPDX-License-Identifier: Apache-2.0 */
/* Each step is a table for ASCII and one function for all other code points. Marks wait in a list
 * until the next code point that is none, since NFD may reorder them. */
#include "token/normalize.h"

#include <string.h>

#include "token/spec.h"
#include "token/unicode.h"

enum { REMOVED = 0x100 };

/* Room that one code point may need: the longest decomposition has 4 code points, each in lower
 * case at most 2. */
enum { ROOM = 64 };

/* ---- Reading --------------------------------------------------------------------------------- */

/* Adds a step and fills its table. */
static cappy_status add_step(struct cappy_normalizer *normalizer, struct cappy_normalize_step step,
                             cappy_error *error)
{
    if (normalizer->n_steps == CAPPY_MAX_STEPS) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "the normalizer has more than %d steps, which cappy does not "
                               "implement",
                               CAPPY_MAX_STEPS);
    }
    for (uint32_t c = 0; c < 128; c++) {
        unsigned flags = cappy_char_flags(c);
        step.ascii[c] = (uint16_t)c;
        if (step.clean && (flags & CAPPY_CHAR_CONTROL) != 0) {
            step.ascii[c] = REMOVED;
        } else if (step.clean && (flags & CAPPY_CHAR_SPACE) != 0) {
            step.ascii[c] = ' ';
        } else if (step.lower && c >= 'A' && c <= 'Z') {
            step.ascii[c] = (uint16_t)(c + ('a' - 'A'));
        }
    }
    normalizer->steps[normalizer->n_steps++] = step;
    return CAPPY_OK;
}

static cappy_status read_bert(const json_t *part, struct cappy_normalizer *normalizer,
                              cappy_error *error)
{
    static const char *const what = "the BertNormalizer";
    static const char *const known[] = {"type",          "clean_text", "handle_chinese_chars",
                                        "strip_accents", "lowercase",  NULL};
    struct cappy_normalize_step step = {0};
    bool strip;
    CAPPY_TRY(cappy_spec_check(part, what, known, error));
    CAPPY_TRY(cappy_spec_get_bool(part, what, "clean_text", &step.clean, error));
    CAPPY_TRY(cappy_spec_get_bool(part, what, "handle_chinese_chars", &step.spread_cjk, error));
    CAPPY_TRY(cappy_spec_get_bool(part, what, "lowercase", &step.lower, error));
    CAPPY_TRY(cappy_json_get_bool(part, "strip_accents", step.lower, &strip, error));
    step.decompose = strip;
    step.strip = strip ? CAPPY_CHAR_NONSPACING : 0;
    return add_step(normalizer, step, error);
}

static cappy_status read_part(const json_t *part, struct cappy_normalizer *normalizer,
                              cappy_error *error);

static cappy_status read_sequence(const json_t *part, struct cappy_normalizer *normalizer,
                                  cappy_error *error)
{
    static const char *const known[] = {"type", "normalizers", NULL};
    const json_t *parts;
    CAPPY_TRY(cappy_spec_check(part, "the normalizer", known, error));
    CAPPY_TRY(cappy_spec_get_array(part, "the normalizer", "normalizers", &parts, error));
    for (size_t i = 0; i < json_array_size(parts); i++) {
        CAPPY_TRY(read_part(json_array_get(parts, i), normalizer, error));
    }
    return CAPPY_OK;
}

static cappy_status read_part(const json_t *part, struct cappy_normalizer *normalizer,
                              cappy_error *error)
{
    static const char *const known[] = {"type", NULL};
    static const struct {
        const char *type;
        struct cappy_normalize_step step;
    } simple[] = {
        {"Lowercase", {.lower = true}},
        {"NFD", {.decompose = true}},
        {"StripAccents", {.strip = CAPPY_CHAR_COMBINING}},
    };
    const char *type;
    CAPPY_TRY(cappy_spec_type(part, "the normalizer", &type, error));
    if (strcmp(type, "BertNormalizer") == 0) {
        return read_bert(part, normalizer, error);
    }
    if (strcmp(type, "Sequence") == 0) {
        return read_sequence(part, normalizer, error);
    }
    for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++) {
        if (strcmp(type, simple[i].type) == 0) {
            CAPPY_TRY(cappy_spec_check(part, "the normalizer", known, error));
            return add_step(normalizer, simple[i].step, error);
        }
    }
    return cappy_spec_refuse("normalizer", type, error);
}

cappy_status cappy_normalizer_read(const json_t *part, struct cappy_normalizer *normalizer,
                                   cappy_error *error)
{
    *normalizer = (struct cappy_normalizer){0};
    if (part == NULL || json_is_null(part)) {
        return CAPPY_OK;
    }
    return read_part(part, normalizer, error);
}

/* ---- Applying -------------------------------------------------------------------------------- */

/* A step at work. `out` always has room for what is left of the text, byte for byte, and ROOM
 * more. */
struct work {
    const struct cappy_normalize_step *step;
    struct cappy_normalize_memory *memory;
    struct cappy_buffer *out;
    cappy_error *error;
};

void cappy_normalize_memory_free(struct cappy_normalize_memory *memory)
{
    cappy_free(memory->marks);
    cappy_free(memory->sorted);
    cappy_buffer_free(&memory->between);
    *memory = (struct cappy_normalize_memory){0};
}

static void write_char(struct cappy_buffer *out, uint32_t c)
{
    out->size += cappy_utf8_encode(c, (unsigned char *)out->data + out->size);
}

/* The last two things done to a code point: strip and lower. */
static void finish_char(const struct work *work, uint32_t c)
{
    const struct cappy_normalize_step *step = work->step;
    if (step->strip != 0 && (cappy_char_flags(c) & step->strip) != 0) {
        return;
    }
    const uint32_t *lower = &cappy_unicode_pool[step->lower ? cappy_char_record(c)->lower : 0];
    if (*lower == 0) {
        write_char(work->out, c);
    }
    for (uint32_t i = 1; i <= *lower; i++) {
        write_char(work->out, lower[i]);
    }
}

/* Puts marks[0..n) in the order of their classes, equal ones as they are: by insertion where they
 * are few, else by counting, so that no text takes quadratic time. */
static void sort_marks(struct cappy_normalize_memory *memory)
{
    uint32_t *marks = memory->marks;
    size_t n = memory->n_marks;
    if (n <= 16) {
        for (size_t i = 1; i < n; i++) {
            uint32_t mark = marks[i];
            size_t j = i;
            for (; j > 0 && (marks[j - 1] & 0xff) > (mark & 0xff); j--) {
                marks[j] = marks[j - 1];
            }
            marks[j] = mark;
        }
        return;
    }
    size_t starts[257] = {0};
    for (size_t i = 0; i < n; i++) {
        starts[(marks[i] & 0xff) + 1]++;
    }
    for (size_t k = 1; k < 257; k++) {
        starts[k] += starts[k - 1];
    }
    for (size_t i = 0; i < n; i++) {
        memory->sorted[starts[marks[i] & 0xff]++] = marks[i];
    }
    memcpy(marks, memory->sorted, n * sizeof *marks);
}

/* Writes the marks that waited. They may be many: room is made for them first, `left` bytes of text
 * being to come. */
static cappy_status flush_marks(const struct work *work, size_t left)
{
    struct cappy_normalize_memory *memory = work->memory;
    if (memory->n_marks == 0) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_buffer_reserve(work->out, left + 8 * memory->n_marks + ROOM, work->error));
    sort_marks(memory);
    for (size_t i = 0; i < memory->n_marks; i++) {
        finish_char(work, memory->marks[i] >> 8);
    }
    memory->n_marks = 0;
    return CAPPY_OK;
}

static cappy_status add_mark(const struct work *work, uint32_t c, uint8_t combining_class)
{
    struct cappy_normalize_memory *memory = work->memory;
    if (memory->n_marks == memory->capacity) {
        size_t capacity = memory->capacity != 0 ? 2 * memory->capacity : 64;
        uint32_t *marks = cappy_realloc(memory->marks, capacity, sizeof *marks);
        memory->marks = marks != NULL ? marks : memory->marks;
        uint32_t *sorted = cappy_realloc(memory->sorted, capacity, sizeof *sorted);
        memory->sorted = sorted != NULL ? sorted : memory->sorted;
        if (marks == NULL || sorted == NULL) {
            return cappy_error_no_memory(work->error);
        }
        memory->capacity = capacity;
    }
    memory->marks[memory->n_marks++] = c << 8 | combining_class;
    return CAPPY_OK;
}

/* A code point that needs no further decomposition: a mark waits, any other goes out after the
 * marks before it. */
static cappy_status order_char(const struct work *work, uint32_t c, size_t left)
{
    uint8_t combining_class = cappy_char_record(c)->combining_class;
    if (combining_class != 0) {
        return add_mark(work, c, combining_class);
    }
    CAPPY_TRY(flush_marks(work, left));
    finish_char(work, c);
    return CAPPY_OK;
}

/* Hangul syllables decompose by arithmetic (Unicode 15, 3.12). */
static cappy_status decompose_hangul(const struct work *work, uint32_t c, size_t left)
{
    enum { FIRST = 0xac00, L = 0x1100, V = 0x1161, T = 0x11a7, N_V = 21, N_T = 28 };
    uint32_t index = c - FIRST;
    CAPPY_TRY(order_char(work, L + index / (N_V * N_T), left));
    CAPPY_TRY(order_char(work, V + index % (N_V * N_T) / N_T, left));
    return index % N_T != 0 ? order_char(work, T + index % N_T, left) : CAPPY_OK;
}

static cappy_status decompose_char(const struct work *work, uint32_t c, size_t left)
{
    if (!work->step->decompose) {
        finish_char(work, c);
        return CAPPY_OK;
    }
    if (c >= 0xac00 && c < 0xac00 + 11172) {
        return decompose_hangul(work, c, left);
    }
    const uint32_t *parts = &cappy_unicode_pool[cappy_char_record(c)->decomposed];
    if (*parts == 0) {
        return order_char(work, c, left);
    }
    for (uint32_t i = 1; i <= *parts; i++) {
        CAPPY_TRY(order_char(work, parts[i], left));
    }
    return CAPPY_OK;
}

/* All that a step does to code point c; `left` bytes of text follow it. */
static cappy_status normalize_char(const struct work *work, uint32_t c, size_t left)
{
    const struct cappy_normalize_step *step = work->step;
    unsigned flags = cappy_char_flags(c);
    CAPPY_TRY(cappy_buffer_reserve(work->out, left + ROOM, work->error));
    if (step->clean && (flags & CAPPY_CHAR_CONTROL) != 0) {
        return CAPPY_OK;
    }
    if (step->clean && (flags & CAPPY_CHAR_SPACE) != 0) {
        c = ' ';
    }
    bool spread = step->spread_cjk && (flags & CAPPY_CHAR_CJK) != 0;
    if (spread) {
        CAPPY_TRY(decompose_char(work, ' ', left));
    }
    CAPPY_TRY(decompose_char(work, c, left));
    return spread ? decompose_char(work, ' ', left) : CAPPY_OK;
}

/* The ASCII bytes text[0..size) begins with, when no mark waits; returns how many. */
static size_t normalize_ascii(const struct work *work, const unsigned char *text, size_t size)
{
    const uint16_t *ascii = work->step->ascii;
    char *out = work->out->data + work->out->size;
    size_t i = 0;
    for (; i < size && text[i] < 0x80; i++) {
        unsigned c = ascii[text[i]];
        *out = (char)c;
        out += c != REMOVED ? 1 : 0;
    }
    work->out->size = (size_t)(out - work->out->data);
    return i;
}

static cappy_status apply_step(const struct work *work, const unsigned char *text, size_t size)
{
    cappy_buffer_clear(work->out);
    CAPPY_TRY(cappy_buffer_reserve(work->out, 1 + size + ROOM, work->error));
    work->out->data[work->out->size++] = ' ';
    for (size_t i = 0; i < size;) {
        if (work->memory->n_marks == 0) {
            i += normalize_ascii(work, text + i, size - i);
        }
        if (i < size) {
            size_t step;
            uint32_t c = cappy_utf8_decode(text + i, &step);
            i += step;
            CAPPY_TRY(normalize_char(work, c, size - i));
        }
    }
    CAPPY_TRY(flush_marks(work, 0));
    work->out->data[work->out->size] = '\0'; /* as every cappy_buffer ends */
    return CAPPY_OK;
}

cappy_status cappy_normalize(const struct cappy_normalizer *normalizer,
                             struct cappy_normalize_memory *memory, const char *text, size_t size,
                             struct cappy_buffer *out, cappy_error *error)
{
    for (size_t i = 0; i < normalizer->n_steps; i++) {
        struct work work = {&normalizer->steps[i], memory, out, error};
        memory->n_marks = 0;
        CAPPY_TRY(apply_step(&work, (const unsigned char *)text, size));
        if (i + 1 < normalizer->n_steps) {
            struct cappy_buffer swap = memory->between;
            memory->between = *out;
            *out = swap;
            out->limit = memory->between.limit;
            text = memory->between.data + 1;
            size = memory->between.size - 1;
        }
    }
    return CAPPY_OK;
}
