/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: what must agree between config.json, tokenizer and weights, and where the default model
 * is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../refusal.h"
#include "../temp.h"
#include "cappy.h"
#include "golden.h"

static void link_file(struct temp *temp, const char *model, const char *file)
{
    char path[GOLDEN_PATH];
    golden_path(path, model, file);
    temp_link(temp, path, file);
}

/* Opens a golden model in which config.json's member `key` has the JSON value `value`. */
static cappy_status open_edited(const char *model, const char *key, const char *value,
                                cappy_model **opened, cappy_error *error)
{
    struct temp temp;
    char path[GOLDEN_PATH];
    json_t *config;
    json_t *edited;
    temp_make(&temp);
    golden_path(path, model, "config.json");
    assert_int_equal(cappy_json_read(path, 1 << 20, &config, error), CAPPY_OK);
    assert_int_equal(cappy_json_parse(value, strlen(value), &edited, error), CAPPY_OK);
    json_object_set_new(config, key, edited);
    assert_int_equal(json_dump_file(config, temp_path(&temp, "config.json"), 0), 0);
    json_decref(config);
    link_file(&temp, model, "model.safetensors");
    link_file(&temp, model, "tokenizer.json");
    cappy_status status = cappy_model_open(temp.directory, NULL, opened, error);
    temp_remove(&temp);
    return status;
}

static void test_disagreements(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        const char *key;
        const char *value;
        cappy_status status;
        const char *word;
    } cases[] = {
        {"bert", "hidden_size", "64", CAPPY_FORMAT, "bert.embeddings.word_embeddings.weight"},
        {"bert", "vocab_size", "100", CAPPY_FORMAT, "vocab_size"},
        {"bert", "vocab_size", "5000", CAPPY_FORMAT, "[265, 32]"},
        {"bert", "num_hidden_layers", "3", CAPPY_FORMAT, "encoder.layer.2.attention.self.query"},
        {"bert", "intermediate_size", "81", CAPPY_FORMAT, "config.json asks for [81, 32]"},
        {"bert", "max_position_embeddings", "7", CAPPY_FORMAT, "no room"},
        {"bert", "type_vocab_size", "1", CAPPY_FORMAT, "token_type_embeddings"},
        {"bert", "id2label", "{\"0\":\"a\",\"1\":\"b\"}", CAPPY_FORMAT, "classifier.weight"},
        {"bert", "model_type", "\"roberta\"", CAPPY_UNSUPPORTED, "roberta"},
        {"roberta", "pad_token_id", "60", CAPPY_FORMAT, "no room"},
        {"roberta", "num_attention_heads", "5", CAPPY_FORMAT, "num_attention_heads"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cappy_error error = {0};
        cappy_model *model = NULL;
        cappy_status status =
            open_edited(cases[i].model, cases[i].key, cases[i].value, &model, &error);
        assert_refused(status, &error, cases[i].status, cases[i].word);
        assert_null(model);
    }
}

/* The activation that sentence-transformers names is applied; other activations change the
 * scores. */
static void test_activations(void **state)
{
    (void)state;
    static const cappy_pair pair = {CAPPY_TEXT("What is the capital of France?"),
                                    CAPPY_TEXT("Paris.")};
    static const char *const keys[] = {"hidden_act", "hidden_act", "hidden_act",
                                       "sentence_transformers"};
    static const char *const values[] = {
        "\"gelu\"", "\"gelu_new\"", "\"relu\"",
        "{\"activation_fn\": \"torch.nn.modules.activation.Sigmoid\"}"};
    float scores[4];
    for (size_t i = 0; i < 4; i++) {
        cappy_error error = {0};
        cappy_model *model = NULL;
        cappy_scorer *scorer = NULL;
        assert_int_equal(open_edited("bert", keys[i], values[i], &model, &error), CAPPY_OK);
        cappy_model_info info = {.struct_size = sizeof info};
        assert_int_equal(cappy_model_describe(model, &info, &error), CAPPY_OK);
        assert_string_equal(info.activation, i == 3 ? "sigmoid" : "identity");
        assert_string_equal(cappy_model_label(model, 0), "score");
        assert_null(cappy_model_label(model, 1));
        assert_int_equal(cappy_scorer_create(model, NULL, &scorer, &error), CAPPY_OK);
        assert_int_equal(cappy_score(scorer, &pair, 1, &scores[i], &error), CAPPY_OK);
        cappy_scorer_free(scorer);
        cappy_model_close(model);
    }
    float sigmoid = 1.0f / (1.0f + __builtin_expf(-scores[0]));
    assert_true(__builtin_fabsf(scores[3] - sigmoid) < 1e-6f);
    assert_true(__builtin_fabsf(scores[1] - scores[0]) < 0.05f && scores[1] != scores[0]);
    assert_true(__builtin_fabsf(scores[2] - scores[0]) > 1e-3f);
}

static void test_missing(void **state)
{
    (void)state;
    cappy_error error;
    cappy_model *model = NULL;
    assert_refused(cappy_model_open("/nonexistent", NULL, &model, &error), &error, CAPPY_IO,
                   "/nonexistent: there is no such model directory");
    cappy_model_options options = {.struct_size = sizeof options};
    options.precision = (cappy_precision)17;
    assert_refused(cappy_model_open("/nonexistent", &options, &model, &error), &error,
                   CAPPY_ARGUMENT, "17");
    assert_int_equal(cappy_model_open("/nonexistent", NULL, &model, NULL), CAPPY_IO);
    assert_null(model);
    cappy_model_close(NULL);
    cappy_scorer_free(NULL);
}

static void test_default(void **state)
{
    (void)state;
    cappy_error error;
    char path[PATH_MAX];
    char wish[GOLDEN_PATH];
    golden_path(wish, "bert", NULL);
    setenv("CAPPY_MODEL", wish, 1);
    assert_int_equal(cappy_model_default(path, sizeof path, &error), CAPPY_OK);
    assert_string_equal(path, wish);
    assert_refused(cappy_model_default(path, 3, &error), &error, CAPPY_ARGUMENT, "room");
    setenv("CAPPY_MODEL", "/nonexistent", 1);
    assert_refused(cappy_model_default(path, sizeof path, &error), &error, CAPPY_IO, "CAPPY_MODEL");
    unsetenv("CAPPY_MODEL");
    assert_int_equal(cappy_model_default(path, sizeof path, &error), CAPPY_OK);
    assert_non_null(strstr(path, "models/default"));
    cappy_model *model = NULL;
    assert_int_equal(cappy_model_open(NULL, NULL, &model, &error), CAPPY_OK);
    cappy_model_close(model);
}

static size_t count_own_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    size_t n = 0;
    for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    closedir(tasks);
    return n;
}

/* The threads that opened a model go: whoever scores makes a team of its own. */
static void test_threads(void **state)
{
    (void)state;
    char directory[GOLDEN_PATH];
    golden_path(directory, "bert", NULL);
    const cappy_model_options options = {.struct_size = sizeof options, .threads = 3};
    cappy_model *model = NULL;
    assert_int_equal(cappy_model_open(directory, &options, &model, NULL), CAPPY_OK);
    for (int i = 0; i < 500 && count_own_threads() > 1; i++) {
        usleep(10000);
    }
    assert_int_equal(count_own_threads(), 1);
    cappy_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads), /* before any other has made a team */
        cmocka_unit_test(test_disagreements), cmocka_unit_test(test_activations),
        cmocka_unit_test(test_missing),       cmocka_unit_test(test_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
