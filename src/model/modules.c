/* SPDX-License-Identifier: Apache-2.0 */
/* The names and shapes of the tensors of a Hugging Face BERT or RoBERTa sequence classifier. */
#include <stdio.h>
#include <string.h>

#include "model/model.h"

/* What a module's size is, of those that config.json gives. */
#define SIZE(member) offsetof(struct cappy_config, member)
enum { NONE = 0xffff }; /* no place in it */

struct entry {
    const char *names[2]; /* by architecture, behind the prefix of the encoder or the layer */
    bool has_prefix;      /* begins with the name of the encoder */
    bool is_in_layer;
    bool has_bias;
    size_t rows;    /* the place of the number in the configuration */
    size_t columns; /* likewise, or NONE */
};

#define SAME(name)                                                                                 \
    {                                                                                              \
        name, name                                                                                 \
    }
#define TABLE(name, rows)                                                                          \
    {                                                                                              \
        SAME("embeddings." name), true, false, false, SIZE(rows), SIZE(hidden_size)                \
    }
#define LAYER(name, rows, columns)                                                                 \
    {                                                                                              \
        SAME(name), true, true, true, SIZE(rows), SIZE(columns)                                    \
    }
#define NORM(name, in_layer)                                                                       \
    {                                                                                              \
        SAME(name), true, in_layer, true, SIZE(hidden_size), NONE                                  \
    }

static const struct entry entries[CAPPY_MODULE_COUNT] = {
    [CAPPY_MODULE_WORDS] = TABLE("word_embeddings", vocab_size),
    [CAPPY_MODULE_POSITIONS] = TABLE("position_embeddings", n_positions),
    [CAPPY_MODULE_SEGMENTS] = TABLE("token_type_embeddings", n_segments),
    [CAPPY_MODULE_EMBEDDING_NORM] = NORM("embeddings.LayerNorm", false),
    [CAPPY_MODULE_QUERY] = LAYER("attention.self.query", hidden_size, hidden_size),
    [CAPPY_MODULE_KEY] = LAYER("attention.self.key", hidden_size, hidden_size),
    [CAPPY_MODULE_VALUE] = LAYER("attention.self.value", hidden_size, hidden_size),
    [CAPPY_MODULE_OUTPUT] = LAYER("attention.output.dense", hidden_size, hidden_size),
    [CAPPY_MODULE_ATTENTION_NORM] = NORM("attention.output.LayerNorm", true),
    [CAPPY_MODULE_UP] = LAYER("intermediate.dense", ffn_size, hidden_size),
    [CAPPY_MODULE_DOWN] = LAYER("output.dense", hidden_size, ffn_size),
    [CAPPY_MODULE_OUTPUT_NORM] = NORM("output.LayerNorm", true),
    [CAPPY_MODULE_POOLER] = {{"bert.pooler.dense", "classifier.dense"},
                             false,
                             false,
                             true,
                             SIZE(hidden_size),
                             SIZE(hidden_size)},
    [CAPPY_MODULE_CLASSIFIER] = {{"classifier", "classifier.out_proj"},
                                 false,
                                 false,
                                 true,
                                 SIZE(n_labels),
                                 SIZE(hidden_size)},
};

static const char *const prefixes[] = {
    [CAPPY_ARCHITECTURE_BERT] = "bert.",
    [CAPPY_ARCHITECTURE_ROBERTA] = "roberta.",
};

static size_t size_at(const struct cappy_config *config, size_t place)
{
    size_t size;
    memcpy(&size, (const char *)config + place, sizeof size);
    return size;
}

bool cappy_module_is_in_layer(enum cappy_module module)
{
    return entries[module].is_in_layer;
}

struct cappy_module_shape cappy_module_shape(const struct cappy_config *config,
                                             enum cappy_module module)
{
    const struct entry *entry = &entries[module];
    return (struct cappy_module_shape){
        .rows = size_at(config, entry->rows),
        .columns = entry->columns != NONE ? size_at(config, entry->columns) : 0,
        .has_bias = entry->has_bias,
    };
}

void cappy_module_name(const struct cappy_config *config, enum cappy_module module, size_t layer,
                       char name[CAPPY_MODULE_NAME])
{
    const struct entry *entry = &entries[module];
    char place[64] = "";
    if (entry->is_in_layer) {
        snprintf(place, sizeof place, "encoder.layer.%zu.", layer);
    }
    snprintf(name, CAPPY_MODULE_NAME, "%s%s%s",
             entry->has_prefix ? prefixes[config->architecture] : "", place,
             entry->names[config->architecture]);
}

/* Checkpoints from before 2019 call the weight and bias of a norm gamma and beta. */
static const struct cappy_tensor *find(const struct cappy_weights *weights, const char *module,
                                       bool bias)
{
    char name[CAPPY_MODULE_NAME + 8];
    snprintf(name, sizeof name, "%s.%s", module, bias ? "bias" : "weight");
    const struct cappy_tensor *tensor = cappy_weights_find(weights, name);
    if (tensor == NULL && strstr(module, "LayerNorm") != NULL) {
        snprintf(name, sizeof name, "%s.%s", module, bias ? "beta" : "gamma");
        tensor = cappy_weights_find(weights, name);
    }
    return tensor;
}

/* The same for a module of `config`. What transformers saves of a plain encoder (AutoModel) has not
 * the encoder's name in front. */
static const struct cappy_tensor *find_module(const struct cappy_config *config,
                                              const struct cappy_weights *weights,
                                              const char *module, bool bias)
{
    const char *prefix = prefixes[config->architecture];
    const size_t size = strlen(prefix);
    const struct cappy_tensor *tensor = find(weights, module, bias);
    if (tensor == NULL && strncmp(module, prefix, size) == 0) {
        tensor = find(weights, module + size, bias);
    }
    return tensor;
}

bool cappy_module_is_there(const struct cappy_config *config, const struct cappy_weights *weights,
                           enum cappy_module module, size_t layer)
{
    char name[CAPPY_MODULE_NAME];
    cappy_module_name(config, module, layer, name);
    return find_module(config, weights, name, false) != NULL;
}

static cappy_status refuse_shape(const struct cappy_tensor *tensor, size_t rows, size_t columns,
                                 cappy_error *error)
{
    char shape[128] = "";
    for (size_t i = 0; i < tensor->rank; i++) {
        size_t used = strlen(shape);
        snprintf(shape + used, sizeof shape - used, "%s%llu", i == 0 ? "" : ", ",
                 (unsigned long long)tensor->shape[i]);
    }
    char wanted[64];
    snprintf(wanted, sizeof wanted, columns != 0 ? "%zu, %zu" : "%zu", rows, columns);
    return cappy_error_set(error, CAPPY_FORMAT,
                           "tensor %s has shape [%s]; config.json asks for [%s]", tensor->name,
                           shape, wanted);
}

cappy_status cappy_module_find(const struct cappy_config *config,
                               const struct cappy_weights *weights, enum cappy_module module,
                               size_t layer, bool bias, const struct cappy_tensor **tensor,
                               cappy_error *error)
{
    char name[CAPPY_MODULE_NAME];
    cappy_module_name(config, module, layer, name);
    const struct cappy_tensor *found = find_module(config, weights, name, bias);
    if (found == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "tensor %s.%s is missing: is this a sequence classifier with the "
                               "architecture that config.json names?",
                               name, bias ? "bias" : "weight");
    }
    const struct cappy_module_shape shape = cappy_module_shape(config, module);
    const size_t columns = bias ? 0 : shape.columns;
    if (found->rank != (columns != 0 ? 2 : 1) || found->shape[0] != shape.rows ||
        (columns != 0 && found->shape[1] != columns)) {
        return refuse_shape(found, shape.rows, columns, error);
    }
    if (found->dtype == CAPPY_DTYPE_OTHER) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED, "tensor %s is neither F32, F16 nor BF16",
                               found->name);
    }
    *tensor = found;
    return CAPPY_OK;
}
