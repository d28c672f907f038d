/* SPDX-License-Identifier: Apache-2.0 */
/* The face of weights: model files to checked tensor views, and config.json.
 *
 * Everything here reads files from strangers. A file is mapped, never executed; every size, offset
 * and count is checked before it is used, and nothing larger than the file is allocated on its
 * word. */
#ifndef CAPPY_WEIGHTS_H
#define CAPPY_WEIGHTS_H

#include <stdbool.h>

#include "base/base.h"

/* ---- Tensors ---- */

enum cappy_dtype {
    CAPPY_DTYPE_F32,
    CAPPY_DTYPE_F16,
    CAPPY_DTYPE_BF16,
    CAPPY_DTYPE_OTHER, /* a known type that scoring has no use for, such as I64 position ids */
};

enum { CAPPY_TENSOR_MAX_RANK = 8 };

struct cappy_tensor {
    const char *name; /* NUL-terminated, lives as long as the weights */
    enum cappy_dtype dtype;
    size_t rank;
    uint64_t shape[CAPPY_TENSOR_MAX_RANK]; /* row-major, contiguous */
    const unsigned char *data;             /* in the mapped file, not necessarily aligned */
    uint64_t size;                         /* bytes */
};

struct cappy_weights;

/* Opens the first of model.safetensors, model.safetensors.index.json, pytorch_model.bin and
 * pytorch_model.bin.index.json that `directory` has. */
cappy_status cappy_weights_open(const char *directory, struct cappy_weights **weights,
                                cappy_error *error);
/* Opens one safetensors file, whatever its name. */
cappy_status cappy_weights_open_file(const char *path, struct cappy_weights **weights,
                                     cappy_error *error);
void cappy_weights_close(struct cappy_weights *weights);

/* The tensor of that name, or NULL. */
const struct cappy_tensor *cappy_weights_find(const struct cappy_weights *weights,
                                              const char *name);

/* All tensors, in the order of their names. */
size_t cappy_weights_count(const struct cappy_weights *weights);
const struct cappy_tensor *cappy_weights_at(const struct cappy_weights *weights, size_t index);

/* "safetensors" or "pickle". */
const char *cappy_weights_format(const struct cappy_weights *weights);

/* Bytes of all weight files. */
uint64_t cappy_weights_size(const struct cappy_weights *weights);

/* Says that the tensor has been copied and its pages need not stay resident. */
void cappy_weights_release(const struct cappy_weights *weights, const struct cappy_tensor *tensor);

const char *cappy_dtype_name(enum cappy_dtype dtype);
uint64_t cappy_tensor_n_elements(const struct cappy_tensor *tensor);

/* Converts elements [offset, offset + n) of an F32, F16 or BF16 tensor to out[n]; exact. The range
 * must be inside. */
void cappy_tensor_to_f32(const struct cappy_tensor *tensor, uint64_t offset, size_t n, float *out);

/* Rounds values[n] to the nearest bf16, of two equally near ones to the even one, as the bytes of a
 * tensor; a NaN stays one. */
void cappy_bf16_from_f32(const float *values, size_t n, unsigned char *bytes);

/* Writes tensors[n], in their order, as the safetensors file `path`, which is there whole or not at
 * all. *checksum (may be NULL) receives the file's CRC-32. Names must need no escapes in JSON. */
cappy_status cappy_safetensors_write(const char *path, const struct cappy_tensor *tensors, size_t n,
                                     uint32_t *checksum, cappy_error *error);

/* ---- config.json ---- */

enum cappy_architecture { CAPPY_ARCHITECTURE_BERT, CAPPY_ARCHITECTURE_ROBERTA };

enum cappy_hidden_act { CAPPY_ACT_GELU_ERF, CAPPY_ACT_GELU_TANH, CAPPY_ACT_RELU };

/* Whether there is a classification head, as far as "architectures" tells. */
enum cappy_head {
    CAPPY_HEAD_UNSAID,
    CAPPY_HEAD_CLASSIFIER,
    CAPPY_HEAD_NONE, /* a plain encoder, or one with another head */
    CAPPY_HEAD_NEW,  /* cappy_config_add_head */
};

enum cappy_output_act { CAPPY_OUTPUT_IDENTITY, CAPPY_OUTPUT_SIGMOID };

/* Which tokens of a pair a token sees. FULL: all, and the head reads the first token. PREFIX: the
 * pair is split before the separator that the response follows; what comes before, the prefix, sees
 * itself alone, the rest sees both, and the head reads that separator. So the prefix does not
 * depend on the response. */
enum cappy_mask { CAPPY_MASK_FULL, CAPPY_MASK_PREFIX };

/* What cappy itself keeps in config.json, in an object of its own. */
#define CAPPY_CONFIG_SECTION     "cappy"
#define CAPPY_CONFIG_TEMPERATURE "mix_temperature"
#define CAPPY_CONFIG_MASK        "mask"

struct cappy_config {
    enum cappy_architecture architecture;
    const char *classifier; /* what "architectures" calls the family's sequence classifier */
    char *model_type;       /* as written: "roberta", "camembert", "xlm-roberta", "bert" */
    size_t n_layers;
    size_t hidden_size; /* a multiple of n_heads */
    size_t ffn_size;
    size_t n_heads;
    size_t vocab_size;
    size_t n_positions;   /* rows of the position table */
    size_t n_segments;    /* rows of the token type table */
    int64_t pad_token_id; /* RoBERTa counts positions from here; -1 where there is none (BERT) */
    float norm_epsilon;
    enum cappy_hidden_act hidden_act;
    enum cappy_output_act output_act;
    double hidden_dropout; /* in training, as the two below; 0 where it says nothing */
    double attention_dropout;
    double head_dropout;
    double initializer_range; /* of weights that are made anew: their standard deviation */
    double mix_temperature;   /* of a choice by the mix of score and consensus; -1 where unknown */
    enum cappy_mask mask;     /* full where it serves both */
    bool serves_both_masks;
    enum cappy_head head;
    size_t n_labels;
    char **labels; /* [n_labels] */
};

/* Reads `directory`/config.json. CAPPY_UNSUPPORTED names an architecture or setting that is not
 * implemented. */
cappy_status cappy_config_read(const char *directory, struct cappy_config *config,
                               cappy_error *error);
/* CAPPY_UNSUPPORTED for an encoder without a classification head, which gives no score. */
cappy_status cappy_config_check_head(const struct cappy_config *config, cappy_error *error);

/* Makes of an encoder's configuration that of its family's classifier with one label, "score". */
cappy_status cappy_config_add_head(struct cappy_config *config, cappy_error *error);
void cappy_config_free(struct cappy_config *config);

/* "full" or "prefix", as config.json has it. */
const char *cappy_mask_name(enum cappy_mask mask);

/* Which it was trained for: "full", "prefix" or "both". */
const char *cappy_config_masks(const struct cappy_config *config);

/* CAPPY_ARGUMENT where there is no such mask, or the model was not trained for it. */
cappy_status cappy_config_set_mask(struct cappy_config *config, const char *name,
                                   cappy_error *error);

#endif
