/* SPDX-License-Identifier: Apache-2.0 */
/* Model directories: the four ways to store weights, shards, and directories that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../refusal.h"
#include "../temp.h"
#include "weights/weights.h"

#define GOLDEN CAPPY_TEST_DATA "/golden/weights/"

/* Copies a golden file into the directory under another name. */
static void copy_golden(struct temp *temp, const char *golden, const char *name)
{
    struct cappy_buffer bytes;
    char path[1024];
    cappy_error error;
    cappy_buffer_init(&bytes, 1 << 20);
    snprintf(path, sizeof path, GOLDEN "%s", golden);
    if (cappy_file_read(path, &bytes, &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
    temp_write(temp, name, bytes.data, bytes.size);
    cappy_buffer_free(&bytes);
}

static struct cappy_weights *open_good(const char *directory)
{
    struct cappy_weights *weights = NULL;
    cappy_error error;
    if (cappy_weights_open(directory, &weights, &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
    return weights;
}

/* Compares a tensor with its entry of values.json: {"shape": [...], "bits": [...]}. */
static void check_values(const struct cappy_tensor *tensor, const json_t *wanted)
{
    float values[32];
    const json_t *shape = json_object_get(wanted, "shape");
    const json_t *bits = json_object_get(wanted, "bits");
    assert_int_equal(tensor->rank, json_array_size(shape));
    for (size_t i = 0; i < tensor->rank; i++) {
        assert_int_equal(tensor->shape[i], json_integer_value(json_array_get(shape, i)));
    }
    size_t n = (size_t)cappy_tensor_n_elements(tensor);
    assert_int_equal(n, json_array_size(bits));
    assert_true(n <= sizeof values / sizeof *values);
    cappy_tensor_to_f32(tensor, 0, n, values);
    for (size_t i = 0; i < n; i++) {
        uint32_t found;
        memcpy(&found, &values[i], sizeof found);
        assert_int_equal(found, json_integer_value(json_array_get(bits, i)));
    }
}

/* The same tensors, written by the safetensors and torch packages. */
static void check_mixed(const char *golden, const char *name, const char *format)
{
    struct temp temp;
    cappy_error error;
    json_t *values;
    temp_make(&temp);
    copy_golden(&temp, golden, name);
    struct cappy_weights *weights = open_good(temp.directory);
    assert_string_equal(cappy_weights_format(weights), format);
    assert_int_equal(cappy_weights_count(weights), 7);
    assert_true(cappy_weights_size(weights) > 500);
    assert_int_equal(cappy_json_read(GOLDEN "values.json", 1 << 20, &values, &error), CAPPY_OK);
    const char *key;
    json_t *wanted;
    json_object_foreach(values, key, wanted)
    {
        const struct cappy_tensor *tensor = cappy_weights_find(weights, key);
        assert_non_null(tensor);
        assert_string_equal(tensor->name, key);
        check_values(tensor, wanted);
        cappy_weights_release(weights, tensor);
        check_values(tensor, wanted);
    }
    json_decref(values);
    assert_int_equal(cappy_weights_find(weights, "f16")->dtype, CAPPY_DTYPE_F16);
    assert_int_equal(cappy_weights_find(weights, "bf16")->dtype, CAPPY_DTYPE_BF16);
    assert_int_equal(cappy_weights_find(weights, "position_ids")->dtype, CAPPY_DTYPE_OTHER);
    assert_int_equal(cappy_weights_find(weights, "mask")->dtype, CAPPY_DTYPE_OTHER);
    assert_null(cappy_weights_find(weights, "F32"));
    for (size_t i = 1; i < cappy_weights_count(weights); i++) {
        assert_true(
            strcmp(cappy_weights_at(weights, i - 1)->name, cappy_weights_at(weights, i)->name) < 0);
    }
    cappy_weights_close(weights);
    temp_remove(&temp);
}

static void test_safetensors(void **state)
{
    (void)state;
    check_mixed("mixed.safetensors", "model.safetensors", "safetensors");
}

static void test_torch(void **state)
{
    (void)state;
    check_mixed("mixed.bin", "pytorch_model.bin", "pickle");
}

/* An OrderedDict with attributes, a parameter, and two tensors in one storage. */
static void test_state_dict(void **state)
{
    (void)state;
    struct temp temp;
    float values[8];
    temp_make(&temp);
    copy_golden(&temp, "state_dict.bin", "pytorch_model.bin");
    struct cappy_weights *weights = open_good(temp.directory);
    assert_int_equal(cappy_weights_count(weights), 4);
    cappy_tensor_to_f32(cappy_weights_find(weights, "bias"), 0, 3, values);
    assert_true(values[0] == 1 && values[1] == 2 && values[2] == 3);
    const struct cappy_tensor *view = cappy_weights_find(weights, "view");
    const struct cappy_tensor *whole = cappy_weights_find(weights, "whole");
    assert_int_equal(view->rank, 2);
    assert_ptr_equal(view->data, whole->data + 2 * sizeof(float));
    cappy_tensor_to_f32(view, 1, 3, values);
    assert_true(values[0] == 3 && values[1] == 4 && values[2] == 5);
    cappy_weights_close(weights);
    temp_remove(&temp);
}

/* Both formats of the same model hold the same bytes. */
static void test_formats_agree(void **state)
{
    (void)state;
    const char *shared = getenv("CAPPY_SHARED");
    if (shared == NULL) {
        print_message("CAPPY_SHARED is not set: the golden models are not compared\n");
        skip();
    }
    static const char *const models[] = {"tiny_bert", "tiny_roberta"};
    for (size_t m = 0; m < 2; m++) {
        struct temp temp;
        char path[1024];
        snprintf(path, sizeof path, "%s/golden/%s/pytorch_model.bin", shared, models[m]);
        temp_make(&temp);
        temp_link(&temp, path, "pytorch_model.bin");
        snprintf(path, sizeof path, "%s/golden/%s", shared, models[m]);
        struct cappy_weights *plain = open_good(path);
        struct cappy_weights *pickled = open_good(temp.directory);
        assert_string_equal(cappy_weights_format(plain), "safetensors");
        assert_string_equal(cappy_weights_format(pickled), "pickle");
        assert_int_equal(cappy_weights_count(plain), cappy_weights_count(pickled));
        for (size_t i = 0; i < cappy_weights_count(plain); i++) {
            const struct cappy_tensor *a = cappy_weights_at(plain, i);
            const struct cappy_tensor *b = cappy_weights_find(pickled, a->name);
            assert_non_null(b);
            assert_int_equal(a->dtype, b->dtype);
            assert_int_equal(a->rank, b->rank);
            assert_memory_equal(a->shape, b->shape, a->rank * sizeof *a->shape);
            assert_int_equal(a->size, b->size);
            assert_memory_equal(a->data, b->data, a->size);
        }
        cappy_weights_close(plain);
        cappy_weights_close(pickled);
        temp_remove(&temp);
    }
}

/* Writes a safetensors file with one F32 tensor of one element. */
static void write_single(struct temp *temp, const char *file_name, const char *tensor, float value)
{
    char file[512] = {0};
    int n = snprintf(file + 8, sizeof file - 8,
                     "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", tensor);
    file[0] = (char)n;
    memcpy(file + 8 + n, &value, sizeof value);
    temp_write(temp, file_name, file, 8 + (size_t)n + sizeof value);
}

static void test_shards(void **state)
{
    (void)state;
    struct temp temp;
    float value;
    temp_make(&temp);
    write_single(&temp, "model-00001-of-00002.safetensors", "a", 1.5f);
    write_single(&temp, "model-00002-of-00002.safetensors", "b", -2.5f);
    temp_write_text(&temp, "model.safetensors.index.json",
                    "{\"metadata\":{\"total_size\":8},\"weight_map\":{"
                    "\"b\":\"model-00002-of-00002.safetensors\","
                    "\"a\":\"model-00001-of-00002.safetensors\"}}");
    struct cappy_weights *weights = open_good(temp.directory);
    assert_string_equal(cappy_weights_format(weights), "safetensors");
    assert_int_equal(cappy_weights_count(weights), 2);
    cappy_tensor_to_f32(cappy_weights_find(weights, "a"), 0, 1, &value);
    assert_true(value == 1.5f);
    cappy_tensor_to_f32(cappy_weights_find(weights, "b"), 0, 1, &value);
    assert_true(value == -2.5f);
    cappy_weights_close(weights);
    temp_remove(&temp);
}

static void test_torch_shards(void **state)
{
    (void)state;
    struct temp temp;
    temp_make(&temp);
    copy_golden(&temp, "mixed.bin", "one.bin");
    copy_golden(&temp, "state_dict.bin", "two.bin");
    temp_write_text(&temp, "pytorch_model.bin.index.json",
                    "{\"weight_map\":{\"f32\":\"one.bin\",\"view\":\"two.bin\"}}");
    struct cappy_weights *weights = open_good(temp.directory);
    assert_string_equal(cappy_weights_format(weights), "pickle");
    assert_int_equal(cappy_weights_count(weights), 11);
    cappy_weights_close(weights);
    temp_remove(&temp);
}

static void test_bad_shards(void **state)
{
    (void)state;
    static const struct {
        const char *index;
        cappy_status status;
        const char *word;
    } cases[] = {
        {"", CAPPY_FORMAT, "not valid JSON"},
        {"[]", CAPPY_FORMAT, "weight_map"},
        {"{}", CAPPY_FORMAT, "weight_map"},
        {"{\"weight_map\":{}}", CAPPY_FORMAT, "weight_map"},
        {"{\"weight_map\":[\"one\"]}", CAPPY_FORMAT, "weight_map"},
        {"{\"weight_map\":{\"a\":1}}", CAPPY_FORMAT, "must be a string"},
        {"{\"weight_map\":{\"a\":null}}", CAPPY_FORMAT, "not the name of a file"},
        {"{\"weight_map\":{\"a\":\"\"}}", CAPPY_FORMAT, "not the name of a file"},
        {"{\"weight_map\":{\"a\":\".\"}}", CAPPY_FORMAT, "not the name of a file"},
        {"{\"weight_map\":{\"a\":\"..\"}}", CAPPY_FORMAT, "not the name of a file"},
        {"{\"weight_map\":{\"a\":\"../one\"}}", CAPPY_FORMAT, "\"../one\", which is not the name"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", CAPPY_FORMAT, "not the name of a file"},
        {"{\"weight_map\":{\"a\":\"sub/one\"}}", CAPPY_FORMAT, "not the name of a file"},
        {"{\"weight_map\":{\"a\":\"one\\u0000.x\"}}", CAPPY_FORMAT, "without NUL"},
        {"{\"weight_map\":{\"a\":\"one\",\"a\":\"two\"}}", CAPPY_FORMAT, "duplicate"},
        {"{\"weight_map\":{\"a\":\"three\"}}", CAPPY_IO, "three: No such file"},
        {"{\"weight_map\":{\"a\":\"folder\"}}", CAPPY_IO, "folder: not a regular file"},
        {"{\"weight_map\":{\"b\":\"one\"}}", CAPPY_FORMAT, "tensor \"b\": is not in this file"},
        {"{\"weight_map\":{\"a\":\"one\",\"c\":\"one\"}}", CAPPY_FORMAT, "tensor \"c\""},
        {"{\"weight_map\":{\"a\":\"one\",\"b\":\"broken\"}}", CAPPY_FORMAT, "broken: 3 bytes"},
        {"{\"weight_map\":{\"a\":\"one\",\"b\":\"two\"}}", CAPPY_FORMAT, "tensor \"b\""},
        {"{\"weight_map\":{\"a\":\"one\",\"a2\":\"again\"}}", CAPPY_FORMAT, "again: tensor \"a2\""},
    };
    struct temp temp;
    temp_make(&temp);
    write_single(&temp, "one", "a", 1);
    write_single(&temp, "two", "a", 2);
    write_single(&temp, "again", "a", 3);
    temp_write_text(&temp, "broken", "abc");
    mkdir(temp_path(&temp, "folder"), 0700);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cappy_weights *weights = NULL;
        cappy_error error;
        temp_write_text(&temp, "model.safetensors.index.json", cases[i].index);
        assert_refused(cappy_weights_open(temp.directory, &weights, &error), &error,
                       cases[i].status, cases[i].word);
        assert_null(weights);
    }
    temp_remove(&temp);
}

/* One tensor in two shards: which one would count? */
static void test_duplicate_across_shards(void **state)
{
    (void)state;
    struct temp temp;
    struct cappy_weights *weights = NULL;
    cappy_error error;
    temp_make(&temp);
    copy_golden(&temp, "mixed.bin", "one.bin");
    copy_golden(&temp, "mixed.bin", "two.bin");
    temp_write_text(&temp, "pytorch_model.bin.index.json",
                    "{\"weight_map\":{\"f32\":\"one.bin\",\"f16\":\"two.bin\"}}");
    assert_refused(cappy_weights_open(temp.directory, &weights, &error), &error, CAPPY_FORMAT,
                   "occurs twice");
    temp_remove(&temp);
}

static void test_bad_directories(void **state)
{
    (void)state;
    struct temp temp;
    struct cappy_weights *weights = NULL;
    cappy_error error;
    temp_make(&temp);

    assert_refused(cappy_weights_open(temp_path(&temp, "none"), &weights, &error), &error, CAPPY_IO,
                   "none: there is no model.safetensors");
    assert_refused(cappy_weights_open(temp.directory, &weights, &error), &error, CAPPY_IO,
                   "pytorch_model.bin");

    temp_write_text(&temp, "pytorch_model.bin", "");
    assert_refused(cappy_weights_open(temp.directory, &weights, &error), &error, CAPPY_FORMAT,
                   "pytorch_model.bin: not a zip archive");

    mkdir(temp_path(&temp, "model.safetensors"), 0700);
    assert_refused(cappy_weights_open(temp.directory, &weights, &error), &error, CAPPY_IO,
                   "model.safetensors: not a regular file");
    rmdir(temp.path);

    mkfifo(temp_path(&temp, "model.safetensors"), 0600);
    assert_refused(cappy_weights_open(temp.directory, &weights, &error), &error, CAPPY_IO,
                   "model.safetensors: not a regular file");
    unlink(temp.path);

    temp_link(&temp, "/dev/zero", "model.safetensors");
    assert_refused(cappy_weights_open(temp.directory, &weights, &error), &error, CAPPY_IO,
                   "model.safetensors: not a regular file");
    unlink(temp.path);

    temp_write_text(&temp, "model.safetensors", "");
    assert_refused(cappy_weights_open(temp.directory, &weights, &error), &error, CAPPY_FORMAT,
                   "model.safetensors: 0 bytes");
    assert_int_equal(cappy_weights_open(temp.directory, &weights, NULL), CAPPY_FORMAT);
    assert_null(weights);
    cappy_weights_close(NULL);
    temp_remove(&temp);
}

/* safetensors is preferred, and what it contains is not made up for by another file. */
static void test_no_fallback(void **state)
{
    (void)state;
    struct temp temp;
    struct cappy_weights *weights = NULL;
    cappy_error error;
    temp_make(&temp);
    copy_golden(&temp, "mixed.bin", "pytorch_model.bin");
    temp_write_text(&temp, "model.safetensors", "broken");
    assert_refused(cappy_weights_open(temp.directory, &weights, &error), &error, CAPPY_FORMAT,
                   "model.safetensors");
    temp_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safetensors),     cmocka_unit_test(test_torch),
        cmocka_unit_test(test_state_dict),      cmocka_unit_test(test_formats_agree),
        cmocka_unit_test(test_shards),          cmocka_unit_test(test_torch_shards),
        cmocka_unit_test(test_bad_shards),      cmocka_unit_test(test_duplicate_across_shards),
        cmocka_unit_test(test_bad_directories), cmocka_unit_test(test_no_fallback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
