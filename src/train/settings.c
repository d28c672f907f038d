/* SPDX-License-Identifier: Apache-2.0 */
#include "train/settings.h"

#include <string.h>

#include "weights/weights.h"

struct cappy_settings cappy_settings_default(void)
{
    return (struct cappy_settings){
        .epochs = 1,
        .batch_size = 32,
        .passes_per_sum = 1,
        .precision = CAPPY_PRECISION_FP32,
        .store = CAPPY_PRECISION_FP32,
        .seed = 1,
        .rate = 5e-5,
        .warmup = 0.1,
        .decay = 0.01,
        .clip = 1,
        .dropout = -1,
        .mask = -1,
        .temperature = 0.2,
        .beta1 = 0.9,
        .beta2 = 0.999,
        .epsilon = 1e-8,
    };
}

enum type { COUNT, NUMBER, CHOICE };

/* Every setting: the option's name, where it is, and what values it may have. */
#define AT(member) offsetof(struct cappy_settings, member)
static const struct setting {
    const char *name;
    enum type type;
    size_t place;
    double min;
    double max;
} settings_table[] = {
    {"steps", COUNT, AT(steps), 0, 1e15},
    {"epochs", COUNT, AT(epochs), 0, 1e9},
    {"until", COUNT, AT(until), 0, 1e15},
    {"batch-size", COUNT, AT(batch_size), 1, 1e9},
    {"max-length", COUNT, AT(max_length), 0, 1e9},
    {"pass-tokens", COUNT, AT(pass_tokens), 0, 1e9},
    {"passes-per-sum", COUNT, AT(passes_per_sum), 1, 1e9},
    {"seed", COUNT, AT(seed), 0, 9e18},
    {"loss", CHOICE, AT(loss), 0, CAPPY_LOSSES - 1},
    {"schedule", CHOICE, AT(schedule), 0, CAPPY_SCHEDULE_REFERENCE},
    {"mask", CHOICE, AT(mask), -1, CAPPY_MASK_PREFIX},
    {"precision", CHOICE, AT(precision), CAPPY_PRECISION_FP32, CAPPY_PRECISION_BF16},
    {"store", CHOICE, AT(store), CAPPY_PRECISION_FP32, CAPPY_PRECISION_BF16},
    {"learning-rate", NUMBER, AT(rate), 0, 10},
    {"warmup", NUMBER, AT(warmup), 0, 0.99},
    {"weight-decay", NUMBER, AT(decay), 0, 10},
    {"clip", NUMBER, AT(clip), 0, 1e30},
    {"dropout", NUMBER, AT(dropout), -1, 0.9},
    {"temperature", NUMBER, AT(temperature), 1e-3, 1e3},
    {"beta1", NUMBER, AT(beta1), 0, 0.9999},
    {"beta2", NUMBER, AT(beta2), 0, 0.999999},
    {"epsilon", NUMBER, AT(epsilon), 1e-30, 1},
    {"ema-decay", NUMBER, AT(ema_decay), 0, 0.99999},
    {"check-every", COUNT, AT(check_every), 0, 1e15},
    {"patience", COUNT, AT(patience), 0, 1e15},
};

enum { N_SETTINGS = sizeof settings_table / sizeof *settings_table };

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "a seed is read as a count");

static double value_of(const struct cappy_settings *settings, const struct setting *setting)
{
    const char *place = (const char *)settings + setting->place;
    size_t count;
    double number;
    int choice;
    switch (setting->type) {
    case COUNT:
        memcpy(&count, place, sizeof count);
        return (double)count;
    case NUMBER:
        memcpy(&number, place, sizeof number);
        return number;
    case CHOICE:
        memcpy(&choice, place, sizeof choice);
        return choice;
    }
    return 0;
}

json_t *cappy_settings_write(const struct cappy_settings *settings)
{
    json_t *object = json_object();
    for (size_t i = 0; i < N_SETTINGS && object != NULL; i++) {
        const double value = value_of(settings, &settings_table[i]);
        if (json_object_set_new(object, settings_table[i].name, json_real(value)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

cappy_status cappy_settings_compare(const struct cappy_settings *settings, const json_t *kept,
                                    cappy_error *error)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const struct setting *setting = &settings_table[i];
        const double now = value_of(settings, setting);
        /* What was written when there was one mask only says nothing about it. */
        const double unsaid = setting->place == AT(mask) ? CAPPY_MASK_FULL : now;
        double before;
        CAPPY_TRY(cappy_json_get_real(kept, setting->name, unsaid, &before, error));
        if (now < before || now > before) {
            return cappy_error_set(error, CAPPY_ARGUMENT,
                                   "this run was begun with another --%s (%.9g, not %.9g): go on "
                                   "with the options it was begun with, or choose another --out",
                                   setting->name, before, now);
        }
    }
    return CAPPY_OK;
}

cappy_status cappy_settings_check(const struct cappy_settings *settings, cappy_error *error)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const struct setting *setting = &settings_table[i];
        const double value = value_of(settings, setting);
        if (!(value >= setting->min && value <= setting->max)) {
            return cappy_error_set(error, CAPPY_ARGUMENT, "--%s must be from %g to %g, not %g",
                                   setting->name, setting->min, setting->max, value);
        }
    }
    if (settings->steps == 0 && settings->epochs == 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "there is nothing to do: give --steps");
    }
    return CAPPY_OK;
}
