/* SPDX-License-Identifier: Apache-2.0 */
/* Reads config.json, which says what the numbers in the weight files mean.
 *
 * A setting that changes the score and is not implemented is refused by name. One that is missing
 * has the value that transformers gives it, except for the sizes, which every real file states. */
#include "weights/config.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CONFIG = 16 << 20, MAX_LABELS = 1 << 16 };

/* The families, by "model_type", with the name that "architectures" must give their classifier. */
static const struct family {
    const char *model_type;
    const char *classifier;
    enum cappy_architecture architecture;
} families[] = {
    {"bert", "BertForSequenceClassification", CAPPY_ARCHITECTURE_BERT},
    {"roberta", "RobertaForSequenceClassification", CAPPY_ARCHITECTURE_ROBERTA},
    {"camembert", "CamembertForSequenceClassification", CAPPY_ARCHITECTURE_ROBERTA},
    {"xlm-roberta", "XLMRobertaForSequenceClassification", CAPPY_ARCHITECTURE_ROBERTA},
};

/* Names of transformers' activations that are one of our formulas. */
static const struct hidden_act {
    const char *name;
    enum cappy_hidden_act act;
} hidden_acts[] = {
    {"gelu", CAPPY_ACT_GELU_ERF},
    {"gelu_python", CAPPY_ACT_GELU_ERF},
    {"gelu_new", CAPPY_ACT_GELU_TANH},
    {"gelu_fast", CAPPY_ACT_GELU_TANH},
    {"gelu_pytorch_tanh", CAPPY_ACT_GELU_TANH},
    {"gelu_python_tanh", CAPPY_ACT_GELU_TANH},
    {"relu", CAPPY_ACT_RELU},
};

/* Names of sentence-transformers' activations after the head. */
static const struct output_act {
    const char *name;
    enum cappy_output_act act;
} output_acts[] = {
    {"torch.nn.modules.linear.Identity", CAPPY_OUTPUT_IDENTITY},
    {"torch.nn.Identity", CAPPY_OUTPUT_IDENTITY},
    {"torch.nn.modules.activation.Sigmoid", CAPPY_OUTPUT_SIGMOID},
    {"torch.nn.Sigmoid", CAPPY_OUTPUT_SIGMOID},
};

/* The sizes that must be given. */
static const struct size_field {
    const char *key;
    int64_t max;
    size_t place; /* in struct cappy_config */
} size_fields[] = {
    {"num_hidden_layers", 1000, offsetof(struct cappy_config, n_layers)},
    {"hidden_size", 1 << 16, offsetof(struct cappy_config, hidden_size)},
    {"intermediate_size", 1 << 18, offsetof(struct cappy_config, ffn_size)},
    {"num_attention_heads", 1 << 12, offsetof(struct cappy_config, n_heads)},
    {"vocab_size", 1 << 24, offsetof(struct cappy_config, vocab_size)},
    {"max_position_embeddings", 1 << 20, offsetof(struct cappy_config, n_positions)},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- Architecture ---- */

static const struct family *find_family(const char *model_type)
{
    for (size_t i = 0; i < COUNT(families); i++) {
        if (strcmp(families[i].model_type, model_type) == 0) {
            return &families[i];
        }
    }
    return NULL;
}

/* What "architectures" says about the head. Files without it are believed, as the weights show soon
 * enough whether there is one. */
static cappy_status read_head(const json_t *root, const struct family *family,
                              struct cappy_config *config, cappy_error *error)
{
    static const char suffix[] = "ForSequenceClassification";
    const json_t *list = json_object_get(root, "architectures");
    config->classifier = family->classifier;
    config->head = CAPPY_HEAD_UNSAID;
    if (list == NULL || json_is_null(list)) {
        return CAPPY_OK;
    }
    const char *name = json_string_value(json_array_get(list, 0));
    if (name == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"architectures\" must be a list of names");
    }
    if (strcmp(name, family->classifier) == 0) {
        config->head = CAPPY_HEAD_CLASSIFIER;
        return CAPPY_OK;
    }
    const size_t own = strlen(family->classifier) - (sizeof suffix - 1);
    if (strstr(name, suffix) == NULL && strncmp(name, family->classifier, own) == 0) {
        config->head = CAPPY_HEAD_NONE;
        return CAPPY_OK;
    }
    return cappy_error_set(error, CAPPY_UNSUPPORTED,
                           "architecture %.100s does not go with model_type \"%s\", which has %s",
                           name, family->model_type, family->classifier);
}

static cappy_status read_architecture(const json_t *root, struct cappy_config *config,
                                      cappy_error *error)
{
    const char *model_type = NULL;
    CAPPY_TRY(cappy_json_get_string(root, "model_type", NULL, &model_type, error));
    if (model_type == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"model_type\" is missing");
    }
    const struct family *family = find_family(model_type);
    if (family == NULL) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "model_type \"%.100s\" is not supported; bert, roberta, camembert "
                               "and xlm-roberta are",
                               model_type);
    }
    CAPPY_TRY(read_head(root, family, config, error));
    config->architecture = family->architecture;
    config->model_type = cappy_strndup(model_type, strlen(model_type));
    return config->model_type != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

/* ---- Settings that are refused ---- */

static cappy_status refuse_setting(cappy_error *error, const char *key)
{
    return cappy_error_set(error, CAPPY_UNSUPPORTED,
                           "\"%s\" asks for something that is not implemented and would change "
                           "the score",
                           key);
}

static cappy_status check_settings(const json_t *root, cappy_error *error)
{
    static const char *const must_be_false[] = {"is_decoder", "add_cross_attention",
                                                "is_encoder_decoder"};
    static const char *const must_be_empty[] = {"quantization_config", "pruned_heads", "auto_map"};
    for (size_t i = 0; i < COUNT(must_be_false); i++) {
        bool is_set;
        CAPPY_TRY(cappy_json_get_bool(root, must_be_false[i], false, &is_set, error));
        if (is_set) {
            return refuse_setting(error, must_be_false[i]);
        }
    }
    for (size_t i = 0; i < COUNT(must_be_empty); i++) {
        const json_t *member = json_object_get(root, must_be_empty[i]);
        bool is_empty = member == NULL || json_is_null(member) ||
                        (json_is_object(member) && json_object_size(member) == 0);
        if (!is_empty) {
            return refuse_setting(error, must_be_empty[i]);
        }
    }
    const char *position_type = NULL;
    CAPPY_TRY(
        cappy_json_get_string(root, "position_embedding_type", "absolute", &position_type, error));
    if (strcmp(position_type, "absolute") != 0) {
        return refuse_setting(error, "position_embedding_type");
    }
    return CAPPY_OK;
}

/* ---- Sizes and numbers ---- */

static cappy_status read_sizes(const json_t *root, struct cappy_config *config, cappy_error *error)
{
    int64_t value;
    for (size_t i = 0; i < COUNT(size_fields); i++) {
        const struct size_field *field = &size_fields[i];
        CAPPY_TRY(cappy_json_get_int(root, field->key, 1, field->max, 0, &value, error));
        if (value == 0) {
            return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" is missing", field->key);
        }
        *(size_t *)((char *)config + field->place) = (size_t)value;
    }
    if (config->hidden_size % config->n_heads != 0) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "\"hidden_size\" %zu is not a multiple of \"num_attention_heads\" "
                               "%zu",
                               config->hidden_size, config->n_heads);
    }
    CAPPY_TRY(cappy_json_get_int(root, "type_vocab_size", 1, 1 << 10, 2, &value, error));
    config->n_segments = (size_t)value;
    double epsilon;
    CAPPY_TRY(cappy_json_get_real(root, "layer_norm_eps", 1e-12, &epsilon, error));
    if (!(epsilon > 0 && epsilon < 1)) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "\"layer_norm_eps\" must be greater than 0 and less than 1");
    }
    config->norm_epsilon = (float)epsilon;
    return CAPPY_OK;
}

/* The first position of a RoBERTa text is the one behind the padding token's id. */
static cappy_status read_pad_token(const json_t *root, struct cappy_config *config,
                                   cappy_error *error)
{
    config->pad_token_id = -1;
    if (config->architecture != CAPPY_ARCHITECTURE_ROBERTA) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_json_get_int(root, "pad_token_id", 0, (int64_t)config->vocab_size - 1, 1,
                                 &config->pad_token_id, error));
    if (config->pad_token_id + 1 >= (int64_t)config->n_positions) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "\"pad_token_id\" %lld leaves no positions of the %zu that "
                               "\"max_position_embeddings\" gives",
                               (long long)config->pad_token_id, config->n_positions);
    }
    return CAPPY_OK;
}

/* ---- Activations ---- */

static cappy_status read_hidden_act(const json_t *root, struct cappy_config *config,
                                    cappy_error *error)
{
    const char *name = NULL;
    CAPPY_TRY(cappy_json_get_string(root, "hidden_act", "gelu", &name, error));
    for (size_t i = 0; i < COUNT(hidden_acts); i++) {
        if (strcmp(hidden_acts[i].name, name) == 0) {
            config->hidden_act = hidden_acts[i].act;
            return CAPPY_OK;
        }
    }
    return cappy_error_set(error, CAPPY_UNSUPPORTED,
                           "hidden_act \"%.100s\" is not supported; gelu, gelu_new and relu are",
                           name);
}

/* From "sentence_transformers": {"activation_fn"}, or from the key that its versions before 4.0
 * wrote. */
static cappy_status read_output_act(const json_t *root, struct cappy_config *config,
                                    cappy_error *error)
{
    const char *name = NULL;
    const json_t *section = json_object_get(root, "sentence_transformers");
    CAPPY_TRY(cappy_json_get_string(root, "sbert_ce_default_activation_function",
                                    output_acts[0].name, &name, error));
    CAPPY_TRY(cappy_json_get_string(section, "activation_fn", name, &name, error));
    for (size_t i = 0; i < COUNT(output_acts); i++) {
        if (strcmp(output_acts[i].name, name) == 0) {
            config->output_act = output_acts[i].act;
            return CAPPY_OK;
        }
    }
    return cappy_error_set(error, CAPPY_UNSUPPORTED,
                           "activation_fn \"%.100s\" is not supported; torch.nn.Identity and "
                           "torch.nn.Sigmoid are",
                           name);
}

/* ---- For training ---- */

static cappy_status read_rate(const json_t *root, const char *key, double fallback, double *rate,
                              cappy_error *error)
{
    CAPPY_TRY(cappy_json_get_real(root, key, fallback, rate, error));
    if (!(*rate >= 0 && *rate < 1)) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" must be at least 0 and less than 1",
                               key);
    }
    return CAPPY_OK;
}

static cappy_status read_training(const json_t *root, struct cappy_config *config,
                                  cappy_error *error)
{
    CAPPY_TRY(read_rate(root, "hidden_dropout_prob", 0, &config->hidden_dropout, error));
    CAPPY_TRY(
        read_rate(root, "attention_probs_dropout_prob", 0, &config->attention_dropout, error));
    CAPPY_TRY(
        cappy_json_get_real(root, "initializer_range", 0.02, &config->initializer_range, error));
    return read_rate(root, "classifier_dropout", config->hidden_dropout, &config->head_dropout,
                     error);
}

/* ---- Labels ---- */

/* The text of label `index`, from id2label or, without one, as transformers makes it up. New memory
 * in *label. */
static cappy_status read_label(const json_t *id2label, size_t index, char **label,
                               cappy_error *error)
{
    char key[32];
    char made_up[32];
    const char *text = NULL;
    snprintf(key, sizeof key, "%zu", index);
    snprintf(made_up, sizeof made_up, "LABEL_%zu", index);
    CAPPY_TRY(
        cappy_json_get_string(id2label, key, id2label != NULL ? NULL : made_up, &text, error));
    if (text == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "\"id2label\" has %zu labels but none with the number %zu",
                               json_object_size(id2label), index);
    }
    *label = cappy_strndup(text, strlen(text));
    return *label != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

/* id2label decides where there is one; num_labels is what older files have; two is the default. */
static cappy_status read_labels(const json_t *root, struct cappy_config *config, cappy_error *error)
{
    int64_t n;
    CAPPY_TRY(cappy_json_get_int(root, "num_labels", 1, MAX_LABELS, 2, &n, error));
    const json_t *id2label = json_object_get(root, "id2label");
    if (json_is_null(id2label)) {
        id2label = NULL;
    }
    if (id2label != NULL) {
        size_t n_given = json_object_size(id2label); /* 0 where it is no object */
        if (n_given == 0 || n_given > MAX_LABELS) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "\"id2label\" must be an object with 1 to %d labels",
                                   MAX_LABELS);
        }
        n = (int64_t)n_given;
    }
    config->labels = cappy_alloc((size_t)n, sizeof *config->labels);
    if (config->labels == NULL) {
        return cappy_error_no_memory(error);
    }
    config->n_labels = (size_t)n;
    for (size_t i = 0; i < config->n_labels; i++) {
        CAPPY_TRY(read_label(id2label, i, &config->labels[i], error));
    }
    return CAPPY_OK;
}

/* ---- The whole ---- */

static cappy_status read_root(const json_t *root, struct cappy_config *config, cappy_error *error)
{
    if (!json_is_object(root)) {
        return cappy_error_set(error, CAPPY_FORMAT, "must be a JSON object");
    }
    CAPPY_TRY(read_architecture(root, config, error));
    CAPPY_TRY(check_settings(root, error));
    CAPPY_TRY(read_sizes(root, config, error));
    CAPPY_TRY(read_pad_token(root, config, error));
    CAPPY_TRY(read_hidden_act(root, config, error));
    CAPPY_TRY(read_output_act(root, config, error));
    CAPPY_TRY(read_training(root, config, error));
    CAPPY_TRY(cappy_config_read_own(root, config, error));
    return read_labels(root, config, error);
}

cappy_status cappy_config_parse(const char *text, size_t size, struct cappy_config *config,
                                cappy_error *error)
{
    json_t *root = NULL;
    *config = (struct cappy_config){0};
    CAPPY_TRY(cappy_json_parse(text, size, &root, error));
    cappy_status status = read_root(root, config, error);
    json_decref(root);
    if (status != CAPPY_OK) {
        cappy_config_free(config);
    }
    return status;
}

cappy_status cappy_config_read(const char *directory, struct cappy_config *config,
                               cappy_error *error)
{
    struct cappy_buffer text;
    char *path = cappy_path_join(directory, "config.json");
    *config = (struct cappy_config){0};
    if (path == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_buffer_init(&text, MAX_CONFIG);
    cappy_status status;
    if (!cappy_file_exists(path)) {
        status = cappy_error_set(error, CAPPY_IO, "%s: %s", directory,
                                 cappy_file_exists(directory)
                                     ? "there is no config.json; is this a model directory?"
                                     : "there is no such model directory");
    } else {
        status = cappy_file_read(path, &text, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_config_parse(text.data, text.size, config, error);
        if (status != CAPPY_OK) {
            cappy_error_at(error, status, path);
        }
    }
    cappy_buffer_free(&text);
    cappy_free(path);
    return status;
}

cappy_status cappy_config_check_head(const struct cappy_config *config, cappy_error *error)
{
    if (config->head != CAPPY_HEAD_NONE) {
        return CAPPY_OK;
    }
    return cappy_error_set(error, CAPPY_UNSUPPORTED,
                           "this model has no classification head, so it gives no score: a model "
                           "for scoring has the architecture %s; `cappy train --model` makes one "
                           "of it",
                           config->classifier);
}

static void free_labels(struct cappy_config *config)
{
    for (size_t i = 0; config->labels != NULL && i < config->n_labels; i++) {
        cappy_free(config->labels[i]);
    }
    cappy_free(config->labels);
    config->labels = NULL;
    config->n_labels = 0;
}

cappy_status cappy_config_add_head(struct cappy_config *config, cappy_error *error)
{
    static const char label[] = "score";
    free_labels(config);
    config->labels = cappy_alloc(1, sizeof *config->labels);
    if (config->labels == NULL) {
        return cappy_error_no_memory(error);
    }
    config->n_labels = 1;
    config->labels[0] = cappy_strndup(label, sizeof label - 1);
    config->head = CAPPY_HEAD_NEW;
    return config->labels[0] != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

void cappy_config_free(struct cappy_config *config)
{
    free_labels(config);
    cappy_free(config->model_type);
    *config = (struct cappy_config){0};
}
