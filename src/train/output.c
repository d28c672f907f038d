/* SPDX-License-Identifier: Apache-2.0 */
#include "train/output.h"

#include <float.h>
#include <string.h>

enum { MAX_CONFIG = 16 << 20, MAX_TOKENIZER = 512 << 20 };

/* What a tokenizer may be read from, here or by transformers. */
static const char *const tokenizer_files[] = {
    "tokenizer.json", "tokenizer_config.json",   "vocab.json",        "merges.txt",
    "vocab.txt",      "special_tokens_map.json", "added_tokens.json",
};

static cappy_status copy_file(const char *from, const char *to, cappy_error *error)
{
    struct cappy_buffer text;
    cappy_buffer_init(&text, MAX_TOKENIZER);
    cappy_status status = cappy_file_read(from, &text, error);
    if (status == CAPPY_OK) {
        status = cappy_file_write(to, text.data, text.size, error);
    }
    cappy_buffer_free(&text);
    return status;
}

/* Copies `name` where the base model has it. */
static cappy_status copy_if_there(const char *base, const char *directory, const char *name,
                                  cappy_error *error)
{
    char *from = cappy_path_join(base, name);
    char *to = cappy_path_join(directory, name);
    cappy_status status = CAPPY_OK;
    if (from == NULL || to == NULL) {
        status = cappy_error_no_memory(error);
    } else if (cappy_file_exists(from)) {
        status = copy_file(from, to, error);
    }
    cappy_free(from);
    cappy_free(to);
    return status;
}

/* What a score is made of: the cross-entropy is that of its sigmoid, the others are of the number
 * itself. */
static bool set_activation(json_t *config, enum cappy_loss_kind loss)
{
    const char *name = loss == CAPPY_LOSS_BCE ? "torch.nn.modules.activation.Sigmoid"
                                              : "torch.nn.modules.linear.Identity";
    json_t *section = json_object_get(config, "sentence_transformers");
    if (!json_is_object(section)) {
        section = json_object();
        if (json_object_set_new(config, "sentence_transformers", section) != 0) {
            return false;
        }
    }
    json_object_del(config, "sbert_ce_default_activation_function");
    return json_object_set_new(section, "activation_fn", json_string(name)) == 0;
}

/* A new head makes of an encoder a classifier with one label. */
static bool set_head(json_t *config, const struct cappy_config *model)
{
    json_object_del(config, "num_labels"); /* the older name */
    return json_object_set_new(config, "architectures", json_pack("[s]", model->classifier)) == 0 &&
           json_object_set_new(config, "id2label", json_pack("{ss}", "0", model->labels[0])) == 0 &&
           json_object_set_new(config, "label2id", json_pack("{si}", model->labels[0], 0)) == 0;
}

/* What cappy itself keeps of a model that was trained just now. */
static bool set_section(json_t *config, const struct cappy_config *model)
{
    json_object_del(config, CAPPY_CONFIG_SECTION); /* of the base model */
    return model->mask == CAPPY_MASK_FULL ||
           json_object_set_new(
               config, CAPPY_CONFIG_SECTION,
               json_pack("{ss}", CAPPY_CONFIG_MASK, cappy_mask_name(model->mask))) == 0;
}

static cappy_status write_json(const json_t *config, const char *path, cappy_error *error)
{
    /* As many digits as come back as they were written: 0.1, not 0.10000000000000001. */
    char *text = json_dumps(config, JSON_INDENT(2) | JSON_REAL_PRECISION(DBL_DIG));
    const cappy_status status = text != NULL ? cappy_file_write(path, text, strlen(text), error)
                                             : cappy_error_no_memory(error);
    cappy_free(text); /* jansson's memory is malloc's, as ours is */
    return status;
}

static cappy_status write_config(const char *from, const char *to, enum cappy_loss_kind loss,
                                 const struct cappy_config *model, enum cappy_dtype dtype,
                                 cappy_error *error)
{
    json_t *config;
    CAPPY_TRY(cappy_json_read(from, MAX_CONFIG, &config, error));
    const char *type = dtype == CAPPY_DTYPE_BF16 ? "bfloat16" : "float32";
    json_object_del(config, "torch_dtype"); /* the older name */
    const bool is_set = set_activation(config, loss) && set_section(config, model) &&
                        (model->head != CAPPY_HEAD_NEW || set_head(config, model)) &&
                        json_object_set_new(config, "dtype", json_string(type)) == 0;
    const cappy_status status =
        is_set ? write_json(config, to, error) : cappy_error_no_memory(error);
    json_decref(config);
    return status;
}

cappy_status cappy_output_model(const char *directory, const char *base, enum cappy_loss_kind loss,
                                const struct cappy_params *params, const float *weights,
                                enum cappy_dtype dtype, uint32_t *checksum, cappy_error *error)
{
    for (size_t i = 0; i < sizeof tokenizer_files / sizeof *tokenizer_files; i++) {
        CAPPY_TRY(copy_if_there(base, directory, tokenizer_files[i], error));
    }
    char *from = cappy_path_join(base, "config.json");
    char *to = cappy_path_join(directory, "config.json");
    char *model = cappy_path_join(directory, "model.safetensors");
    cappy_status status = from == NULL || to == NULL || model == NULL
                              ? cappy_error_no_memory(error)
                              : write_config(from, to, loss, params->config, dtype, error);
    if (status == CAPPY_OK) {
        status = cappy_params_save(params, weights, dtype, model, checksum, error);
    }
    cappy_free(from);
    cappy_free(to);
    cappy_free(model);
    return status;
}

/* ---- What is found out afterwards ---- */

static cappy_status set_temperature(json_t *config, double temperature, cappy_error *error)
{
    json_t *section = json_object_get(config, CAPPY_CONFIG_SECTION);
    bool is_set = true;
    if (!json_is_object(section)) {
        section = json_object();
        is_set = json_object_set_new(config, CAPPY_CONFIG_SECTION, section) == 0;
    }
    is_set = is_set &&
             json_object_set_new(section, CAPPY_CONFIG_TEMPERATURE, json_real(temperature)) == 0;
    return is_set ? CAPPY_OK : cappy_error_no_memory(error);
}

cappy_status cappy_train_keep_temperature(const char *directory, double temperature,
                                          cappy_error *error)
{
    json_t *config = NULL;
    char *path = cappy_path_join(directory, "config.json");
    cappy_status status = path != NULL ? cappy_json_read(path, MAX_CONFIG, &config, error)
                                       : cappy_error_no_memory(error);
    if (status == CAPPY_OK) {
        status = set_temperature(config, temperature, error);
    }
    if (status == CAPPY_OK) {
        status = write_json(config, path, error);
    }
    json_decref(config);
    cappy_free(path);
    return status;
}

/* ---- Where a model comes from ---- */

/* Adds the name and the contents of a file to *digest, or only the name where there is none. */
static cappy_status digest_file(const char *base, const char *name, uint64_t *digest,
                                cappy_error *error)
{
    struct cappy_buffer text;
    char *path = cappy_path_join(base, name);
    if (path == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_buffer_init(&text, MAX_TOKENIZER);
    const cappy_status status =
        cappy_file_exists(path) ? cappy_file_read(path, &text, error) : CAPPY_OK;
    *digest = cappy_hash(*digest, name, strlen(name));
    *digest = cappy_hash(*digest, text.data, text.size);
    cappy_buffer_free(&text);
    cappy_free(path);
    return status;
}

cappy_status cappy_origin_read(const char *base, struct cappy_origin *origin, cappy_error *error)
{
    *origin = (struct cappy_origin){0, 0};
    for (size_t i = 0; i < sizeof tokenizer_files / sizeof *tokenizer_files; i++) {
        CAPPY_TRY(digest_file(base, tokenizer_files[i], &origin->tokenizer, error));
    }
    return digest_file(base, "config.json", &origin->config, error);
}
