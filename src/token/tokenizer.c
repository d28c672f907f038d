/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a tokenizer. Vocabulary files are first turned into what tokenizer.json would say, so
 * that there is one way from settings to a tokenizer. */
#include "token/tokenizer.h"

#include <string.h>

#include "token/spec.h"

/* tokenizer.json may be this large. */
static const size_t MAX_SPEC = (size_t)256 << 20;
static const size_t MAX_CONFIG = (size_t)16 << 20;

/* ---- From a parsed tokenizer.json ------------------------------------------------------------ */

/* The type of the model. Old files do not name it; they are told apart by their members, as the
 * reference does. */
static cappy_status find_model_type(const json_t *model, const char **type, cappy_error *error)
{
    if (!json_is_object(model)) {
        return cappy_error_set(error, CAPPY_FORMAT, "there is no \"model\"");
    }
    const char *fallback = json_object_get(model, "merges") != NULL ? "BPE"
                           : json_object_get(model, "max_input_chars_per_word") != NULL
                               ? "WordPiece"
                               : "";
    return cappy_json_get_string(model, "type", fallback, type, error);
}

/* A model and a pre_tokenizer are implemented only together with the one they were made for. */
static cappy_status check_match(const struct cappy_tokenizer *tokenizer, cappy_error *error)
{
    if ((tokenizer->kind == CAPPY_BPE) != (tokenizer->splitter.kind == CAPPY_SPLIT_BYTE_LEVEL)) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "a %s model with a pre_tokenizer of type \"%s\" is not implemented "
                               "by cappy",
                               tokenizer->kind == CAPPY_BPE ? "BPE" : "WordPiece",
                               tokenizer->splitter.kind == CAPPY_SPLIT_BERT ? "BertPreTokenizer"
                                                                            : "ByteLevel");
    }
    return CAPPY_OK;
}

static cappy_status read_model(const json_t *model, struct cappy_tokenizer *tokenizer,
                               int32_t *largest_id, cappy_error *error)
{
    const char *type;
    CAPPY_TRY(find_model_type(model, &type, error));
    if (strcmp(type, "BPE") == 0) {
        tokenizer->kind = CAPPY_BPE;
        CAPPY_TRY(cappy_bpe_read(model, &tokenizer->bpe, error));
        *largest_id = tokenizer->bpe.largest_id;
    } else if (strcmp(type, "WordPiece") == 0) {
        tokenizer->kind = CAPPY_WORDPIECE;
        CAPPY_TRY(cappy_wordpiece_read(model, &tokenizer->wordpiece, error));
        *largest_id = tokenizer->wordpiece.largest_id;
    } else {
        return cappy_spec_refuse("model", type, error);
    }
    return CAPPY_OK;
}

static cappy_status read_spec(const json_t *spec, struct cappy_tokenizer *tokenizer,
                              cappy_error *error)
{
    /* truncation and padding are settings of a call, in the reference too; the decoder does not
     * matter to ids. */
    static const char *const known[] = {
        "version",       "truncation",     "padding", "added_tokens", "normalizer",
        "pre_tokenizer", "post_processor", "decoder", "model",        NULL};
    const char *version;
    int32_t largest;
    CAPPY_TRY(cappy_spec_check(spec, "the tokenizer", known, error));
    CAPPY_TRY(cappy_json_get_string(spec, "version", "1.0", &version, error));
    if (strcmp(version, "1.0") != 0) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "the version is \"%.60s\", cappy reads 1.0", version);
    }
    const json_t *model = json_object_get(spec, "model");
    CAPPY_TRY(
        cappy_normalizer_read(json_object_get(spec, "normalizer"), &tokenizer->normalizer, error));
    CAPPY_TRY(
        cappy_splitter_read(json_object_get(spec, "pre_tokenizer"), &tokenizer->splitter, error));
    CAPPY_TRY(read_model(model, tokenizer, &largest, error));
    CAPPY_TRY(check_match(tokenizer, error));
    CAPPY_TRY(cappy_added_read(json_object_get(spec, "added_tokens"),
                               json_object_get(model, "vocab"), &tokenizer->normalizer,
                               &tokenizer->added, error));
    CAPPY_TRY(cappy_pair_read(json_object_get(spec, "post_processor"), &tokenizer->pair, error));
    largest = largest > tokenizer->added.largest_id ? largest : tokenizer->added.largest_id;
    largest = largest > tokenizer->pair.largest_id ? largest : tokenizer->pair.largest_id;
    tokenizer->n_ids = (size_t)largest + 1;
    return CAPPY_OK;
}

cappy_status cappy_tokenizer_read(const json_t *spec, struct cappy_tokenizer **tokenizer,
                                  cappy_error *error)
{
    struct cappy_tokenizer *made = cappy_alloc(1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = read_spec(spec, made, error);
    if (status != CAPPY_OK) {
        cappy_tokenizer_close(made);
        return status;
    }
    *tokenizer = made;
    return CAPPY_OK;
}

void cappy_tokenizer_close(struct cappy_tokenizer *tokenizer)
{
    if (tokenizer != NULL) {
        cappy_bpe_free(&tokenizer->bpe);
        cappy_wordpiece_free(&tokenizer->wordpiece);
        cappy_added_free(&tokenizer->added);
        cappy_pair_free(&tokenizer->pair);
        cappy_free(tokenizer);
    }
}

/* ---- From a directory ------------------------------------------------------------------------ */

/* Reads tokenizer_config.json, an empty object where there is none. Its model_max_length is often a
 * number beyond 64 bits that means "none", so numbers are read as reals. */
static cappy_status read_config(const char *directory, json_t **config, cappy_error *error)
{
    char *path = cappy_path_join(directory, "tokenizer_config.json");
    if (path == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = CAPPY_OK;
    if (cappy_file_exists(path)) {
        status = cappy_json_read_reals(path, MAX_CONFIG, config, error);
        if (status == CAPPY_OK && !json_is_object(*config)) {
            status = cappy_error_set(error, CAPPY_FORMAT, "%s: must be an object", path);
            json_decref(*config);
        }
    } else {
        *config = json_object();
        status = *config != NULL ? CAPPY_OK : cappy_error_no_memory(error);
    }
    cappy_free(path);
    return status;
}

/* The largest model_max_length that is taken at its word. */
static const double MAX_LENGTH = 1e9;

static cappy_status read_max_length(const json_t *config, size_t *max_length, cappy_error *error)
{
    double value;
    CAPPY_TRY(cappy_json_get_real(config, "model_max_length", 0, &value, error));
    *max_length = value >= 1 && value <= MAX_LENGTH ? (size_t)value : 0;
    return CAPPY_OK;
}

/* Whether `directory` has a file `name`. */
static cappy_status has_file(const char *directory, const char *name, bool *has, cappy_error *error)
{
    char *path = cappy_path_join(directory, name);
    if (path == NULL) {
        return cappy_error_no_memory(error);
    }
    *has = cappy_file_exists(path);
    cappy_free(path);
    return CAPPY_OK;
}

/* Reads or builds the settings of the tokenizer in `directory`; *file receives the name to put
 * before messages. */
static cappy_status find_spec(const char *directory, const json_t *config, json_t **spec,
                              const char **file, cappy_error *error)
{
    bool has_json;
    bool has_bpe;
    bool has_wordpiece;
    CAPPY_TRY(has_file(directory, "tokenizer.json", &has_json, error));
    CAPPY_TRY(has_file(directory, "vocab.json", &has_bpe, error));
    CAPPY_TRY(has_file(directory, "vocab.txt", &has_wordpiece, error));
    if (has_json) {
        *file = "tokenizer.json";
        char *path = cappy_path_join(directory, *file);
        cappy_status status = path != NULL ? cappy_json_read(path, MAX_SPEC, spec, error)
                                           : cappy_error_no_memory(error);
        cappy_free(path);
        return status;
    }
    if (has_bpe) {
        *file = "vocab.json";
        return cappy_spec_from_bpe_files(directory, config, spec, error);
    }
    if (has_wordpiece) {
        *file = "vocab.txt";
        return cappy_spec_from_wordpiece_file(directory, config, spec, error);
    }
    return cappy_error_set(error, CAPPY_IO,
                           "%s: there is no tokenizer.json, no vocab.json with merges.txt and no "
                           "vocab.txt",
                           directory);
}

/* cappy_tokenizer_read with the file's path before its message. */
static cappy_status read_at(const json_t *spec, const char *directory, const char *file,
                            struct cappy_tokenizer **tokenizer, cappy_error *error)
{
    cappy_status status = cappy_tokenizer_read(spec, tokenizer, error);
    if (status == CAPPY_FORMAT || status == CAPPY_UNSUPPORTED) {
        char *path = cappy_path_join(directory, file);
        cappy_error_at(error, status, path != NULL ? path : file);
        cappy_free(path);
    }
    return status;
}

cappy_status cappy_tokenizer_open(const char *directory, struct cappy_tokenizer **tokenizer,
                                  cappy_error *error)
{
    json_t *config = NULL;
    json_t *spec = NULL;
    const char *file = NULL;
    size_t max_length;
    CAPPY_TRY(read_config(directory, &config, error));
    cappy_status status = read_max_length(config, &max_length, error);
    if (status == CAPPY_OK) {
        status = find_spec(directory, config, &spec, &file, error);
    }
    if (status == CAPPY_OK) {
        status = read_at(spec, directory, file, tokenizer, error);
    }
    if (status == CAPPY_OK) {
        (*tokenizer)->max_length = max_length;
    }
    json_decref(spec);
    json_decref(config);
    return status;
}

const char *cappy_tokenizer_kind(const struct cappy_tokenizer *tokenizer)
{
    return tokenizer->kind == CAPPY_BPE ? "byte-level BPE" : "WordPiece";
}

size_t cappy_tokenizer_n_ids(const struct cappy_tokenizer *tokenizer)
{
    return tokenizer->n_ids;
}

size_t cappy_tokenizer_max_length(const struct cappy_tokenizer *tokenizer)
{
    return tokenizer->max_length;
}
