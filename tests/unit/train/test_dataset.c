/* SPDX-License-Identifier: Apache-2.0 */
/* Training rows as token ids: those of scoring, read back in any order; groups, the fingerprint,
 * what is cut, and an end that is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../model/golden.h"
#include "../refusal.h"
#include "../temp.h"
#include "train/dataset.h"

struct rows {
    struct temp temp;
    struct cappy_model *model;
    char path[GOLDEN_PATH];
    const char *files[1];
    struct cappy_train_job job;
};

static int make(void **state)
{
    static struct rows rows;
    char model[GOLDEN_PATH];
    temp_make(&rows.temp);
    golden_path(model, "bert", NULL);
    assert_int_equal(cappy_model_open_unbound(model, &rows.model, NULL), CAPPY_OK);
    snprintf(rows.path, sizeof rows.path, "%s", temp_path(&rows.temp, "rows.jsonl"));
    rows.files[0] = rows.path;
    rows.job = (struct cappy_train_job){
        .files = rows.files, .n_files = 1, .directory = rows.temp.directory};
    *state = &rows;
    return 0;
}

static int clear(void **state)
{
    struct rows *rows = *state;
    cappy_model_close(rows->model);
    temp_remove(&rows->temp);
    return 0;
}

static void write_rows(const struct rows *rows, size_t n, size_t from, const char *last)
{
    FILE *file = fopen(rows->path, "w");
    assert_non_null(file);
    for (size_t i = from; i < from + n; i++) {
        fprintf(file,
                "{\"instruction\": \"What is %zu?\", \"response\": \"Rome %zu\", \"score\": %g}\n",
                i % 4, i, i % 5 == 0 ? 0.1 : 0.75);
    }
    fputs(last, file);
    assert_int_equal(fclose(file), 0);
}

static void open_rows(const struct rows *rows, size_t max_length, bool grouped,
                      struct cappy_dataset *dataset)
{
    cappy_error error = {.message = ""};
    if (cappy_dataset_open(&rows->job, rows->model, max_length, grouped, dataset, &error) !=
        CAPPY_OK) {
        fail_msg("%s", error.message);
    }
}

/* The ids of golden.json's pairs, written as rows, are those of golden.json. */
static void test_ids(void **state)
{
    const struct rows *rows = *state;
    struct cappy_dataset dataset;
    struct cappy_batch batch = {0};
    json_t *document;
    const json_t *pairs = golden_pairs("bert", &document);
    const size_t n = json_array_size(pairs);
    FILE *file = fopen(rows->path, "w");
    assert_true(file != NULL && n > 5);
    for (size_t i = 0; i < n; i++) {
        const json_t *pair = json_array_get(pairs, i);
        json_t *row =
            json_pack("{sOsOsf}", "instruction", json_object_get(pair, "instruction"), "response",
                      json_object_get(pair, "response"), "score", (double)(i % 3) / 4);
        assert_int_equal(json_dumpf(row, file, JSON_COMPACT), 0);
        fputs("\n\n", file); /* blank lines are counted, too */
        json_decref(row);
    }
    assert_int_equal(fclose(file), 0);
    open_rows(rows, rows->model->max_length, false, &dataset);
    assert_int_equal(dataset.n, n);
    for (size_t i = n; i-- > 0;) { /* two at a time, backwards */
        const size_t wanted[] = {i, (i * 5 + 1) % n};
        assert_int_equal(cappy_batch_read(&dataset, wanted, 2, &batch, NULL), CAPPY_OK);
        assert_int_equal(batch.n, 2);
        for (size_t j = 0; j < 2; j++) {
            const json_t *ids = json_object_get(json_array_get(pairs, wanted[j]), "ids");
            const struct cappy_example *example = &batch.examples[j];
            assert_int_equal(example->n, json_array_size(ids));
            for (size_t k = 0; k < example->n; k++) {
                assert_int_equal(example->ids[k], json_integer_value(json_array_get(ids, k)));
                assert_in_range(example->segments[k], 0, 1);
            }
            assert_int_equal(example->segments[0], 0);
            assert_int_equal(example->segments[example->n - 1], 1);
            assert_int_equal(batch.targets[j] * 4, wanted[j] % 3);
            assert_int_equal(batch.lines[j], 2 * wanted[j] + 1);
        }
    }
    cappy_batch_free(&batch);
    cappy_dataset_close(&dataset);
    json_decref(document);
}

static void test_groups(void **state)
{
    const struct rows *rows = *state;
    struct cappy_dataset dataset;
    struct cappy_batch batch = {0};
    cappy_error error;
    write_rows(rows, 22, 0, "");
    open_rows(rows, 64, true, &dataset);
    assert_int_equal(dataset.n_groups, 4);
    for (size_t group = 0; group < 4; group++) {
        const size_t first = dataset.groups[group];
        const size_t n = dataset.groups[group + 1] - first;
        size_t wanted[6];
        assert_in_range(n, 5, 6); /* 22 rows of 4 instructions */
        for (size_t i = 0; i < n; i++) {
            wanted[i] = first + i;
            assert_true(dataset.rows[first + i].group == dataset.rows[first].group);
        }
        assert_int_equal(cappy_batch_read(&dataset, wanted, n, &batch, NULL), CAPPY_OK);
        for (size_t i = 1; i < n; i++) { /* in the order of the file, every fourth line */
            assert_int_equal(batch.lines[i], batch.lines[i - 1] + 4);
        }
    }
    cappy_batch_free(&batch);
    cappy_dataset_close(&dataset);
    write_rows(rows, 4, 0, "");
    assert_refused(cappy_dataset_open(&rows->job, rows->model, 64, true, &dataset, &error), &error,
                   CAPPY_FORMAT, "one response only");
}

/* Rows of an instruction that share a prefix stay together, so many at most; the first shares
 * nothing. */
static void test_prefixes(void **state)
{
    const struct rows *rows = *state;
    struct cappy_dataset dataset;
    struct cappy_batch batch = {0};
    cappy_error error;
    enum { ROWS = 150, EACH = CAPPY_MOST_SHARING };
    size_t count = 0;
    write_rows(rows, ROWS, 0, ""); /* 37 or 38 of each instruction */
    rows->model->config.mask = CAPPY_MASK_PREFIX;
    assert_int_equal(
        cappy_dataset_open(&rows->job, rows->model, 64, CAPPY_GROUP_PREFIXES, &dataset, &error),
        CAPPY_OK);
    assert_int_equal(dataset.n_groups, 4 * 3);
    for (size_t group = 0; group < dataset.n_groups; group++) {
        const size_t first = dataset.groups[group];
        const size_t n = dataset.groups[group + 1] - first;
        size_t wanted[EACH];
        assert_in_range(n, 1, EACH);
        for (size_t i = 0; i < n; i++) {
            wanted[i] = first + i;
        }
        assert_int_equal(cappy_batch_read(&dataset, wanted, n, &batch, NULL), CAPPY_OK);
        for (size_t i = 0; i < n; i++) {
            const struct cappy_example *example = &batch.examples[i];
            assert_int_equal(example->head, cappy_pair_prefix(rows->model->tokenizer, 4));
            assert_int_equal(example->shared, i == 0 ? 0 : example->head);
        }
        count += n;
    }
    assert_int_equal(count, ROWS);
    cappy_batch_free(&batch);
    cappy_dataset_close(&dataset);
    write_rows(rows, 4, 0, ""); /* nothing to share is nothing to refuse */
    assert_int_equal(
        cappy_dataset_open(&rows->job, rows->model, 64, CAPPY_GROUP_PREFIXES, &dataset, &error),
        CAPPY_OK);
    assert_int_equal(dataset.n_groups, 4);
    cappy_dataset_close(&dataset);
}

static uint64_t fingerprint_of(const struct rows *rows)
{
    struct cappy_dataset dataset;
    open_rows(rows, 64, false, &dataset);
    const uint64_t fingerprint = dataset.fingerprint;
    cappy_dataset_close(&dataset);
    return fingerprint;
}

static void test_fingerprint(void **state)
{
    static const char *const last[] = {
        "",
        "{\"instruction\": \"a\", \"response\": \"b c\", \"score\": 1}",
        "{\"instruction\": \"a\", \"response\": \"b c\", \"score\": 0.5}",
        "{\"instruction\": \"a b\", \"response\": \"c\", \"score\": 1}",
        "{\"instruction\": \"a\", \"response\": \"c b\", \"score\": 1}",
    };
    const struct rows *rows = *state;
    uint64_t prints[6];
    for (size_t i = 0; i < 5; i++) {
        write_rows(rows, 9, 0, last[i]);
        prints[i] = fingerprint_of(rows);
        assert_true(prints[i] == fingerprint_of(rows));
    }
    write_rows(rows, 9, 1, ""); /* other rows */
    prints[5] = fingerprint_of(rows);
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(prints[i] != prints[j]);
        }
    }
}

static void test_truncation(void **state)
{
    const struct rows *rows = *state;
    struct cappy_dataset dataset;
    write_rows(rows, 3, 0,
               "{\"instruction\": \"What is the capital of France? Good morning, the sky is "
               "blue.\", \"response\": \"Paris\", \"score\": 1}");
    open_rows(rows, 64, false, &dataset);
    assert_int_equal(dataset.truncated, 0);
    const size_t longest = dataset.longest;
    cappy_dataset_close(&dataset);
    open_rows(rows, longest - 1, false, &dataset);
    assert_int_equal(dataset.truncated, 1);
    assert_int_equal(dataset.longest, longest - 1);
    cappy_dataset_close(&dataset);
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static void test_stop(void **state)
{
    const struct rows *rows = *state;
    struct rows stopped = *rows;
    struct cappy_dataset dataset;
    cappy_error error;
    stopped.job.stop = always;
    write_rows(rows, 600, 0, "");
    assert_refused(cappy_dataset_open(&stopped.job, rows->model, 64, false, &dataset, &error),
                   &error, CAPPY_IO, "interrupted while the rows were read");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ids, make, clear),
        cmocka_unit_test_setup_teardown(test_groups, make, clear),
        cmocka_unit_test_setup_teardown(test_prefixes, make, clear),
        cmocka_unit_test_setup_teardown(test_fingerprint, make, clear),
        cmocka_unit_test_setup_teardown(test_truncation, make, clear),
        cmocka_unit_test_setup_teardown(test_stop, make, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
