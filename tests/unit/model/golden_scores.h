/* SPDX-License-Identifier: Apache-2.0 */
/* Golden pairs with a model that scores them: beside the reference's scores, and in batches beside
 * each pair alone. */
#ifndef CAPPY_TESTS_GOLDEN_SCORES_H
#define CAPPY_TESTS_GOLDEN_SCORES_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cappy.h"
#include "golden.h"
#include "kernel/kernel.h"

enum { MAX_PAIRS = 64, MAX_LABELS = 3 };

struct golden {
    json_t *document;
    const json_t *rows;
    size_t n;
    cappy_pair pairs[MAX_PAIRS];
    cappy_model *model;
    size_t labels;
};

/* The pairs of a file of tests/golden, and a model, whose folder is seen from there too. */
static inline void golden_open(struct golden *golden, const char *folder, const char *file,
                               const char *model, cappy_precision precision)
{
    const cappy_model_options options = {.struct_size = sizeof options, .precision = precision};
    char path[GOLDEN_PATH];
    cappy_error error = {0};
    golden_path(path, folder, file);
    if (cappy_json_read(path, 1 << 24, &golden->document, &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
    golden->rows = json_object_get(golden->document, "pairs");
    golden->n = json_array_size(golden->rows);
    assert_in_range(golden->n, 1, MAX_PAIRS);
    for (size_t i = 0; i < golden->n; i++) {
        const json_t *row = json_array_get(golden->rows, i);
        golden->pairs[i] =
            (cappy_pair){golden_text(row, "instruction"), golden_text(row, "response")};
    }
    golden_path(path, model, NULL);
    if (cappy_model_open(path, &options, &golden->model, &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
    cappy_model_info info = {.struct_size = sizeof info};
    assert_int_equal(cappy_model_describe(golden->model, &info, &error), CAPPY_OK);
    golden->labels = info.n_labels;
}

static inline void golden_close(struct golden *golden)
{
    cappy_model_close(golden->model);
    json_decref(golden->document);
}

/* max_length 0: the model's. */
static inline cappy_scorer *golden_scorer(const struct golden *golden, size_t threads,
                                          size_t max_length)
{
    cappy_scorer_options options = {
        .struct_size = sizeof options, .threads = threads, .max_length = max_length};
    cappy_scorer *scorer = NULL;
    assert_int_equal(cappy_scorer_create(golden->model, &options, &scorer, NULL), CAPPY_OK);
    return scorer;
}

/* Largest |score - reference|. */
static inline double golden_worst(const struct golden *golden, const float *scores)
{
    double worst = 0;
    for (size_t i = 0; i < golden->n; i++) {
        const json_t *want = json_object_get(json_array_get(golden->rows, i), "scores");
        for (size_t j = 0; j < golden->labels; j++) {
            worst = fmax(worst, fabs(json_number_value(json_array_get(want, j)) -
                                     (double)scores[i * golden->labels + j]));
        }
    }
    return worst;
}

/* Runs `check` with each set of kernels that there is. */
static inline void with_each_set(void (*check)(void))
{
    for (size_t set = 0; set < cappy_kernels_count(); set++) {
        if (cappy_kernels_at(set) != NULL) {
            setenv("CAPPY_ISA", cappy_kernels_at(set)->name, 1);
            check();
        }
    }
    unsetenv("CAPPY_ISA");
}

/* Fills which[n] with pairs for batch number `round`; returns n, at most `most`. */
typedef size_t golden_draw(const struct golden *golden, size_t round, size_t most, size_t *which);

/* Batches as they are drawn, by scorers of 1, 2, .. threads in turn: equal to each pair alone. */
static inline void golden_check_batches(const struct golden *golden, size_t max_length,
                                        size_t threads, size_t rounds, size_t most,
                                        golden_draw *draw)
{
    cappy_scorer *scorers[8];
    const size_t labels = golden->labels;
    float alone[MAX_PAIRS * MAX_LABELS];
    cappy_pair *batch = cappy_alloc(most, sizeof *batch);
    float *scores = cappy_alloc(most * labels, sizeof *scores);
    size_t *which = cappy_alloc(most, sizeof *which);
    for (size_t t = 0; t < threads; t++) {
        scorers[t] = golden_scorer(golden, t + 1, max_length);
    }
    for (size_t i = 0; i < golden->n; i++) {
        float *to = alone + i * labels;
        assert_int_equal(cappy_score(scorers[0], &golden->pairs[i], 1, to, NULL), CAPPY_OK);
    }
    for (size_t round = 0; round < rounds; round++) {
        const size_t n = draw(golden, round, most, which);
        for (size_t i = 0; i < n; i++) {
            batch[i] = golden->pairs[which[i]];
        }
        assert_int_equal(cappy_score(scorers[round % threads], batch, n, scores, NULL), CAPPY_OK);
        for (size_t i = 0; i < n; i++) {
            assert_memory_equal(scores + i * labels, alone + which[i] * labels,
                                labels * sizeof(float));
        }
    }
    for (size_t t = 0; t < threads; t++) {
        cappy_scorer_free(scorers[t]);
    }
    cappy_free(batch);
    cappy_free(scores);
    cappy_free(which);
}

#endif
