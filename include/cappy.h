/* SPDX-License-Identifier: Apache-2.0 */
/* cappy: score how well a response answers an instruction.
 *
 *     #include <cappy.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         cappy_error error;
 *         cappy_model *model = NULL;
 *         cappy_scorer *scorer = NULL;
 *         cappy_pair pair = {CAPPY_TEXT("What is the capital of France?"), CAPPY_TEXT("Paris.")};
 *         float score;
 *
 *         if (cappy_model_open(NULL, NULL, &model, &error) != CAPPY_OK ||
 *             cappy_scorer_create(model, NULL, &scorer, &error) != CAPPY_OK ||
 *             cappy_score(scorer, &pair, 1, &score, &error) != CAPPY_OK) {
 *             fprintf(stderr, "%s\n", error.message);
 *         } else {
 *             printf("%.4f\n", (double)score);
 *         }
 *         cappy_scorer_free(scorer);
 *         cappy_model_close(model);
 *     }
 *
 * (examples/first.c is this program; the tests compile and run it.)
 *
 * Errors.    Every call that can fail returns a cappy_status and takes a last `cappy_error *`,
 *            which may be NULL and otherwise receives the code and one sentence that names the
 *            place and the remedy. On failure output arguments are left alone, except where a
 *            declaration says otherwise. No call exits, prints or aborts.
 * Text.      Pointer and length, UTF-8, borrowed for the duration of the call, no terminating NUL
 *            needed. Bytes that are not UTF-8 are read as U+FFFD, one for each maximal ill-formed
 *            part (Unicode 15, 3.9).
 * Options.   An option struct begins with its own size, set to sizeof of the struct; every other
 *            member may be left zero, which means its default. A NULL option struct means all
 *            defaults.
 * Threads.   A cappy_model never changes after opening and may be used by any number of threads at
 *            once. A cappy_scorer is the working memory of one caller: use each from one thread at
 *            a time. (It may itself compute with several threads.)
 * Exactness. A pair's score depends on the model, the precision and the chosen kernel set, and on
 *            nothing else: not on the other pairs of the call, their order, or the number of
 *            threads. It is equal bit for bit.
 */
#ifndef CAPPY_H
#define CAPPY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAPPY_VERSION "0.1.0"

#if defined(__GNUC__)
#define CAPPY_API __attribute__((visibility("default")))
#else
#define CAPPY_API
#endif

/* ---- Errors ---------------------------------------------------------------------------------- */

/* The outcome of a call. The list is a table so that codes, names and texts cannot disagree. */
#define CAPPY_STATUS_MAP(X)                                                                        \
    X(OK, 0, "ok")                                                                                 \
    X(NO_MEMORY, 1, "out of memory")                                                               \
    X(IO, 2, "a file could not be read or written")                                                \
    X(FORMAT, 3, "a file or a row is damaged or not of the expected form")                         \
    X(UNSUPPORTED, 4, "the model asks for something cappy does not implement")                     \
    X(ARGUMENT, 5, "an argument is out of range")

typedef enum cappy_status {
#define CAPPY_STATUS_ENUM(name, value, text) CAPPY_##name = value,
    CAPPY_STATUS_MAP(CAPPY_STATUS_ENUM)
#undef CAPPY_STATUS_ENUM
} cappy_status;

typedef struct cappy_error {
    cappy_status code;
    char message[1000]; /* one sentence, NUL-terminated UTF-8, no newline */
} cappy_error;

/* A short English description of `status`; never NULL. */
CAPPY_API const char *cappy_status_text(cappy_status status);

/* The version of the library that is running, CAPPY_VERSION of the time it was built. */
CAPPY_API const char *cappy_version(void);

/* ---- Text ------------------------------------------------------------------------------------ */

typedef struct cappy_text {
    const char *data; /* may be NULL when size is 0 */
    size_t size;      /* bytes */
} cappy_text;

/* A cappy_text of a string literal, as an initialiser. */
#define CAPPY_TEXT(literal)                                                                        \
    {                                                                                              \
        "" literal "", sizeof(literal) - 1                                                         \
    }

typedef struct cappy_pair {
    cappy_text instruction; /* the whole prompt: the instruction, then its input if there is one */
    cappy_text response;    /* one answer to it */
} cappy_pair;

/* ---- Models ---------------------------------------------------------------------------------- */

typedef struct cappy_model cappy_model;

typedef enum cappy_precision {
    CAPPY_PRECISION_DEFAULT = 0, /* fp32 */
    CAPPY_PRECISION_FP32 = 1,    /* equals the reference implementation within 1e-4 */
    CAPPY_PRECISION_BF16 = 2,    /* the encoder's matrices and what they multiply; fp32 sums */
    CAPPY_PRECISION_INT8 = 3,    /* the same in int8: a scale for each output and each token */
    CAPPY_PRECISION_AUTO = 4,    /* the fastest here of those whose loss is within the bound that
                                    docs/numbers.md states */
} cappy_precision;

typedef struct cappy_model_options {
    size_t struct_size;        /* sizeof(cappy_model_options) */
    cappy_precision precision; /* of the arithmetic; default fp32 */
    size_t threads;   /* used while opening; default: one for each processor this process may use */
    const char *mask; /* "full" or "prefix", of a model that has it (cappy_model_info.masks);
                         default, NULL: its only one, or "full" */
} cappy_model_options;

/* Opens a Hugging Face model directory: config.json; model.safetensors,
 * model.safetensors.index.json or pytorch_model.bin; tokenizer.json, vocab.json with merges.txt,
 * or vocab.txt. A NULL `directory` means the default model (see cappy_model_default). Weight
 * files are memory-mapped and must not change while it is open. The caller closes the model,
 * after every scorer made from it.
 * Errors: CAPPY_IO, CAPPY_FORMAT, CAPPY_UNSUPPORTED, CAPPY_ARGUMENT, CAPPY_NO_MEMORY. */
CAPPY_API cappy_status cappy_model_open(const char *directory, const cappy_model_options *options,
                                        cappy_model **model, cappy_error *error);

/* Frees `model`; NULL is allowed. */
CAPPY_API void cappy_model_close(cappy_model *model);

/* Writes the NUL-terminated path of the default model to `path` (`capacity` bytes): $CAPPY_MODEL
 * where set, else models/default of the source tree this library runs from, else
 * share/cappy/models/default under the prefix it was installed to. Errors: CAPPY_IO when there
 * is none; CAPPY_ARGUMENT when `capacity` is too small. */
CAPPY_API cappy_status cappy_model_default(char *path, size_t capacity, cappy_error *error);

typedef struct cappy_model_info {
    size_t struct_size; /* set by the caller to sizeof(cappy_model_info) */
    /* The strings live as long as the model. */
    const char *architecture;   /* "roberta", "bert", ... */
    const char *tokenizer;      /* "byte-level BPE" or "WordPiece" */
    const char *weights_format; /* "safetensors" or "pickle" */
    const char *weights_type;   /* storage type of the matrices: "F32", "F16", "BF16" */
    cappy_precision precision;  /* of the arithmetic */
    const char *kernels;        /* the chosen kernel set: "scalar", "avx2", "avx512", ... */
    const char *kernels_reason; /* why that one, in a few words */
    const char *activation;     /* applied to the head's output: "identity" or "sigmoid" */
    size_t n_layers;
    size_t hidden_size;
    size_t ffn_size;
    size_t n_heads;
    size_t vocab_size;
    size_t n_labels;   /* numbers per pair */
    size_t max_length; /* tokens per pair, special tokens included */
    uint64_t n_parameters;
    uint64_t weights_size; /* bytes of the weight files */
    /* The temperature with which `cappy adapt` found the mix of score and consensus to choose best:
     * each response's mean ROUGE-L to all of an instruction's, weighted by exp(score / (temperature
     * x standard deviation of the scores)). Negative where the model says nothing about it. */
    double mix_temperature;
    /* Which tokens see which (docs/training.md): "full", all see all; "prefix", those of the
     * instruction see themselves alone, and are computed once for neighbouring pairs that share
     * them. */
    const char *mask;
    const char *masks; /* that it was trained for: "full", "prefix" or "both" */
} cappy_model_info;

/* Fills `info` up to its struct_size. Errors: CAPPY_ARGUMENT. */
CAPPY_API cappy_status cappy_model_describe(const cappy_model *model, cappy_model_info *info,
                                            cappy_error *error);

/* Measures for about a fifth of a second what the multipliers of this machine can do with the
 * model's kernel set and precision, registers with registers, on `threads` threads at once (0: as
 * many as there are processors): *operations a second. Errors: CAPPY_ARGUMENT. */
CAPPY_API cappy_status cappy_model_peak(const cappy_model *model, size_t threads,
                                        double *operations, cappy_error *error);

/* The name of label `index` (0 <= index < n_labels) in config.json, or NULL if out of range;
 * lives as long as the model. */
CAPPY_API const char *cappy_model_label(const cappy_model *model, size_t index);

/* ---- Scoring --------------------------------------------------------------------------------- */

typedef struct cappy_scorer cappy_scorer;

typedef struct cappy_scorer_options {
    size_t struct_size; /* sizeof(cappy_scorer_options) */
    size_t threads;     /* default: one for each processor this process may use */
    size_t
        max_length; /* tokens per pair, at least 8; longer pairs are truncated longest part first;
                           default and upper limit: the model's max_length */
} cappy_scorer_options;

/* Makes a scorer for `model`, which must outlive it. The caller frees it.
 * Errors: CAPPY_ARGUMENT, CAPPY_NO_MEMORY. */
CAPPY_API cappy_status cappy_scorer_create(const cappy_model *model,
                                           const cappy_scorer_options *options,
                                           cappy_scorer **scorer, cappy_error *error);

/* Frees `scorer`; NULL is allowed. */
CAPPY_API void cappy_scorer_free(cappy_scorer *scorer);

/* Which end of a text that is too long is cut off. How much of each text of a pair stays does not
 * depend on it. */
typedef enum cappy_truncation {
    CAPPY_TRUNCATION_RIGHT = 0, /* the last tokens; what a new scorer does */
    CAPPY_TRUNCATION_LEFT = 1,  /* the first */
} cappy_truncation;

/* Sets it for the calls that follow. */
CAPPY_API void cappy_scorer_set_truncation(cappy_scorer *scorer, cappy_truncation truncation);

/* Scores pairs[0..n) into scores[n][n_labels], the raw output of the head unless config.json
 * names an activation (sentence_transformers.activation_fn). n may be 0. Allocates nothing once
 * it has seen a call as large.
 * Errors: CAPPY_NO_MEMORY, in which case scores[] is undefined. */
CAPPY_API cappy_status cappy_score(cappy_scorer *scorer, const cappy_pair *pairs, size_t n,
                                   float *scores, cappy_error *error);

/* Scores n candidates for one instruction into scores[n] and puts the index of the first highest
 * in *best. For models with one label. Errors: as cappy_score, and CAPPY_ARGUMENT when n is 0 or
 * n_labels is not 1. */
CAPPY_API cappy_status cappy_rank(cappy_scorer *scorer, cappy_text instruction,
                                  const cappy_text *candidates, size_t n, float *scores,
                                  size_t *best, cappy_error *error);

/* Writes a pair's token ids, special tokens included and truncated to the scorer's max_length,
 * to ids[capacity] and, where not NULL, segment ids to segments[capacity]; *n receives their
 * number. A capacity of the scorer's max_length always suffices. Errors: CAPPY_ARGUMENT when
 * capacity is too small, CAPPY_NO_MEMORY. */
CAPPY_API cappy_status cappy_tokenize(cappy_scorer *scorer, const cappy_pair *pair, int32_t *ids,
                                      int32_t *segments, size_t capacity, size_t *n,
                                      cappy_error *error);

/* Counts the tokens of pairs[0..n), special tokens included: tokens[n] as cappy_score computes them
 * when the pair comes alone and, where not NULL, whole[n] before truncation to the scorer's
 * max_length. Costs a small part of what scoring does. Errors: CAPPY_NO_MEMORY, in which case
 * tokens[] and whole[] are undefined. */
CAPPY_API cappy_status cappy_measure(cappy_scorer *scorer, const cappy_pair *pairs, size_t n,
                                     size_t *tokens, size_t *whole, cappy_error *error);

typedef struct cappy_scorer_counts {
    size_t struct_size; /* set by the caller to sizeof(cappy_scorer_counts) */
    uint64_t pairs;     /* scored since the scorer was made */
    uint64_t tokens; /* of those pairs, after truncation, that were computed: with the prefix mask
                           those that pairs share count once */
    uint64_t truncated; /* pairs that were longer than max_length */
    double
        operations; /* of matrix products and attention; a multiplication and an addition are two */
} cappy_scorer_counts;

/* Fills `counts` up to its struct_size. Errors: CAPPY_ARGUMENT. */
CAPPY_API cappy_status cappy_scorer_count(const cappy_scorer *scorer, cappy_scorer_counts *counts,
                                          cappy_error *error);

#ifdef __cplusplus
}
#endif

#endif
