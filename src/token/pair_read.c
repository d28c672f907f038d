/* SPDX-License-Identifier: Apache-2.0 */
/* Every type of post-processor becomes a list of pieces, and that list is all it does to a pair. */
#include "token/pair.h"

#include <string.h>

#include "token/spec.h"

enum { MAX_PIECES = 4096 };

static cappy_status add_piece(struct cappy_pair_template *pair, enum cappy_piece_kind kind,
                              int32_t id, int32_t segment, cappy_error *error)
{
    if (pair->n == MAX_PIECES) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "the post_processor puts more than %d pieces in a pair", MAX_PIECES);
    }
    struct cappy_piece *pieces = cappy_realloc(pair->pieces, pair->n + 1, sizeof *pieces);
    if (pieces == NULL) {
        return cappy_error_no_memory(error);
    }
    pieces[pair->n++] = (struct cappy_piece){kind, id, segment};
    pair->pieces = pieces;
    pair->largest_id = id > pair->largest_id ? id : pair->largest_id;
    return CAPPY_OK;
}

/* A special token of RobertaProcessing or BertProcessing: ["</s>", 2]. */
static cappy_status read_special(const json_t *part, const char *key, int32_t *id,
                                 cappy_error *error)
{
    const json_t *special = json_object_get(part, key);
    if (json_array_size(special) != 2 || !json_is_string(json_array_get(special, 0))) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "\"%s\" of the post_processor must be a token and its id", key);
    }
    return cappy_spec_id(json_array_get(special, 1), "a special token", id, error);
}

/* <s> A </s> </s> B </s>, all in segment 0. */
static cappy_status read_roberta(const json_t *part, struct cappy_pair_template *pair,
                                 cappy_error *error)
{
    static const char *const known[] = {"type", "sep", "cls", "trim_offsets", "add_prefix_space",
                                        NULL};
    int32_t cls;
    int32_t sep;
    CAPPY_TRY(cappy_spec_check(part, "RobertaProcessing", known, error));
    CAPPY_TRY(read_special(part, "cls", &cls, error));
    CAPPY_TRY(read_special(part, "sep", &sep, error));
    CAPPY_TRY(add_piece(pair, CAPPY_PIECE_TOKEN, cls, 0, error));
    CAPPY_TRY(add_piece(pair, CAPPY_PIECE_FIRST, -1, 0, error));
    CAPPY_TRY(add_piece(pair, CAPPY_PIECE_TOKEN, sep, 0, error));
    CAPPY_TRY(add_piece(pair, CAPPY_PIECE_TOKEN, sep, 0, error));
    CAPPY_TRY(add_piece(pair, CAPPY_PIECE_SECOND, -1, 0, error));
    return add_piece(pair, CAPPY_PIECE_TOKEN, sep, 0, error);
}

/* [CLS] A [SEP] in segment 0, B [SEP] in segment 1. */
static cappy_status read_bert(const json_t *part, struct cappy_pair_template *pair,
                              cappy_error *error)
{
    static const char *const known[] = {"type", "sep", "cls", NULL};
    int32_t cls;
    int32_t sep;
    CAPPY_TRY(cappy_spec_check(part, "BertProcessing", known, error));
    CAPPY_TRY(read_special(part, "cls", &cls, error));
    CAPPY_TRY(read_special(part, "sep", &sep, error));
    CAPPY_TRY(add_piece(pair, CAPPY_PIECE_TOKEN, cls, 0, error));
    CAPPY_TRY(add_piece(pair, CAPPY_PIECE_FIRST, -1, 0, error));
    CAPPY_TRY(add_piece(pair, CAPPY_PIECE_TOKEN, sep, 0, error));
    CAPPY_TRY(add_piece(pair, CAPPY_PIECE_SECOND, -1, 1, error));
    return add_piece(pair, CAPPY_PIECE_TOKEN, sep, 1, error);
}

/* Nothing but the two texts. */
static cappy_status make_plain(struct cappy_pair_template *pair, cappy_error *error)
{
    CAPPY_TRY(add_piece(pair, CAPPY_PIECE_FIRST, -1, 0, error));
    return add_piece(pair, CAPPY_PIECE_SECOND, -1, 1, error);
}

/* The segment of a template's piece. */
static cappy_status read_segment(const json_t *piece, int32_t *segment, cappy_error *error)
{
    int64_t value;
    CAPPY_TRY(cappy_json_get_int(piece, "type_id", 0, INT32_MAX, 0, &value, error));
    *segment = (int32_t)value;
    return CAPPY_OK;
}

/* The piece {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, whose ids stand in
 * "special_tokens". */
static cappy_status read_template_token(const json_t *piece, const json_t *tokens,
                                        struct cappy_pair_template *pair, cappy_error *error)
{
    static const char *const known[] = {"id", "ids", "tokens", NULL};
    const char *name;
    const json_t *ids;
    int32_t segment;
    CAPPY_TRY(read_segment(piece, &segment, error));
    CAPPY_TRY(cappy_json_get_string(piece, "id", "", &name, error));
    const json_t *token = json_object_get(tokens, name);
    if (token == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "the post_processor's \"special_tokens\" lack \"%.60s\"", name);
    }
    CAPPY_TRY(cappy_spec_check(token, "a special token", known, error));
    CAPPY_TRY(cappy_spec_get_array(token, "a special token", "ids", &ids, error));
    for (size_t i = 0; i < json_array_size(ids); i++) {
        int32_t id;
        CAPPY_TRY(cappy_spec_id(json_array_get(ids, i), "a special token", &id, error));
        CAPPY_TRY(add_piece(pair, CAPPY_PIECE_TOKEN, id, segment, error));
    }
    return CAPPY_OK;
}

/* The piece {"Sequence": {"id": "A", "type_id": 0}}. */
static cappy_status read_template_text(const json_t *piece, struct cappy_pair_template *pair,
                                       cappy_error *error)
{
    const char *name;
    int32_t segment;
    CAPPY_TRY(read_segment(piece, &segment, error));
    CAPPY_TRY(cappy_json_get_string(piece, "id", "", &name, error));
    if (strcmp(name, "A") != 0 && strcmp(name, "B") != 0) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "the post_processor has a sequence \"%.60s\", must be A or B", name);
    }
    return add_piece(pair, name[0] == 'A' ? CAPPY_PIECE_FIRST : CAPPY_PIECE_SECOND, -1, segment,
                     error);
}

/* Each text must stand in the pair exactly once. */
static cappy_status check_template(const struct cappy_pair_template *pair, cappy_error *error)
{
    size_t counts[3] = {0};
    for (size_t i = 0; i < pair->n; i++) {
        counts[pair->pieces[i].kind]++;
    }
    if (counts[CAPPY_PIECE_FIRST] != 1 || counts[CAPPY_PIECE_SECOND] != 1) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "the post_processor's \"pair\" does not use each of A and B once, "
                               "which cappy does not implement");
    }
    return CAPPY_OK;
}

static cappy_status read_template(const json_t *part, struct cappy_pair_template *pair,
                                  cappy_error *error)
{
    static const char *const what = "TemplateProcessing";
    static const char *const known[] = {"type", "single", "pair", "special_tokens", NULL};
    static const char *const piece_known[] = {"SpecialToken", "Sequence", NULL};
    static const char *const inner_known[] = {"id", "type_id", NULL};
    const json_t *pieces;
    CAPPY_TRY(cappy_spec_check(part, what, known, error));
    CAPPY_TRY(cappy_spec_get_array(part, what, "pair", &pieces, error));
    for (size_t i = 0; i < json_array_size(pieces); i++) {
        const json_t *piece = json_array_get(pieces, i);
        CAPPY_TRY(cappy_spec_check(piece, "a piece of the post_processor", piece_known, error));
        const json_t *token = json_object_get(piece, "SpecialToken");
        const json_t *text = json_object_get(piece, "Sequence");
        CAPPY_TRY(cappy_spec_check(token != NULL ? token : text, "a piece of the post_processor",
                                   inner_known, error));
        if (token != NULL) {
            CAPPY_TRY(
                read_template_token(token, json_object_get(part, "special_tokens"), pair, error));
        } else {
            CAPPY_TRY(read_template_text(text, pair, error));
        }
    }
    return check_template(pair, error);
}

static cappy_status read_part(const json_t *part, struct cappy_pair_template *pair,
                              cappy_error *error);

/* Of the parts of a Sequence, those of type ByteLevel do not matter to ids; there may be one
 * other. */
static cappy_status read_sequence(const json_t *part, struct cappy_pair_template *pair,
                                  cappy_error *error)
{
    static const char *const known[] = {"type", "processors", NULL};
    const json_t *parts;
    const json_t *chosen = NULL;
    CAPPY_TRY(cappy_spec_check(part, "the post_processor", known, error));
    CAPPY_TRY(cappy_spec_get_array(part, "the post_processor", "processors", &parts, error));
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const char *type;
        CAPPY_TRY(cappy_spec_type(json_array_get(parts, i), "a post_processor", &type, error));
        if (strcmp(type, "ByteLevel") == 0) {
            continue;
        }
        if (chosen != NULL) {
            return cappy_error_set(error, CAPPY_UNSUPPORTED,
                                   "the post_processor is a Sequence with \"%.60s\" behind another "
                                   "part, which cappy does not implement",
                                   type);
        }
        chosen = json_array_get(parts, i);
    }
    return chosen != NULL ? read_part(chosen, pair, error) : make_plain(pair, error);
}

static cappy_status read_part(const json_t *part, struct cappy_pair_template *pair,
                              cappy_error *error)
{
    const char *type;
    CAPPY_TRY(cappy_spec_type(part, "the post_processor", &type, error));
    if (strcmp(type, "RobertaProcessing") == 0) {
        return read_roberta(part, pair, error);
    }
    if (strcmp(type, "BertProcessing") == 0) {
        return read_bert(part, pair, error);
    }
    if (strcmp(type, "TemplateProcessing") == 0) {
        return read_template(part, pair, error);
    }
    if (strcmp(type, "Sequence") == 0) {
        return read_sequence(part, pair, error);
    }
    if (strcmp(type, "ByteLevel") == 0) {
        return make_plain(pair, error);
    }
    return cappy_spec_refuse("post_processor", type, error);
}

cappy_status cappy_pair_read(const json_t *part, struct cappy_pair_template *pair,
                             cappy_error *error)
{
    *pair = (struct cappy_pair_template){.largest_id = -1};
    cappy_status status;
    if (part == NULL || json_is_null(part)) {
        status = make_plain(pair, error);
    } else {
        status = read_part(part, pair, error);
    }
    if (status != CAPPY_OK) {
        cappy_pair_free(pair);
    }
    return status;
}

void cappy_pair_free(struct cappy_pair_template *pair)
{
    cappy_free(pair->pieces);
    *pair = (struct cappy_pair_template){0};
}
