/* SPDX-License-Identifier: Apache-2.0 */
/* Vocabulary files (vocab.json with merges.txt, vocab.txt) turned into what tokenizer.json would
 * say, by the rules of transformers' RobertaTokenizer and BertTokenizer. */
#include <string.h>

#include "token/config.h"
#include "token/spec.h"
#include "token/tokenizer.h"
#include "token/unicode.h"
#include "token/utf8.h"

static const size_t MAX_FILE = (size_t)256 << 20;

/* One line of a file, without its end; false behind the last. */
static bool next_line(const struct cappy_buffer *text, size_t *place, const char **line,
                      size_t *size)
{
    if (*place >= text->size) {
        return false;
    }
    *line = text->data + *place;
    const char *end = memchr(*line, '\n', text->size - *place);
    *size = end != NULL ? (size_t)(end - *line) : text->size - *place;
    *place += *size + 1;
    if (end != NULL && *size > 0 && (*line)[*size - 1] == '\r') {
        (*size)--;
    }
    return true;
}

/* Reads a text file. The caller frees the buffer, also on failure. */
static cappy_status read_text(const char *path, struct cappy_buffer *text, cappy_error *error)
{
    CAPPY_TRY(cappy_file_read(path, text, error));
    if (!cappy_utf8_valid(text->data, text->size) || memchr(text->data, '\0', text->size) != NULL) {
        return cappy_error_set(error, CAPPY_FORMAT, "%s: is not UTF-8 text", path);
    }
    return CAPPY_OK;
}

/* Appends each merge of merges.txt to *merges. */
static cappy_status parse_merges(const struct cappy_buffer *text, json_t *merges,
                                 cappy_error *error)
{
    const char *line;
    size_t size;
    for (size_t place = 0; next_line(text, &place, &line, &size);) {
        if (size == 0 || (size >= 8 && memcmp(line, "#version", 8) == 0)) {
            continue;
        }
        json_t *merge = json_stringn_nocheck(line, size);
        if (merge == NULL || json_array_append_new(merges, merge) != 0) {
            return cappy_error_no_memory(error);
        }
    }
    return CAPPY_OK;
}

/* Adds each line of vocab.txt to *vocabulary, its number as id; of equal lines the last holds. */
static cappy_status parse_vocabulary(const struct cappy_buffer *text, json_t *vocabulary,
                                     cappy_error *error)
{
    const char *line;
    size_t size;
    json_int_t id = 0;
    for (size_t place = 0; next_line(text, &place, &line, &size); id++) {
        size_t step;
        while (size > 0 && (cappy_char_flags(
                                cappy_utf8_decode_last((const unsigned char *)line + size, &step)) &
                            CAPPY_CHAR_SPACE) != 0) {
            size -= step;
        }
        json_t *number = json_integer(id);
        if (number == NULL || json_object_setn_new_nocheck(vocabulary, line, size, number) != 0) {
            return cappy_error_no_memory(error);
        }
    }
    return CAPPY_OK;
}

/* Reads a text file of `directory` through `parse` into *value. */
static cappy_status read_lines(const char *directory, const char *name, json_t *value,
                               cappy_status (*parse)(const struct cappy_buffer *, json_t *,
                                                     cappy_error *),
                               cappy_error *error)
{
    char *path = cappy_path_join(directory, name);
    if (path == NULL || value == NULL) {
        cappy_free(path);
        return cappy_error_no_memory(error);
    }
    struct cappy_buffer text;
    cappy_buffer_init(&text, MAX_FILE);
    cappy_status status = read_text(path, &text, error);
    if (status == CAPPY_OK) {
        status = parse(&text, value, error);
    }
    cappy_buffer_free(&text);
    cappy_free(path);
    return status;
}

/* The id of special token `key` of the configuration in `vocabulary`. */
static cappy_status find_special(const json_t *config, const json_t *vocabulary, const char *key,
                                 json_int_t *id, const char **content, cappy_error *error)
{
    CAPPY_TRY(cappy_config_content(config, key, content, error));
    const json_t *number = json_object_get(vocabulary, *content);
    if (!json_is_integer(number)) {
        return cappy_error_set(error, CAPPY_FORMAT, "the vocabulary lacks the %s \"%.60s\"", key,
                               *content);
    }
    *id = json_integer_value(number);
    return CAPPY_OK;
}

/* Takes over what json_pack made. */
static cappy_status take(json_t *made, json_t **spec, cappy_error *error)
{
    *spec = made;
    return made != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

/* The settings of transformers' RobertaTokenizer. */
static cappy_status make_roberta(const json_t *config, json_t *vocabulary, json_t *merges,
                                 json_t *added, json_t **spec, cappy_error *error)
{
    const char *cls;
    const char *sep;
    json_int_t cls_id;
    json_int_t sep_id;
    bool prefix_space;
    CAPPY_TRY(find_special(config, vocabulary, "cls_token", &cls_id, &cls, error));
    CAPPY_TRY(find_special(config, vocabulary, "sep_token", &sep_id, &sep, error));
    CAPPY_TRY(cappy_json_get_bool(config, "add_prefix_space", false, &prefix_space, error));
    return take(
        json_pack("{s:s, s:O, s:{s:s, s:b}, s:{s:s, s:[s, I], s:[s, I]}, s:{s:s, s:O, s:O}}",
                  "version", "1.0", "added_tokens", added, "pre_tokenizer", "type", "ByteLevel",
                  "add_prefix_space", (int)prefix_space, "post_processor", "type",
                  "RobertaProcessing", "sep", sep, sep_id, "cls", cls, cls_id, "model", "type",
                  "BPE", "vocab", vocabulary, "merges", merges),
        spec, error);
}

/* The settings of transformers' BertTokenizer. */
static cappy_status make_bert(const json_t *config, json_t *vocabulary, json_t *added,
                              json_t **spec, cappy_error *error)
{
    const char *cls;
    const char *sep;
    const char *unknown;
    json_int_t cls_id;
    json_int_t sep_id;
    bool lower;
    bool chinese;
    bool strip;
    CAPPY_TRY(find_special(config, vocabulary, "cls_token", &cls_id, &cls, error));
    CAPPY_TRY(find_special(config, vocabulary, "sep_token", &sep_id, &sep, error));
    CAPPY_TRY(cappy_config_content(config, "unk_token", &unknown, error));
    CAPPY_TRY(cappy_json_get_bool(config, "do_lower_case", true, &lower, error));
    CAPPY_TRY(cappy_json_get_bool(config, "tokenize_chinese_chars", true, &chinese, error));
    CAPPY_TRY(cappy_json_get_bool(config, "strip_accents", lower, &strip, error));
    return take(json_pack("{s:s, s:O, s:{s:s, s:b, s:b, s:b, s:b}, s:{s:s}, s:{s:s, s:[s, I], "
                          "s:[s, I]}, s:{s:s, s:s, s:O}}",
                          "version", "1.0", "added_tokens", added, "normalizer", "type",
                          "BertNormalizer", "clean_text", 1, "handle_chinese_chars", (int)chinese,
                          "strip_accents", (int)strip, "lowercase", (int)lower, "pre_tokenizer",
                          "type", "BertPreTokenizer", "post_processor", "type", "BertProcessing",
                          "sep", sep, sep_id, "cls", cls, cls_id, "model", "type", "WordPiece",
                          "unk_token", unknown, "vocab", vocabulary),
                spec, error);
}

/* Puts the path of the vocabulary before a message about what is in it. */
static cappy_status name_file(const char *directory, const char *name, cappy_status status,
                              cappy_error *error)
{
    char *path = cappy_path_join(directory, name);
    cappy_error_at(error, status, path != NULL ? path : name);
    cappy_free(path);
    return status;
}

cappy_status cappy_spec_from_bpe_files(const char *directory, const json_t *config, json_t **spec,
                                       cappy_error *error)
{
    json_t *settings = NULL;
    json_t *added = NULL;
    json_t *vocabulary = NULL;
    json_t *merges = json_array();
    char *path = cappy_path_join(directory, "vocab.json");
    cappy_status status = path != NULL ? CAPPY_OK : cappy_error_no_memory(error);
    if (status == CAPPY_OK) {
        status = cappy_json_read(path, MAX_FILE, &vocabulary, error);
    }
    if (status == CAPPY_OK) {
        status = read_lines(directory, "merges.txt", merges, parse_merges, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_token_config_read(directory, config, CAPPY_CONFIG_ROBERTA, &settings, &added,
                                         error);
    }
    if (status == CAPPY_OK) {
        status = make_roberta(settings, vocabulary, merges, added, spec, error);
        if (status == CAPPY_FORMAT) {
            name_file(directory, "vocab.json", status, error);
        }
    }
    cappy_free(path);
    json_decref(settings);
    json_decref(added);
    json_decref(vocabulary);
    json_decref(merges);
    return status;
}

cappy_status cappy_spec_from_wordpiece_file(const char *directory, const json_t *config,
                                            json_t **spec, cappy_error *error)
{
    json_t *settings = NULL;
    json_t *added = NULL;
    json_t *vocabulary = json_object();
    cappy_status status = read_lines(directory, "vocab.txt", vocabulary, parse_vocabulary, error);
    if (status == CAPPY_OK) {
        status =
            cappy_token_config_read(directory, config, CAPPY_CONFIG_BERT, &settings, &added, error);
    }
    if (status == CAPPY_OK) {
        status = make_bert(settings, vocabulary, added, spec, error);
        if (status == CAPPY_FORMAT) {
            name_file(directory, "vocab.txt", status, error);
        }
    }
    json_decref(settings);
    json_decref(added);
    json_decref(vocabulary);
    return status;
}
