/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders without a classification head: what is theirs is taken, what is missing is made. */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "../model/golden.h"
#include "../refusal.h"
#include "../temp.h"
#include "train/head.h"

struct base {
    struct cappy_model *model;
    struct cappy_params params;
    float *values;
    enum cappy_pooler pooler;
};

static void open_directory(const char *path, uint64_t seed, struct base *base)
{
    assert_int_equal(cappy_model_open_unbound(path, &base->model, NULL), CAPPY_OK);
    assert_true(cappy_head_is_missing(base->model));
    assert_int_equal(cappy_config_add_head(&base->model->config, NULL), CAPPY_OK);
    assert_int_equal(cappy_params_init(&base->model->config, &base->params, NULL), CAPPY_OK);
    base->values = cappy_alloc(base->params.size, sizeof *base->values);
    assert_int_equal(cappy_head_load(&base->params, base->model->weights, seed, base->values,
                                     &base->pooler, NULL),
                     CAPPY_OK);
}

static void open_base(const char *name, uint64_t seed, struct base *base)
{
    char path[GOLDEN_PATH];
    golden_path(path, name, NULL);
    open_directory(path, seed, base);
}

static void close_base(struct base *base)
{
    cappy_free(base->values);
    cappy_params_free(&base->params);
    cappy_model_close(base->model);
}

/* Whether the tensor `name` of the file is what `param` was given. */
static void check_kept(const struct base *base, const struct cappy_param *param, const char *name)
{
    const struct cappy_tensor *tensor = cappy_weights_find(base->model->weights, name);
    const size_t n = cappy_param_size(param);
    float *want = cappy_alloc(n, sizeof *want);
    assert_non_null(tensor);
    assert_int_equal(cappy_tensor_n_elements(tensor), n);
    cappy_tensor_to_f32(tensor, 0, n, want);
    assert_memory_equal(want, base->values + param->offset, n * sizeof *want);
    cappy_free(want);
}

/* Weights of mean 0 and deviation 0.02, about; biases of 0. */
static void check_new(const struct base *base, const struct cappy_param *param)
{
    const size_t n = cappy_param_size(param);
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        const double value = (double)base->values[param->offset + i];
        sum += value;
        squares += value * value;
        assert_true(fabs(value) < 0.1);
    }
    if (param->is_bias) {
        assert_true(squares <= 0);
    } else {
        const double spread = sqrt(squares / (double)n);
        assert_true(fabs(spread / 0.02 - 1) < (n < 100 ? 0.6 : 0.15));
        assert_true(fabs(sum / (double)n) < (n < 100 ? 0.02 : 0.005));
    }
}

static void check_identity(const struct base *base, const struct cappy_param *param)
{
    for (size_t i = 0; i < cappy_param_size(param); i++) {
        const bool is_one = !param->is_bias && i / param->columns == i % param->columns;
        assert_true(base->values[param->offset + i] == (is_one ? 1.0f : 0.0f));
    }
}

static void check_head(const char *path, enum cappy_pooler pooler)
{
    struct base base;
    open_directory(path, 1, &base);
    assert_int_equal(base.pooler, pooler);
    for (size_t p = 0; p < base.params.n; p++) {
        const struct cappy_param *param = &base.params.items[p];
        char module[CAPPY_MODULE_NAME];
        char full[CAPPY_MODULE_NAME + 8];
        if (param->module == CAPPY_MODULE_POOLER && pooler == CAPPY_POOLER_IDENTITY) {
            check_identity(&base, param);
        } else if (param->module == CAPPY_MODULE_CLASSIFIER ||
                   (param->module == CAPPY_MODULE_POOLER && pooler == CAPPY_POOLER_DRAWN)) {
            check_new(&base, param);
        } else {
            cappy_module_name(&base.model->config, param->module, param->layer, module);
            snprintf(full, sizeof full, "%s.%s", strchr(module, '.') + 1, /* without "bert." */
                     param->is_bias ? "bias" : "weight");
            check_kept(&base, param, full);
        }
    }
    close_base(&base);
}

static void test_head(void **state)
{
    (void)state;
    char path[GOLDEN_PATH];
    golden_path(path, "bert_encoder", NULL);
    check_head(path, CAPPY_POOLER_OWN);
    golden_path(path, "roberta_encoder", NULL);
    check_head(path, CAPPY_POOLER_DRAWN);
}

/* The file of the weights with zeros in the place of the tensor `name`. */
static void write_without(struct temp *temp, const char *name)
{
    char path[GOLDEN_PATH];
    struct base base;
    struct cappy_file file;
    open_base("bert_encoder", 1, &base);
    const struct cappy_tensor *tensor = cappy_weights_find(base.model->weights, name);
    golden_path(path, "bert_encoder", "model.safetensors");
    assert_int_equal(cappy_file_map(path, &file, NULL), CAPPY_OK);
    const unsigned char *place = memmem(file.data, file.size, tensor->data, tensor->size);
    assert_non_null(place);
    char *changed = cappy_alloc(file.size, 1);
    memcpy(changed, file.data, file.size);
    memset(changed + (place - file.data), 0, tensor->size);
    temp_write(temp, "model.safetensors", changed, file.size);
    cappy_free(changed);
    cappy_file_unmap(&file);
    close_base(&base);
}

/* A pooler whose biases are all 0 is as it was drawn. */
static void test_untrained_pooler(void **state)
{
    char path[GOLDEN_PATH];
    struct temp *temp = *state;
    golden_path(path, "bert_encoder", "config.json");
    temp_link(temp, path, "config.json");
    golden_path(path, "bert_encoder", "tokenizer.json");
    temp_link(temp, path, "tokenizer.json");
    write_without(temp, "pooler.dense.bias");
    check_head(temp->directory, CAPPY_POOLER_IDENTITY);
}

static void test_seed(void **state)
{
    (void)state;
    struct base base;
    struct base same;
    struct base other;
    open_base("roberta_encoder", 1, &base);
    open_base("roberta_encoder", 1, &same);
    open_base("roberta_encoder", 2, &other);
    const size_t size = base.params.size * sizeof *base.values;
    assert_memory_equal(base.values, same.values, size);
    assert_memory_not_equal(base.values, other.values, size);
    close_base(&base);
    close_base(&same);
    close_base(&other);
}

/* An encoder gives no score; a classifier has its head. */
static void test_scoring(void **state)
{
    (void)state;
    char path[GOLDEN_PATH];
    cappy_model *model;
    cappy_error error;
    golden_path(path, "bert_encoder", NULL);
    assert_refused(cappy_model_open(path, NULL, &model, &error), &error, CAPPY_UNSUPPORTED,
                   "cappy train --model");
    golden_path(path, "bert", NULL);
    assert_int_equal(cappy_model_open_unbound(path, &model, &error), CAPPY_OK);
    assert_false(cappy_head_is_missing(model));
    cappy_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_untrained_pooler),
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_scoring),
    };
    return cmocka_run_group_tests(tests, temp_set_up, temp_tear_down);
}
