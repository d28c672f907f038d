/* SPDX-License-Identifier: Apache-2.0 */
/* Runs through the library: stopped and resumed, with a disk that is full for a while, and with
 * nothing changed when it should not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "../model/golden.h"
#include "../refusal.h"
#include "../temp.h"
#include "train/folders.h"
#include "train/train.h"

/* What a test sees and wants of a run. */
struct watch {
    size_t stop_at; /* step; 0: never */
    size_t limit_from;
    size_t limit_to; /* between these steps files cannot be written */
    size_t notes;
    size_t steps;
    double ema_decay;
};

static void set_limit(bool on)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = on ? 50000 : limit.rlim_max; /* enough for a part of the weights */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void see_step(void *context, const struct cappy_train_state *state)
{
    struct watch *watch = context;
    watch->steps = state->step;
    if (watch->limit_to != 0) {
        set_limit(state->step >= watch->limit_from && state->step < watch->limit_to);
    }
}

static void see_note(void *context, const char *sentence)
{
    struct watch *watch = context;
    assert_non_null(strstr(sentence, "cannot be written"));
    watch->notes++;
}

static bool wants_stop(void *context)
{
    const struct watch *watch = context;
    return watch->stop_at != 0 && watch->steps + 1 >= watch->stop_at;
}

static void write_rows(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 30; i++) {
        fprintf(file,
                "{\"instruction\": \"What is %d?\", \"response\": \"Rome %d\", \"score\": %g}\n",
                i / 3, i, (double)(i % 4) / 4);
    }
    assert_int_equal(fclose(file), 0);
}

/* Trains the tiny BERT on `rows` into temp/`name`. */
static cappy_status train(const struct temp *temp, const char *name, bool resume,
                          struct watch *watch, struct cappy_train_outcome *outcome,
                          cappy_error *error)
{
    char model[GOLDEN_PATH];
    char rows[GOLDEN_PATH];
    char directory[GOLDEN_PATH];
    golden_path(model, "bert", NULL);
    snprintf(rows, sizeof rows, "%s/rows.jsonl", temp->directory);
    snprintf(directory, sizeof directory, "%s/%s", temp->directory, name);
    const char *const files[] = {rows};
    struct cappy_train_job job = {
        .settings = cappy_settings_default(),
        .model = model,
        .files = files,
        .n_files = 1,
        .directory = directory,
        .save_every = 2,
        .resume = resume,
        .threads = 1,
        .context = watch,
        .report = see_step,
        .note = see_note,
        .stop = wants_stop,
    };
    job.settings.steps = 9;
    job.settings.batch_size = 4;
    job.settings.ema_decay = watch->ema_decay;
    return cappy_train(&job, outcome, error);
}

static uint32_t checksum_of(const struct temp *temp, const char *name)
{
    char path[GOLDEN_PATH];
    uint32_t checksum;
    snprintf(path, sizeof path, "%s/%s/model.safetensors", temp->directory, name);
    assert_int_equal(cappy_file_checksum(path, &checksum, NULL), CAPPY_OK);
    return checksum;
}

static void remove_result(struct temp *temp, const char *name)
{
    char path[GOLDEN_PATH];
    snprintf(path, sizeof path, "%s/%s", temp->directory, name);
    cappy_folder_remove(path);
}

/* Stopped behind each step and resumed: the bits of a run as a whole. */
static uint32_t check_all_stops(struct temp *temp, double ema_decay)
{
    struct watch watch = {.ema_decay = ema_decay};
    struct cappy_train_outcome outcome;
    assert_int_equal(train(temp, "whole", false, &watch, &outcome, NULL), CAPPY_OK);
    assert_true(outcome.is_complete && !outcome.was_complete && outcome.state.step == 9);
    assert_int_equal(outcome.rows, 30);
    for (size_t step = 1; step < 9; step++) {
        watch = (struct watch){.stop_at = step, .ema_decay = ema_decay};
        assert_int_equal(train(temp, "parts", false, &watch, &outcome, NULL), CAPPY_OK);
        assert_false(outcome.is_complete);
        assert_int_equal(outcome.state.step, step);
        watch = (struct watch){.ema_decay = ema_decay};
        assert_int_equal(train(temp, "parts", true, &watch, &outcome, NULL), CAPPY_OK);
        assert_true(outcome.is_complete && outcome.begun == step);
        assert_int_equal(checksum_of(temp, "parts"), checksum_of(temp, "whole"));
        assert_int_equal(train(temp, "parts", true, &watch, &outcome, NULL), CAPPY_OK);
        assert_true(outcome.was_complete);
        remove_result(temp, "parts");
    }
    const uint32_t checksum = checksum_of(temp, "whole");
    remove_result(temp, "whole");
    return checksum;
}

static void test_stop_and_resume(void **state)
{
    (void)state;
    struct temp temp;
    temp_make(&temp);
    write_rows(temp_path(&temp, "rows.jsonl"));
    assert_int_not_equal(check_all_stops(&temp, 0), check_all_stops(&temp, 0.9));
    temp_remove(&temp);
}

/* While files cannot be written the run goes on and says so; then it is as if nothing had been. */
static void test_full_disk(void **state)
{
    (void)state;
    struct temp temp;
    struct watch watch = {0};
    struct cappy_train_outcome outcome;
    cappy_error error;
    signal(SIGXFSZ, SIG_IGN); /* as the command does */
    temp_make(&temp);
    write_rows(temp_path(&temp, "rows.jsonl"));
    assert_int_equal(train(&temp, "whole", false, &watch, &outcome, NULL), CAPPY_OK);
    watch = (struct watch){.limit_from = 3, .limit_to = 7};
    assert_int_equal(train(&temp, "full", false, &watch, &outcome, NULL), CAPPY_OK);
    assert_int_equal(watch.notes, 2); /* the checkpoints of steps 4 and 6 */
    assert_int_equal(checksum_of(&temp, "full"), checksum_of(&temp, "whole"));
    remove_result(&temp, "full");

    /* Full at the end: the last good checkpoint is there, and the run can go on from it. */
    watch = (struct watch){.limit_from = 7, .limit_to = 100};
    assert_refused(train(&temp, "full", false, &watch, &outcome, &error), &error, CAPPY_IO,
                   "model.safetensors");
    set_limit(false);
    watch = (struct watch){0};
    assert_int_equal(train(&temp, "full", true, &watch, &outcome, NULL), CAPPY_OK);
    assert_int_equal(outcome.begun, 6);
    assert_int_equal(checksum_of(&temp, "full"), checksum_of(&temp, "whole"));
    remove_result(&temp, "full");
    remove_result(&temp, "whole");
    temp_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_and_resume),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
