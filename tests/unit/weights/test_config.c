/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: what is read, what is made up as transformers does, and what is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../refusal.h"
#include "../temp.h"
#include "weights/config.h"

#define SIZES                                                                                      \
    "\"hidden_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":4,"                        \
    "\"intermediate_size\":256,\"vocab_size\":100,\"max_position_embeddings\":50"
#define BERT "\"model_type\":\"bert\",\"architectures\":[\"BertForSequenceClassification\"]," SIZES
#define ROBERTA                                                                                    \
    "\"model_type\":\"roberta\",\"architectures\":[\"RobertaForSequenceClassification\"]," SIZES

static void read_good(const char *text, struct cappy_config *config)
{
    cappy_error error;
    if (cappy_config_parse(text, strlen(text), config, &error) != CAPPY_OK) {
        fail_msg("%s: %s", text, error.message);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct cappy_config config;
    read_good("{" BERT "}", &config);
    assert_int_equal(config.architecture, CAPPY_ARCHITECTURE_BERT);
    assert_string_equal(config.model_type, "bert");
    assert_int_equal(config.n_layers, 2);
    assert_int_equal(config.hidden_size, 64);
    assert_int_equal(config.ffn_size, 256);
    assert_int_equal(config.n_heads, 4);
    assert_int_equal(config.vocab_size, 100);
    assert_int_equal(config.n_positions, 50);
    assert_int_equal(config.n_segments, 2);
    assert_int_equal(config.pad_token_id, -1);
    assert_true(config.norm_epsilon == 1e-12f);
    assert_int_equal(config.hidden_act, CAPPY_ACT_GELU_ERF);
    assert_int_equal(config.output_act, CAPPY_OUTPUT_IDENTITY);
    assert_int_equal(config.n_labels, 2);
    assert_string_equal(config.labels[0], "LABEL_0");
    assert_string_equal(config.labels[1], "LABEL_1");
    cappy_config_free(&config);

    read_good("{" ROBERTA "}", &config);
    assert_int_equal(config.architecture, CAPPY_ARCHITECTURE_ROBERTA);
    assert_int_equal(config.pad_token_id, 1);
    cappy_config_free(&config);
    cappy_config_free(&config); /* an empty one too */
}

static void test_families(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"model_type\":\"camembert\",\"architectures\":[\"CamembertForSequenceClassification\"]"
        "," SIZES "}",
        "{\"model_type\":\"xlm-roberta\",\"architectures\":["
        "\"XLMRobertaForSequenceClassification\"]"
        "," SIZES "}",
        "{\"model_type\":\"roberta\"," SIZES "}",
        "{\"model_type\":\"roberta\",\"architectures\":null," SIZES "}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct cappy_config config;
        read_good(texts[i], &config);
        assert_int_equal(config.architecture, CAPPY_ARCHITECTURE_ROBERTA);
        cappy_config_free(&config);
    }
}

/* Encoders without a classification head are read; what scores refuses them. */
static void test_heads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cappy_head head;
    } cases[] = {
        {"{" BERT "}", CAPPY_HEAD_CLASSIFIER},
        {"{\"model_type\":\"bert\"," SIZES "}", CAPPY_HEAD_UNSAID},
        {"{\"model_type\":\"bert\",\"architectures\":[\"BertModel\"]," SIZES "}", CAPPY_HEAD_NONE},
        {"{\"model_type\":\"xlm-roberta\",\"architectures\":[\"XLMRobertaForMaskedLM\"]," SIZES "}",
         CAPPY_HEAD_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cappy_config config;
        cappy_error error;
        read_good(cases[i].text, &config);
        assert_int_equal(config.head, cases[i].head);
        if (config.head == CAPPY_HEAD_NONE) {
            assert_refused(cappy_config_check_head(&config, &error), &error, CAPPY_UNSUPPORTED,
                           "has no classification head");
        } else {
            assert_int_equal(cappy_config_check_head(&config, &error), CAPPY_OK);
        }
        assert_int_equal(cappy_config_add_head(&config, &error), CAPPY_OK);
        assert_int_equal(config.n_labels, 1);
        assert_string_equal(config.labels[0], "score");
        assert_int_equal(cappy_config_check_head(&config, &error), CAPPY_OK);
        cappy_config_free(&config);
    }
}

static void test_settings(void **state)
{
    (void)state;
    struct cappy_config config;
    read_good("{" ROBERTA ",\"pad_token_id\":3,\"type_vocab_size\":1,\"layer_norm_eps\":1e-5,"
              "\"hidden_act\":\"relu\",\"num_labels\":3,\"problem_type\":\"regression\","
              "\"position_embedding_type\":\"absolute\",\"is_decoder\":false,\"pruned_heads\":{},"
              "\"quantization_config\":null,\"anything\":[1]}",
              &config);
    assert_int_equal(config.pad_token_id, 3);
    assert_int_equal(config.n_segments, 1);
    assert_true(config.norm_epsilon == 1e-5f);
    assert_int_equal(config.hidden_act, CAPPY_ACT_RELU);
    assert_int_equal(config.n_labels, 3);
    assert_string_equal(config.labels[2], "LABEL_2");
    cappy_config_free(&config);
}

static void test_hidden_acts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cappy_hidden_act act;
    } cases[] = {
        {"{" BERT ",\"hidden_act\":\"gelu\"}", CAPPY_ACT_GELU_ERF},
        {"{" BERT ",\"hidden_act\":\"gelu_new\"}", CAPPY_ACT_GELU_TANH},
        {"{" BERT ",\"hidden_act\":\"gelu_pytorch_tanh\"}", CAPPY_ACT_GELU_TANH},
        {"{" BERT ",\"hidden_act\":\"gelu_fast\"}", CAPPY_ACT_GELU_TANH},
        {"{" BERT ",\"hidden_act\":\"relu\"}", CAPPY_ACT_RELU},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cappy_config config;
        read_good(cases[i].text, &config);
        assert_int_equal(config.hidden_act, cases[i].act);
        cappy_config_free(&config);
    }
}

#define CROSS_ENCODER(name) "{" BERT ",\"sentence_transformers\":{\"activation_fn\":\"" name "\"}}"

static void test_output_acts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cappy_output_act act;
    } cases[] = {
        {CROSS_ENCODER("torch.nn.modules.linear.Identity"), CAPPY_OUTPUT_IDENTITY},
        {CROSS_ENCODER("torch.nn.modules.activation.Sigmoid"), CAPPY_OUTPUT_SIGMOID},
        {"{" BERT ",\"sbert_ce_default_activation_function\":"
         "\"torch.nn.modules.activation.Sigmoid\"}",
         CAPPY_OUTPUT_SIGMOID},
        {"{" BERT ",\"sentence_transformers\":{\"version\":\"5\"}}", CAPPY_OUTPUT_IDENTITY},
        {"{" BERT ",\"sentence_transformers\":{\"activation_fn\":"
         "\"torch.nn.modules.linear.Identity\"},\"sbert_ce_default_activation_function\":"
         "\"torch.nn.modules.activation.Sigmoid\"}",
         CAPPY_OUTPUT_IDENTITY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cappy_config config;
        read_good(cases[i].text, &config);
        assert_int_equal(config.output_act, cases[i].act);
        cappy_config_free(&config);
    }
}

static void test_mix_temperature(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double temperature;
    } cases[] = {
        {"{" BERT "}", -1},
        {"{" BERT ",\"cappy\":{}}", -1},
        {"{" BERT ",\"cappy\":{\"mix_temperature\":0}}", 0},
        {"{" BERT ",\"cappy\":{\"mix_temperature\":1.5}}", 1.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cappy_config config;
        read_good(cases[i].text, &config);
        assert_true(config.mix_temperature >= cases[i].temperature &&
                    config.mix_temperature <= cases[i].temperature);
        cappy_config_free(&config);
    }
}

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cappy_mask mask;
    } cases[] = {
        {"{" BERT "}", CAPPY_MASK_FULL},
        {"{" BERT ",\"cappy\":{\"mix_temperature\":0}}", CAPPY_MASK_FULL},
        {"{" BERT ",\"cappy\":{\"mask\":null}}", CAPPY_MASK_FULL},
        {"{" BERT ",\"cappy\":{\"mask\":\"full\"}}", CAPPY_MASK_FULL},
        {"{" BERT ",\"cappy\":{\"mask\":\"both\"}}", CAPPY_MASK_FULL},
        {"{" BERT ",\"cappy\":{\"mask\":\"prefix\",\"mix_temperature\":1}}", CAPPY_MASK_PREFIX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cappy_config config;
        read_good(cases[i].text, &config);
        assert_int_equal(config.mask, cases[i].mask);
        cappy_config_free(&config);
    }
    assert_string_equal(cappy_mask_name(CAPPY_MASK_FULL), "full");
    assert_string_equal(cappy_mask_name(CAPPY_MASK_PREFIX), "prefix");
}

static void test_labels(void **state)
{
    (void)state;
    struct cappy_config config;
    read_good("{" BERT ",\"num_labels\":7,\"id2label\":{\"1\":\"good\",\"0\":\"bad\\u00e9\"}}",
              &config);
    assert_int_equal(config.n_labels, 2);
    assert_string_equal(config.labels[0], "bad\xc3\xa9");
    assert_string_equal(config.labels[1], "good");
    cappy_config_free(&config);
    read_good("{" BERT ",\"id2label\":null,\"num_labels\":1}", &config);
    assert_int_equal(config.n_labels, 1);
    cappy_config_free(&config);
}

struct bad_case {
    const char *text;
    cappy_status status;
    const char *word;
};

#define WITHOUT(member) "{\"model_type\":\"bert\",\"x\":{" SIZES "}," member "}"

static const struct bad_case bad_cases[] = {
    {"", CAPPY_FORMAT, "not valid JSON"},
    {"{", CAPPY_FORMAT, "not valid JSON"},
    {"[]", CAPPY_FORMAT, "JSON object"},
    {"{}", CAPPY_FORMAT, "\"model_type\" is missing"},
    {"{\"model_type\":1}", CAPPY_FORMAT, "\"model_type\" must be a string"},
    {"{\"model_type\":\"bert\",\"model_type\":\"roberta\"}", CAPPY_FORMAT, "duplicate"},
    {"{\"model_type\":\"bert\"}", CAPPY_FORMAT, "\"num_hidden_layers\" is missing"},
    {WITHOUT("\"num_hidden_layers\":1"), CAPPY_FORMAT, "\"hidden_size\" is missing"},
    /* Architectures. */
    {"{\"model_type\":\"distilbert\"}", CAPPY_UNSUPPORTED, "\"distilbert\" is not supported; bert"},
    {"{\"model_type\":\"llama\"}", CAPPY_UNSUPPORTED, "llama"},
    {"{\"model_type\":\"\"}", CAPPY_UNSUPPORTED, "roberta"},
    {"{\"model_type\":\"bert\",\"architectures\":[\"DistilBertModel\"]}", CAPPY_UNSUPPORTED,
     "does not go with model_type \"bert\""},
    {"{\"model_type\":\"bert\",\"architectures\":[\"RobertaForSequenceClassification\"]}",
     CAPPY_UNSUPPORTED, "does not go with model_type \"bert\""},
    {"{\"model_type\":\"bert\",\"architectures\":\"BertModel\"}", CAPPY_FORMAT, "list of names"},
    {"{\"model_type\":\"bert\",\"architectures\":[]}", CAPPY_FORMAT, "list of names"},
    {"{\"model_type\":\"bert\",\"architectures\":[1]}", CAPPY_FORMAT, "list of names"},
    /* Settings. */
    {"{" BERT ",\"is_decoder\":true}", CAPPY_UNSUPPORTED, "is_decoder"},
    {"{" BERT ",\"is_decoder\":1}", CAPPY_FORMAT, "is_decoder"},
    {"{" BERT ",\"add_cross_attention\":true}", CAPPY_UNSUPPORTED, "add_cross_attention"},
    {"{" BERT ",\"is_encoder_decoder\":true}", CAPPY_UNSUPPORTED, "is_encoder_decoder"},
    {"{" BERT ",\"quantization_config\":{\"bits\":4}}", CAPPY_UNSUPPORTED, "quantization_config"},
    {"{" BERT ",\"quantization_config\":4}", CAPPY_UNSUPPORTED, "quantization_config"},
    {"{" BERT ",\"pruned_heads\":{\"0\":[1]}}", CAPPY_UNSUPPORTED, "pruned_heads"},
    {"{" BERT ",\"auto_map\":{\"AutoModel\":\"m.M\"}}", CAPPY_UNSUPPORTED, "auto_map"},
    {"{" BERT ",\"position_embedding_type\":\"relative_key\"}", CAPPY_UNSUPPORTED,
     "position_embedding_type"},
    /* Sizes. */
    {"{\"model_type\":\"bert\",\"num_hidden_layers\":0}", CAPPY_FORMAT, "must be from 1 to 1000"},
    {"{\"model_type\":\"bert\",\"num_hidden_layers\":1001}", CAPPY_FORMAT, "1001"},
    {"{\"model_type\":\"bert\",\"num_hidden_layers\":-2}", CAPPY_FORMAT, "-2"},
    {"{\"model_type\":\"bert\",\"num_hidden_layers\":2.5}", CAPPY_FORMAT, "whole number"},
    {"{\"model_type\":\"bert\",\"num_hidden_layers\":\"2\"}", CAPPY_FORMAT, "whole number"},
    {"{\"model_type\":\"bert\",\"num_hidden_layers\":9223372036854775807}", CAPPY_FORMAT,
     "must be from"},
    {"{\"model_type\":\"bert\",\"num_hidden_layers\":92233720368547758070}", CAPPY_FORMAT,
     "not valid JSON"},
    {"{\"model_type\":\"bert\",\"num_hidden_layers\":1,\"hidden_size\":65537}", CAPPY_FORMAT,
     "hidden_size"},
    {"{\"model_type\":\"bert\",\"num_hidden_layers\":1,\"hidden_size\":10,"
     "\"num_attention_heads\":3,\"intermediate_size\":1,\"vocab_size\":1,"
     "\"max_position_embeddings\":1}",
     CAPPY_FORMAT, "not a multiple"},
    {"{" BERT ",\"type_vocab_size\":0}", CAPPY_FORMAT, "type_vocab_size"},
    {"{" BERT ",\"layer_norm_eps\":0}", CAPPY_FORMAT, "layer_norm_eps"},
    {"{" BERT ",\"layer_norm_eps\":-1e-5}", CAPPY_FORMAT, "layer_norm_eps"},
    {"{" BERT ",\"layer_norm_eps\":\"1e-5\"}", CAPPY_FORMAT, "layer_norm_eps"},
    {"{" BERT ",\"layer_norm_eps\":NaN}", CAPPY_FORMAT, "not valid JSON"},
    {"{" ROBERTA ",\"pad_token_id\":100}", CAPPY_FORMAT, "pad_token_id"},
    {"{" ROBERTA ",\"pad_token_id\":49}", CAPPY_FORMAT, "leaves no positions"},
    {"{" ROBERTA ",\"pad_token_id\":-1}", CAPPY_FORMAT, "pad_token_id"},
    /* Activations. */
    {"{" BERT ",\"hidden_act\":\"silu\"}", CAPPY_UNSUPPORTED, "hidden_act \"silu\""},
    {"{" BERT ",\"hidden_act\":{}}", CAPPY_FORMAT, "hidden_act"},
    {CROSS_ENCODER("my.module.Act"), CAPPY_UNSUPPORTED, "activation_fn \"my.module.Act\""},
    {"{" BERT ",\"sentence_transformers\":{\"activation_fn\":1}}", CAPPY_FORMAT, "activation_fn"},
    {"{" BERT ",\"cappy\":{\"mix_temperature\":-1}}", CAPPY_FORMAT, "mix_temperature"},
    {"{" BERT ",\"cappy\":{\"mix_temperature\":\"1\"}}", CAPPY_FORMAT, "mix_temperature"},
    {"{" BERT ",\"cappy\":{\"mask\":\"causal\"}}", CAPPY_UNSUPPORTED, "causal"},
    {"{" BERT ",\"cappy\":{\"mask\":\"\"}}", CAPPY_UNSUPPORTED, "mask"},
    {"{" BERT ",\"cappy\":{\"mask\":1}}", CAPPY_FORMAT, "mask"},
    /* Labels. */
    {"{" BERT ",\"num_labels\":0}", CAPPY_FORMAT, "num_labels"},
    {"{" BERT ",\"num_labels\":1000000000}", CAPPY_FORMAT, "num_labels"},
    {"{" BERT ",\"id2label\":{}}", CAPPY_FORMAT, "id2label"},
    {"{" BERT ",\"id2label\":[\"a\"]}", CAPPY_FORMAT, "id2label"},
    {"{" BERT ",\"id2label\":{\"1\":\"a\"}}", CAPPY_FORMAT, "none with the number 0"},
    {"{" BERT ",\"id2label\":{\"0\":\"a\",\"2\":\"b\"}}", CAPPY_FORMAT, "none with the number 1"},
    {"{" BERT ",\"id2label\":{\"0\":1}}", CAPPY_FORMAT, "\"0\" must be a string"},
    {"{" BERT ",\"id2label\":{\"0\":\"a\\u0000b\"}}", CAPPY_FORMAT, "NUL"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        const struct bad_case *bad = &bad_cases[i];
        struct cappy_config config;
        cappy_error error = {0};
        cappy_status status = cappy_config_parse(bad->text, strlen(bad->text), &config, &error);
        if (status == CAPPY_OK) {
            fail_msg("accepted: %s", bad->text);
        }
        assert_refused(status, &error, bad->status, bad->word);
        assert_null(config.labels);
        assert_null(config.model_type);
    }
}

static void test_file(void **state)
{
    (void)state;
    struct temp temp;
    struct cappy_config config;
    cappy_error error;
    temp_make(&temp);
    assert_refused(cappy_config_read(temp.directory, &config, &error), &error, CAPPY_IO,
                   "there is no config.json");
    assert_refused(cappy_config_read(temp_path(&temp, "none"), &config, &error), &error, CAPPY_IO,
                   "/none: there is no such model directory");
    mkdir(temp_path(&temp, "config.json"), 0700);
    assert_refused(cappy_config_read(temp.directory, &config, &error), &error, CAPPY_IO,
                   "config.json: not a regular file");
    rmdir(temp.path);
    temp_write_text(&temp, "config.json", "{}");
    assert_refused(cappy_config_read(temp.directory, &config, &error), &error, CAPPY_FORMAT,
                   "config.json: \"model_type\" is missing");
    temp_write_text(&temp, "config.json", "");
    assert_refused(cappy_config_read(temp.directory, &config, &error), &error, CAPPY_FORMAT,
                   "config.json: not valid JSON");
    assert_int_equal(cappy_config_read(temp.directory, &config, NULL), CAPPY_FORMAT);
    temp_write_text(&temp, "config.json", "{" BERT "}");
    assert_int_equal(cappy_config_read(temp.directory, &config, &error), CAPPY_OK);
    cappy_config_free(&config);
    temp_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_hidden_acts),
        cmocka_unit_test(test_output_acts),
        cmocka_unit_test(test_mix_temperature),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
