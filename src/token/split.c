/* SPDX-License-Identifier: Apache-2.0 */
/* The two splitters are written out rather than matched as regular expressions: they look at the
 * class of each code point once. */
#include "token/split.h"

#include <string.h>

#include "token/spec.h"
#include "token/unicode.h"

/* ---- Reading --------------------------------------------------------------------------------- */

static cappy_status read_byte_level(const json_t *part, struct cappy_splitter *splitter,
                                    cappy_error *error)
{
    static const char *const what = "the ByteLevel pre_tokenizer";
    static const char *const known[] = {"type", "add_prefix_space", "trim_offsets", "use_regex",
                                        NULL};
    bool pattern;
    CAPPY_TRY(cappy_spec_check(part, what, known, error));
    CAPPY_TRY(
        cappy_spec_get_bool(part, what, "add_prefix_space", &splitter->add_prefix_space, error));
    CAPPY_TRY(cappy_json_get_bool(part, "use_regex", true, &pattern, error));
    splitter->kind = CAPPY_SPLIT_BYTE_LEVEL;
    splitter->whole = !pattern;
    return CAPPY_OK;
}

cappy_status cappy_splitter_read(const json_t *part, struct cappy_splitter *splitter,
                                 cappy_error *error)
{
    static const char *const bert_known[] = {"type", NULL};
    static const char *const sequence_known[] = {"type", "pretokenizers", NULL};
    const char *type;
    *splitter = (struct cappy_splitter){0};
    if (part == NULL || json_is_null(part)) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "there is no pre_tokenizer, which cappy does not implement");
    }
    CAPPY_TRY(cappy_spec_type(part, "the pre_tokenizer", &type, error));
    if (strcmp(type, "ByteLevel") == 0) {
        return read_byte_level(part, splitter, error);
    }
    if (strcmp(type, "BertPreTokenizer") == 0) {
        splitter->kind = CAPPY_SPLIT_BERT;
        return cappy_spec_check(part, "the BertPreTokenizer", bert_known, error);
    }
    if (strcmp(type, "Sequence") == 0) {
        const json_t *parts;
        CAPPY_TRY(cappy_spec_check(part, "the pre_tokenizer", sequence_known, error));
        CAPPY_TRY(cappy_spec_get_array(part, "the pre_tokenizer", "pretokenizers", &parts, error));
        if (json_array_size(parts) == 1) {
            return cappy_splitter_read(json_array_get(parts, 0), splitter, error);
        }
    }
    return cappy_spec_refuse("pre_tokenizer", type, error);
}

/* ---- Splitting ------------------------------------------------------------------------------- */

enum {
    PATTERN_KINDS = CAPPY_CHAR_LETTER | CAPPY_CHAR_NUMBER | CAPPY_CHAR_SPACE,
    BERT_KINDS = CAPPY_CHAR_SPACE | CAPPY_CHAR_PUNCTUATION,
};

/* Those of the `kinds` flags that the code point at text[i] has; *step receives its length. */
static inline unsigned find_kind(const unsigned char *text, size_t i, unsigned kinds, size_t *step)
{
    if (text[i] < 0x80) {
        *step = 1;
        return cappy_unicode_flags[text[i]] & kinds; /* ASCII is the first block */
    }
    return cappy_char_flags(cappy_utf8_decode(text + i, step)) & kinds;
}

/* Where the run of code points of `kind` that goes on at text[i] ends. */
static inline size_t skip_run(const unsigned char *text, size_t left, size_t i, unsigned kinds,
                              unsigned kind)
{
    size_t step;
    while (i < left && find_kind(text, i, kinds, &step) == kind) {
        i += step;
    }
    return i;
}

/* The length of the contraction text[0..left) begins with, 0 where there is none. text[0] is an
 * apostrophe. */
static size_t match_contraction(const unsigned char *text, size_t left)
{
    if (left >= 2 && memchr("stmd", text[1], 4) != NULL) {
        return 2;
    }
    if (left >= 3 && (memcmp(text + 1, "re", 2) == 0 || memcmp(text + 1, "ve", 2) == 0 ||
                      memcmp(text + 1, "ll", 2) == 0)) {
        return 3;
    }
    return 0;
}

/* White space: all of it where nothing follows, else all but its last character, which may belong
 * to the next word; a single one stands alone. */
static size_t split_space(const unsigned char *text, size_t left)
{
    size_t step;
    size_t last = 0;
    size_t end = 0;
    while (end < left && find_kind(text, end, PATTERN_KINDS, &step) == CAPPY_CHAR_SPACE) {
        last = end;
        end += step;
    }
    return end == left || last == 0 ? end : last;
}

size_t cappy_split_byte_level(const unsigned char *text, size_t left)
{
    size_t step;
    size_t i = 0;
    if (text[0] == '\'') {
        size_t contraction = match_contraction(text, left);
        if (contraction != 0) {
            return contraction;
        }
    } else if (text[0] == ' ' && left > 1) {
        i = 1;
    }
    unsigned kind = find_kind(text, i, PATTERN_KINDS, &step);
    if (kind == CAPPY_CHAR_SPACE) {
        return split_space(text, left);
    }
    return skip_run(text, left, i + step, PATTERN_KINDS, kind);
}

size_t cappy_split_bert(const unsigned char *text, size_t left, size_t *skip)
{
    size_t start = skip_run(text, left, 0, BERT_KINDS, CAPPY_CHAR_SPACE);
    *skip = start;
    if (start == left) {
        return 0;
    }
    size_t step;
    unsigned kind = find_kind(text, start, BERT_KINDS, &step);
    if (kind == CAPPY_CHAR_PUNCTUATION) {
        return step;
    }
    return skip_run(text, left, start + step, BERT_KINDS, 0) - start;
}
