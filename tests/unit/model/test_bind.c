/* SPDX-License-Identifier: Apache-2.0 */
/* Which matrices of a model are narrowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"
#include "model/bind.h"

static bool is_kept(enum cappy_module module, size_t layer)
{
    return cappy_matrix_precision(CAPPY_PRECISION_INT8, module, layer) == CAPPY_PRECISION_BF16;
}

static void test_int8_exceptions(void **state)
{
    (void)state;
    for (size_t layer = 0; layer < 24; layer++) {
        assert_int_equal(is_kept(CAPPY_MODULE_QUERY, layer), layer < 4);
        assert_int_equal(is_kept(CAPPY_MODULE_UP, layer), layer < 3);
        assert_int_equal(is_kept(CAPPY_MODULE_DOWN, layer), layer < 4);
        assert_false(is_kept(CAPPY_MODULE_OUTPUT, layer));
    }
}

static void test_other_precisions(void **state)
{
    (void)state;
    for (int module = CAPPY_MODULE_QUERY; module <= CAPPY_MODULE_DOWN; module++) {
        assert_int_equal(cappy_matrix_precision(CAPPY_PRECISION_FP32, module, 0),
                         CAPPY_PRECISION_FP32);
        assert_int_equal(cappy_matrix_precision(CAPPY_PRECISION_BF16, module, 0),
                         CAPPY_PRECISION_BF16);
    }
}

/* The matrices of an opened model are what the rule says; the model still is an int8 one. */
static void test_bound_matrices(void **state)
{
    (void)state;
    const cappy_model_options options = {.struct_size = sizeof options,
                                         .precision = CAPPY_PRECISION_INT8};
    char path[GOLDEN_PATH];
    golden_path(path, "roberta", NULL);
    cappy_model *model = NULL;
    assert_int_equal(cappy_model_open(path, &options, &model, NULL), CAPPY_OK);
    assert_int_equal(model->precision, CAPPY_PRECISION_INT8);
    for (size_t i = 0; i < model->config.n_layers; i++) {
        const struct cappy_layer *layer = &model->layers[i];
        assert_int_equal(layer->qkv.precision, CAPPY_PRECISION_BF16);
        assert_int_equal(layer->output.precision, CAPPY_PRECISION_INT8);
        assert_int_equal(layer->up.precision, CAPPY_PRECISION_BF16);
        assert_int_equal(layer->down->precision, CAPPY_PRECISION_BF16);
    }
    cappy_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_int8_exceptions),
        cmocka_unit_test(test_other_precisions),
        cmocka_unit_test(test_bound_matrices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
