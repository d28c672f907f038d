/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scores.h"

#include <math.h>

cappy_status cappy_scores_check(const float *scores, size_t n, cappy_error *error)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(scores[i])) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "the model's score is not a finite number (%g): its weights are "
                                   "damaged, or it needs --precision fp32",
                                   (double)scores[i]);
        }
    }
    return CAPPY_OK;
}

cappy_status cappy_member_set(json_t *object, const char *key, json_t *value, cappy_error *error)
{
    return json_object_set_new(object, key, value) == 0 ? CAPPY_OK : cappy_error_no_memory(error);
}

cappy_status cappy_scores_set(json_t *object, const char *key, const float *scores, size_t n,
                              cappy_error *error)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(list, json_real((double)scores[i])) != 0) {
            json_decref(list);
            return cappy_error_no_memory(error);
        }
    }
    return cappy_member_set(object, key, list, error);
}
