/* SPDX-License-Identifier: Apache-2.0 */
#include "token/config.h"

#include <stdlib.h>
#include <string.h>

static const size_t MAX_CONFIG = (size_t)16 << 20;

/* The special tokens a configuration may name, in the order in which transformers adds them, with
 * their defaults. */
static const struct {
    const char *key;
    const char *defaults[2]; /* of each family; NULL where it has none */
} special_tokens[] = {
    {"bos_token", {"<s>", NULL}},         {"eos_token", {"</s>", NULL}},
    {"unk_token", {"<unk>", "[UNK]"}},    {"sep_token", {"</s>", "[SEP]"}},
    {"pad_token", {"<pad>", "[PAD]"}},    {"cls_token", {"<s>", "[CLS]"}},
    {"mask_token", {"<mask>", "[MASK]"}},
};
enum { N_SPECIAL = sizeof special_tokens / sizeof special_tokens[0] };

/* The tokenizers of transformers whose rules these are. */
static const char *const classes[2][7] = {
    {"RobertaTokenizer", "RobertaTokenizerFast", NULL},
    {"BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast",
     "ElectraTokenizer", "ElectraTokenizerFast", NULL},
};

static cappy_status check_class(const json_t *settings, enum cappy_config_family family,
                                cappy_error *error)
{
    const char *name;
    CAPPY_TRY(cappy_json_get_string(settings, "tokenizer_class", classes[family][0], &name, error));
    for (size_t i = 0; classes[family][i] != NULL; i++) {
        if (strcmp(name, classes[family][i]) == 0) {
            return CAPPY_OK;
        }
    }
    return cappy_error_set(error, CAPPY_UNSUPPORTED,
                           "tokenizer_class \"%.60s\" is not implemented for vocabulary files; "
                           "save the tokenizer as tokenizer.json",
                           name);
}

/* Settings that change ids and are not implemented. */
static cappy_status refuse_settings(const json_t *settings, cappy_error *error)
{
    bool split;
    CAPPY_TRY(cappy_json_get_bool(settings, "split_special_tokens", false, &split, error));
    if (split) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "\"split_special_tokens\" is not implemented");
    }
    if (json_is_object(json_object_get(settings, "extra_special_tokens"))) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "\"extra_special_tokens\" with names is not implemented");
    }
    return CAPPY_OK;
}

/* Reads file `name` of `directory` as an object; *value stays NULL where there is none. */
static cappy_status read_object(const char *directory, const char *name, json_t **value,
                                cappy_error *error)
{
    char *path = cappy_path_join(directory, name);
    if (path == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = CAPPY_OK;
    if (cappy_file_exists(path)) {
        status = cappy_json_read(path, MAX_CONFIG, value, error);
        if (status == CAPPY_OK && !json_is_object(*value)) {
            status = cappy_error_set(error, CAPPY_FORMAT, "%s: must be an object", path);
        }
    }
    cappy_free(path);
    return status;
}

/* Fills *settings: the configuration, over it (where it lists no added tokens itself)
 * special_tokens_map.json, and below both the defaults. */
static cappy_status merge_settings(const char *directory, const json_t *config,
                                   enum cappy_config_family family, json_t *settings,
                                   cappy_error *error)
{
    if (settings == NULL || json_object_update(settings, (json_t *)(uintptr_t)config) != 0) {
        return cappy_error_no_memory(error);
    }
    if (json_object_get(config, "added_tokens_decoder") == NULL) {
        json_t *map = NULL;
        cappy_status status = read_object(directory, "special_tokens_map.json", &map, error);
        if (status == CAPPY_OK && map != NULL && json_object_update(settings, map) != 0) {
            status = cappy_error_no_memory(error);
        }
        json_decref(map);
        CAPPY_TRY(status);
    }
    for (size_t i = 0; i < N_SPECIAL; i++) {
        const char *fallback = special_tokens[i].defaults[family];
        if (fallback != NULL && json_object_get(settings, special_tokens[i].key) == NULL &&
            json_object_set_new(settings, special_tokens[i].key, json_string(fallback)) != 0) {
            return cappy_error_no_memory(error);
        }
    }
    return CAPPY_OK;
}

/* The content of a token, which is a string or an object with "content". */
static const char *find_content(const json_t *token)
{
    return json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
}

cappy_status cappy_config_content(const json_t *settings, const char *key, const char **content,
                                  cappy_error *error)
{
    *content = find_content(json_object_get(settings, key));
    if (*content == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" must be a token", key);
    }
    return CAPPY_OK;
}

/* Whether the list has a token with this content already. */
static bool is_listed(const json_t *added, const char *content)
{
    for (size_t i = 0; i < json_array_size(added); i++) {
        const char *other = find_content(json_array_get(added, i));
        if (other != NULL && strcmp(other, content) == 0) {
            return true;
        }
    }
    return false;
}

/* Appends a token to the list unless one with its content is there. A string is a special token; an
 * object is what it says. Where it does not say, a token is looked for in normalised text unless it
 * is special. */
static cappy_status list_token(const json_t *token, json_t *added, cappy_error *error)
{
    static const char *const flags[] = {"single_word", "lstrip", "rstrip"};
    const char *content = find_content(token);
    bool values[3] = {false};
    bool special;
    bool normalized;
    if (content == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "a special or added token must be a string or have \"content\"");
    }
    if (is_listed(added, content)) {
        return CAPPY_OK;
    }
    const json_t *object = json_is_object(token) ? token : NULL;
    for (size_t i = 0; i < 3; i++) {
        CAPPY_TRY(cappy_json_get_bool(object, flags[i], false, &values[i], error));
    }
    CAPPY_TRY(cappy_json_get_bool(object, "special", object == NULL, &special, error));
    CAPPY_TRY(cappy_json_get_bool(object, "normalized", !special, &normalized, error));
    json_t *entry = json_pack("{s:s, s:b, s:b, s:b, s:b, s:b}", "content", content, "single_word",
                              (int)values[0], "lstrip", (int)values[1], "rstrip", (int)values[2],
                              "normalized", (int)normalized, "special", (int)special);
    if (entry == NULL || json_array_append_new(added, entry) != 0) {
        return cappy_error_no_memory(error);
    }
    return CAPPY_OK;
}

/* A token of added_tokens_decoder or added_tokens.json and its id, by which they are ordered. */
struct numbered {
    json_int_t id;
    const json_t *token;
    const char *content; /* where the token is only a name */
};

static int compare_numbered(const void *left, const void *right)
{
    const struct numbered *a = left;
    const struct numbered *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* Lists the tokens of "added_tokens_decoder", {"5": {...}}. */
static cappy_status list_decoder(const json_t *decoder, json_t *added, cappy_error *error)
{
    if (!json_is_object(decoder)) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"added_tokens_decoder\" must be an object");
    }
    struct numbered *order = cappy_alloc(json_object_size(decoder), sizeof *order);
    if (order == NULL) {
        return cappy_error_no_memory(error);
    }
    size_t n = 0;
    json_t *object = (json_t *)(uintptr_t)decoder;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        order[n].id = strtoll(json_object_iter_key(i), NULL, 10);
        order[n++].token = json_object_iter_value(i);
    }
    qsort(order, n, sizeof *order, compare_numbered);
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; i < n && status == CAPPY_OK; i++) {
        status = list_token(order[i].token, added, error);
    }
    cappy_free(order);
    return status;
}

/* Whether the settings name `content` as a special token. */
static bool is_special(const json_t *settings, const char *content)
{
    static const char *const lists[] = {"additional_special_tokens", "extra_special_tokens"};
    for (size_t i = 0; i < N_SPECIAL; i++) {
        const char *other = find_content(json_object_get(settings, special_tokens[i].key));
        if (other != NULL && strcmp(other, content) == 0) {
            return true;
        }
    }
    return is_listed(json_object_get(settings, lists[0]), content) ||
           is_listed(json_object_get(settings, lists[1]), content);
}

/* Lists the tokens of added_tokens.json, {"content": id}: plain tokens, looked for in normalised
 * text, unless the settings name them as special. */
static cappy_status list_legacy(const json_t *tokens, const json_t *settings, json_t *added,
                                cappy_error *error)
{
    struct numbered *order = cappy_alloc(json_object_size(tokens), sizeof *order);
    if (order == NULL) {
        return cappy_error_no_memory(error);
    }
    size_t n = 0;
    json_t *object = (json_t *)(uintptr_t)tokens;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        order[n].id = json_integer_value(json_object_iter_value(i));
        order[n++].content = json_object_iter_key(i);
    }
    qsort(order, n, sizeof *order, compare_numbered);
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; i < n && status == CAPPY_OK; i++) {
        json_t *token = json_pack("{s:s, s:b}", "content", order[i].content, "special",
                                  (int)is_special(settings, order[i].content));
        status = token != NULL ? list_token(token, added, error) : cappy_error_no_memory(error);
        json_decref(token);
    }
    cappy_free(order);
    return status;
}

/* Lists all added tokens, in the order in which transformers adds them. */
static cappy_status list_tokens(const char *directory, const json_t *settings, json_t *added,
                                cappy_error *error)
{
    static const char *const lists[] = {"additional_special_tokens", "extra_special_tokens"};
    const json_t *decoder = json_object_get(settings, "added_tokens_decoder");
    if (decoder != NULL) {
        CAPPY_TRY(list_decoder(decoder, added, error));
    } else {
        json_t *legacy = NULL;
        cappy_status status = read_object(directory, "added_tokens.json", &legacy, error);
        if (status == CAPPY_OK && legacy != NULL) {
            status = list_legacy(legacy, settings, added, error);
        }
        json_decref(legacy);
        CAPPY_TRY(status);
    }
    for (size_t i = 0; i < N_SPECIAL; i++) {
        const json_t *token = json_object_get(settings, special_tokens[i].key);
        if (token != NULL && !json_is_null(token)) {
            CAPPY_TRY(list_token(token, added, error));
        }
    }
    for (size_t k = 0; k < 2; k++) {
        const json_t *list = json_object_get(settings, lists[k]);
        for (size_t i = 0; i < json_array_size(list); i++) {
            CAPPY_TRY(list_token(json_array_get(list, i), added, error));
        }
    }
    return CAPPY_OK;
}

cappy_status cappy_token_config_read(const char *directory, const json_t *config,
                                     enum cappy_config_family family, json_t **settings,
                                     json_t **added, cappy_error *error)
{
    *settings = json_object();
    *added = json_array();
    CAPPY_TRY(merge_settings(directory, config, family, *settings, error));
    CAPPY_TRY(check_class(*settings, family, error));
    CAPPY_TRY(refuse_settings(*settings, error));
    return *added != NULL ? list_tokens(directory, *settings, *added, error)
                          : cappy_error_no_memory(error);
}
