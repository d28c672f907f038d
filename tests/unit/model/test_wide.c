/* SPDX-License-Identifier: Apache-2.0 */
/* A model wide enough for what the small golden ones never reach: heads of 32, so that rows lie in
 * blocks, K of more than one chunk, and a feed-forward part in parts. Its weights are random: every
 * kernel set and precision is held against fp32 of the plainest set, and every batch and number of
 * threads against a pair alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "../temp.h"
#include "cappy.h"
#include "golden.h"
#include "model/model.h"

#if defined(CAPPY_TEST_EMULATED)
#define LAYERS "2" /* far slower */
#else
#define LAYERS "5" /* beyond the first few, nothing is bf16 in int8 */
#endif
#if defined(CAPPY_TEST_EMULATED) || defined(__SANITIZE_ADDRESS__)
enum { MOST_PAIRS = 4, REPEAT = 5, LEAST_THREADS = 2, MOST_THREADS = 2 };
#else
enum { MOST_PAIRS = 16, REPEAT = 8, LEAST_THREADS = 1, MOST_THREADS = 3 };
#endif
enum { MAX_TENSORS = 96, MAX_PAIRS = 64 };

static const char config_text[] =
    "{\"model_type\":\"bert\",\"architectures\":[\"BertForSequenceClassification\"],"
    "\"hidden_size\":544,\"num_attention_heads\":17,\"intermediate_size\":1120,"
    "\"num_hidden_layers\":" LAYERS ",\"vocab_size\":265,\"max_position_embeddings\":64,"
    "\"type_vocab_size\":2,\"hidden_act\":\"gelu\",\"layer_norm_eps\":1e-12,\"pad_token_id\":0,"
    "\"id2label\":{\"0\":\"score\"},\"label2id\":{\"score\":0}}";

struct tensors {
    struct cappy_tensor list[MAX_TENSORS];
    size_t n;
};

/* A tensor of random numbers about `mean`. */
static void add_tensor(struct tensors *tensors, const char *module, const char *part, size_t rows,
                       size_t columns, float mean, float spread)
{
    static unsigned state = 1;
    char name[CAPPY_MODULE_NAME + 8];
    snprintf(name, sizeof name, "%s.%s", module, part);
    const size_t n = rows * (columns != 0 ? columns : 1);
    float *data = cappy_alloc(n, sizeof *data);
    assert_non_null(data);
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = mean + spread * ((float)(state >> 8) / (float)(1 << 23) - 1.0f);
    }
    assert_true(tensors->n < MAX_TENSORS);
    struct cappy_tensor *tensor = &tensors->list[tensors->n++];
    *tensor = (struct cappy_tensor){.name = cappy_strndup(name, strlen(name)),
                                    .dtype = CAPPY_DTYPE_F32,
                                    .rank = columns != 0 ? 2 : 1,
                                    .shape = {rows, columns},
                                    .data = (const unsigned char *)data,
                                    .size = n * sizeof(float)};
}

static void write_model(struct temp *temp)
{
    char tokenizer[GOLDEN_PATH];
    struct cappy_config config;
    struct tensors tensors = {.n = 0};
    temp_make(temp);
    temp_write_text(temp, "config.json", config_text);
    golden_path(tokenizer, "bert", "tokenizer.json");
    temp_link(temp, tokenizer, "tokenizer.json");
    assert_int_equal(cappy_config_read(temp->directory, &config, NULL), CAPPY_OK);
    for (enum cappy_module module = 0; module < CAPPY_MODULE_COUNT; module++) {
        const struct cappy_module_shape shape = cappy_module_shape(&config, module);
        const size_t layers = cappy_module_is_in_layer(module) ? config.n_layers : 1;
        for (size_t layer = 0; layer < layers; layer++) {
            char name[CAPPY_MODULE_NAME];
            cappy_module_name(&config, module, layer, name);
            const bool is_norm = shape.columns == 0;
            add_tensor(&tensors, name, "weight", shape.rows, shape.columns, is_norm ? 1.0f : 0.0f,
                       is_norm ? 0.2f : 0.08f);
            if (shape.has_bias) {
                add_tensor(&tensors, name, "bias", shape.rows, 0, 0.0f, 0.1f);
            }
        }
    }
    cappy_config_free(&config);
    assert_int_equal(cappy_safetensors_write(temp_path(temp, "model.safetensors"), tensors.list,
                                             tensors.n, NULL, NULL),
                     CAPPY_OK);
    for (size_t i = 0; i < tensors.n; i++) {
        cappy_free((char *)tensors.list[i].name);
        cappy_free((void *)tensors.list[i].data);
    }
}

struct wide {
    struct temp temp;
    json_t *document;
    cappy_pair pairs[MAX_PAIRS];
    size_t n;
};

static int make_wide(void **state)
{
    static struct wide wide;
    write_model(&wide.temp);
    const json_t *rows = golden_pairs("bert", &wide.document);
    assert_non_null(rows);
    wide.n = json_array_size(rows);
    assert_in_range(wide.n, 1, MAX_PAIRS);
    wide.n = wide.n < MOST_PAIRS ? wide.n : MOST_PAIRS;
    for (size_t i = 0; i < wide.n; i++) {
        const json_t *row = json_array_get(rows, i);
        wide.pairs[i] = (cappy_pair){golden_text(row, "instruction"), golden_text(row, "response")};
    }
    *state = &wide;
    return 0;
}

static int remove_wide(void **state)
{
    struct wide *wide = *state;
    json_decref(wide->document);
    temp_remove(&wide->temp);
    return 0;
}

static cappy_model *open_wide(const struct wide *wide, cappy_precision precision)
{
    const cappy_model_options options = {.struct_size = sizeof options, .precision = precision};
    cappy_model *model = NULL;
    cappy_error error = {0};
    if (cappy_model_open(wide->temp.directory, &options, &model, &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
    return model;
}

/* Scores of pairs[n] by a scorer with so many threads. */
static void score(const cappy_model *model, size_t threads, const cappy_pair *pairs, size_t n,
                  float *scores)
{
    const cappy_scorer_options options = {.struct_size = sizeof options, .threads = threads};
    cappy_scorer *scorer = NULL;
    assert_int_equal(cappy_scorer_create(model, &options, &scorer, NULL), CAPPY_OK);
    assert_int_equal(cappy_score(scorer, pairs, n, scores, NULL), CAPPY_OK);
    cappy_scorer_free(scorer);
}

/* All pairs REPEAT times in one call, enough for several passes, and a few in another, which all
 * threads compute together. */
static void check_batches(const struct wide *wide, const cappy_model *model, const float *alone)
{
    static cappy_pair pairs[MAX_PAIRS * REPEAT];
    static float scores[MAX_PAIRS * REPEAT];
    const size_t n = wide->n * REPEAT;
    for (size_t i = 0; i < n; i++) {
        pairs[i] = wide->pairs[i * 7 % wide->n];
    }
    for (size_t threads = LEAST_THREADS; threads <= MOST_THREADS; threads++) {
        for (size_t count = 3; count <= n; count += n - 3) {
            score(model, threads, pairs, count, scores);
            for (size_t i = 0; i < count; i++) {
                assert_memory_equal(&scores[i], &alone[i * 7 % wide->n], sizeof(float));
            }
        }
    }
}

static void test_wide(void **state)
{
    static const double bounds[] = {[CAPPY_PRECISION_FP32] = 1e-4,
                                    [CAPPY_PRECISION_BF16] = 0.02,
                                    [CAPPY_PRECISION_INT8] = 0.1}; /* of the scores' range */
    const struct wide *wide = *state;
    float reference[MAX_PAIRS];
    float alone[MAX_PAIRS];
    setenv("CAPPY_ISA", "scalar", 1);
    cappy_model *model = open_wide(wide, CAPPY_PRECISION_FP32);
    score(model, 1, wide->pairs, wide->n, reference);
    cappy_model_close(model);
    double lowest = (double)reference[0];
    double highest = (double)reference[0];
    for (size_t i = 1; i < wide->n; i++) {
        lowest = fmin(lowest, (double)reference[i]);
        highest = fmax(highest, (double)reference[i]);
    }
    for (size_t set = 0; set < cappy_kernels_count(); set++) {
        if (cappy_kernels_at(set) == NULL) {
            continue;
        }
        setenv("CAPPY_ISA", cappy_kernels_at(set)->name, 1);
        for (cappy_precision p = CAPPY_PRECISION_FP32; p <= CAPPY_PRECISION_INT8; p++) {
            double worst = 0;
            model = open_wide(wide, p);
            for (size_t i = 0; i < wide->n; i++) {
                score(model, 1, &wide->pairs[i], 1, &alone[i]);
                worst = fmax(worst, fabs((double)alone[i] - (double)reference[i]));
            }
            print_message("%s, precision %d: %.1e of %.2f\n", cappy_kernels_at(set)->name, (int)p,
                          worst, highest - lowest);
            assert_true(worst < bounds[p] * fmax(1, highest - lowest));
            if (set != 0) { /* the plainest one is slow, and the others have its loops */
                check_batches(wide, model, alone);
            }
            cappy_model_close(model);
        }
    }
    unsetenv("CAPPY_ISA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_wide, make_wide, remove_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
