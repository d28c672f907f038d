/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: what is refused, and by which name; what a run that goes on may not change. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../refusal.h"
#include "train/settings.h"

/* The defaults, but with this value, are refused by that name. */
#define assert_out_of_range(member, value, name)                                                   \
    do {                                                                                           \
        cappy_error error_;                                                                        \
        struct cappy_settings settings_ = cappy_settings_default();                                \
        settings_.member = (value);                                                                \
        assert_refused(cappy_settings_check(&settings_, &error_), &error_, CAPPY_ARGUMENT, name);  \
    } while (0)

static void test_ranges(void **state)
{
    (void)state;
    const struct cappy_settings settings = cappy_settings_default();
    assert_int_equal(cappy_settings_check(&settings, NULL), CAPPY_OK);
    assert_out_of_range(batch_size, 0, "--batch-size");
    assert_out_of_range(passes_per_sum, 0, "--passes-per-sum");
    assert_out_of_range(rate, -1e-9, "--learning-rate");
    assert_out_of_range(rate, 11, "--learning-rate");
    assert_out_of_range(rate, NAN, "--learning-rate");
    assert_out_of_range(warmup, 1, "--warmup");
    assert_out_of_range(decay, -1, "--weight-decay");
    assert_out_of_range(clip, INFINITY, "--clip");
    assert_out_of_range(dropout, 0.95, "--dropout");
    assert_out_of_range(temperature, 0, "--temperature");
    assert_out_of_range(epochs, 0, "nothing to do");
}

/* Any other value than the one kept is noticed, to the last bit; a setting that an older version
 * did not keep is not. */
static void test_compare(void **state)
{
    (void)state;
    cappy_error error;
    struct cappy_settings settings = cappy_settings_default();
    settings.rate = 0.1 + 0.2; /* not 0.3 */
    json_t *kept = cappy_settings_write(&settings);
    char *text = json_dumps(kept, JSON_COMPACT);
    json_decref(kept);
    kept = json_loads(text, 0, NULL); /* as from a file */
    cappy_free(text);
    assert_int_equal(cappy_settings_compare(&settings, kept, &error), CAPPY_OK);
    struct cappy_settings changed = settings;
    changed.rate = 0.3;
    assert_refused(cappy_settings_compare(&changed, kept, &error), &error, CAPPY_ARGUMENT,
                   "another --learning-rate");
    changed = settings;
    changed.seed = 2;
    assert_refused(cappy_settings_compare(&changed, kept, &error), &error, CAPPY_ARGUMENT,
                   "another --seed (1, not 2)");
    changed = settings;
    changed.precision = CAPPY_PRECISION_BF16;
    assert_refused(cappy_settings_compare(&changed, kept, &error), &error, CAPPY_ARGUMENT,
                   "another --precision");
    json_object_del(kept, "precision");
    assert_int_equal(cappy_settings_compare(&changed, kept, &error), CAPPY_OK);
    json_decref(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
