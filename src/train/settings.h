/* SPDX-License-Identifier: Apache-2.0 */
/* Settings as they are kept in a checkpoint. Private to train. */
#ifndef CAPPY_TRAIN_SETTINGS_H
#define CAPPY_TRAIN_SETTINGS_H

#include "train/train.h"

/* As a JSON object whose keys are the names of the command's options; NULL when out of memory. */
json_t *cappy_settings_write(const struct cappy_settings *settings);

/* CAPPY_ARGUMENT, naming the option, where `kept`, written by cappy_settings_write, has another
 * value than `settings`. */
cappy_status cappy_settings_compare(const struct cappy_settings *settings, const json_t *kept,
                                    cappy_error *error);

/* CAPPY_ARGUMENT, naming the option, for a value that makes no sense. */
cappy_status cappy_settings_check(const struct cappy_settings *settings, cappy_error *error);

#endif
