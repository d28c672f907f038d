/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which transformers merges its settings files and adds tokens is kept exactly, since
 * it decides the ids of tokens that the vocabulary lacks. */
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

/* The added tokens so far. */
struct list {
    json_t *tokens;   /* as "added_tokens" of tokenizer.json */
    json_t *contents; /* those listed already, as keys */
};

/* Appends a token to the list unless one with its content is there. A string is a special token; an
 * object is what it says. Where it does not say, a token is looked for in normalised text unless it
 * is special. */
static cappy_status list_token(struct list *list, const json_t *token, cappy_error *error)
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
    if (json_object_get(list->contents, content) != NULL) {
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
    if (entry == NULL || json_array_append_new(list->tokens, entry) != 0 ||
        json_object_set_new(list->contents, content, json_true()) != 0) {
        return cappy_error_no_memory(error);
    }
    return CAPPY_OK;
}

/* Lists each token of an array; anything else has none. */
static cappy_status list_array(struct list *list, const json_t *tokens, cappy_error *error)
{
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        CAPPY_TRY(list_token(list, json_array_get(tokens, i), error));
    }
    return CAPPY_OK;
}

/* Lists the special tokens that the settings name, in the order in which transformers does. */
static cappy_status list_special(struct list *list, const json_t *settings, cappy_error *error)
{
    for (size_t i = 0; i < N_SPECIAL; i++) {
        const json_t *token = json_object_get(settings, special_tokens[i].key);
        if (token != NULL && !json_is_null(token)) {
            CAPPY_TRY(list_token(list, token, error));
        }
    }
    CAPPY_TRY(list_array(list, json_object_get(settings, "additional_special_tokens"), error));
    return list_array(list, json_object_get(settings, "extra_special_tokens"), error);
}

/* A token of added_tokens_decoder or added_tokens.json and its id, by which they are ordered. */
struct numbered {
    json_int_t id;
    const char *content; /* where that is all there is */
    const json_t *token;
};

static int compare_numbered(const void *left, const void *right)
{
    const struct numbered *a = left;
    const struct numbered *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* Lists a token of added_tokens.json: a plain one, unless the settings name it as special. */
static cappy_status list_named(struct list *list, const char *content, const json_t *special,
                               cappy_error *error)
{
    json_t *token = json_pack("{s:s, s:b}", "content", content, "special",
                              (int)(json_object_get(special, content) != NULL));
    cappy_status status =
        token != NULL ? list_token(list, token, error) : cappy_error_no_memory(error);
    json_decref(token);
    return status;
}

/* Lists the tokens of "added_tokens_decoder", {"5": {...}}, or, where `special` is not NULL, of
 * added_tokens.json, {"content": 5}; it then has the contents that the settings name as special. */
static cappy_status list_numbered(struct list *list, const json_t *tokens, const json_t *special,
                                  cappy_error *error)
{
    if (!json_is_object(tokens)) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"added_tokens_decoder\" must be an object");
    }
    struct numbered *order = cappy_alloc(json_object_size(tokens), sizeof *order);
    if (order == NULL) {
        return cappy_error_no_memory(error);
    }
    size_t n = 0;
    json_t *object = (json_t *)(uintptr_t)tokens;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i), n++) {
        const char *key = json_object_iter_key(i);
        const json_t *value = json_object_iter_value(i);
        order[n] = special != NULL ? (struct numbered){json_integer_value(value), key, NULL}
                                   : (struct numbered){strtoll(key, NULL, 10), NULL, value};
    }
    qsort(order, n, sizeof *order, compare_numbered);
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; i < n && status == CAPPY_OK; i++) {
        status = special != NULL ? list_named(list, order[i].content, special, error)
                                 : list_token(list, order[i].token, error);
    }
    cappy_free(order);
    return status;
}

/* Lists the tokens of added_tokens.json, where there is one. */
static cappy_status list_legacy(struct list *list, const char *directory, const json_t *settings,
                                cappy_error *error)
{
    json_t *legacy = NULL;
    struct list special = {json_array(), json_object()};
    cappy_status status = CAPPY_OK;
    if (special.tokens == NULL || special.contents == NULL) {
        status = cappy_error_no_memory(error);
    }
    if (status == CAPPY_OK) {
        status = list_special(&special, settings, error);
    }
    if (status == CAPPY_OK) {
        status = read_object(directory, "added_tokens.json", &legacy, error);
    }
    if (status == CAPPY_OK && legacy != NULL) {
        status = list_numbered(list, legacy, special.contents, error);
    }
    json_decref(legacy);
    json_decref(special.tokens);
    json_decref(special.contents);
    return status;
}

/* Lists all added tokens, in the order in which transformers adds them. */
static cappy_status list_tokens(struct list *list, const char *directory, const json_t *settings,
                                cappy_error *error)
{
    const json_t *decoder = json_object_get(settings, "added_tokens_decoder");
    if (decoder != NULL) {
        CAPPY_TRY(list_numbered(list, decoder, NULL, error));
    } else {
        CAPPY_TRY(list_legacy(list, directory, settings, error));
    }
    return list_special(list, settings, error);
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
    struct list list = {*added, json_object()};
    cappy_status status = list.tokens != NULL && list.contents != NULL
                              ? list_tokens(&list, directory, *settings, error)
                              : cappy_error_no_memory(error);
    json_decref(list.contents);
    return status;
}
