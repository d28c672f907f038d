/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of the model file readers fails once: CAPPY_NO_MEMORY, and nothing leaks. This
 * program is linked with --wrap, so that their allocations come to the functions below. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../failing_alloc.h"
#include "../temp.h"
#include "weights/weights.h"

#define GOLDEN CAPPY_TEST_DATA "/golden/weights/"

/* Links a golden file into the directory. */
static void link_golden(struct temp *temp, const char *golden, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, GOLDEN "%s", golden);
    temp_link(temp, path, name);
}

static cappy_status open_weights(void *directory, cappy_error *error)
{
    struct cappy_weights *weights = NULL;
    cappy_status status = cappy_weights_open(directory, &weights, error);
    cappy_weights_close(weights);
    return status;
}

static cappy_status open_config(void *directory, cappy_error *error)
{
    struct cappy_config config;
    cappy_status status = cappy_config_read(directory, &config, error);
    cappy_config_free(&config);
    return status;
}

static void test_safetensors(void **state)
{
    (void)state;
    struct temp temp;
    temp_make(&temp);
    link_golden(&temp, "mixed.safetensors", "model.safetensors");
    assert_true(fail_each(open_weights, temp.directory) > 5);
    temp_remove(&temp);
}

static void test_torch(void **state)
{
    (void)state;
    struct temp temp;
    temp_make(&temp);
    link_golden(&temp, "state_dict.bin", "pytorch_model.bin");
    assert_true(fail_each(open_weights, temp.directory) > 5);
    temp_remove(&temp);
}

static void test_shards(void **state)
{
    (void)state;
    struct temp temp;
    temp_make(&temp);
    link_golden(&temp, "mixed.bin", "one.bin");
    link_golden(&temp, "state_dict.bin", "two.bin");
    temp_write_text(&temp, "pytorch_model.bin.index.json",
                    "{\"weight_map\":{\"f32\":\"one.bin\",\"f16\":\"one.bin\","
                    "\"view\":\"two.bin\"}}");
    assert_true(fail_each(open_weights, temp.directory) > 5);
    temp_remove(&temp);
}

static void test_config(void **state)
{
    (void)state;
    struct temp temp;
    temp_make(&temp);
    temp_write_text(&temp, "config.json",
                    "{\"model_type\":\"bert\",\"hidden_size\":4,\"num_hidden_layers\":1,"
                    "\"num_attention_heads\":2,\"intermediate_size\":8,\"vocab_size\":9,"
                    "\"max_position_embeddings\":8,\"id2label\":{\"0\":\"no\",\"1\":\"yes\"}}");
    assert_true(fail_each(open_config, temp.directory) > 5);
    temp_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safetensors),
        cmocka_unit_test(test_torch),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
