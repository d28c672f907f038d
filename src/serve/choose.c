/* SPDX-License-Identifier: Apache-2.0 */
/* What the best of several texts is chosen by. */
#include <string.h>

#include "serve/call.h"

/* Each is compared with each. */
enum { MOST_COMPARED = 128 };

static bool read_selection(struct cappy_call *call, const char *name, enum cappy_selection *by)
{
    for (size_t i = 0; cappy_selection_names[i] != NULL; i++) {
        if (strcmp(cappy_selection_names[i], name) == 0) {
            *by = (enum cappy_selection)i;
            return true;
        }
    }
    return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                           "in \"cappy\": \"select\" is auto, score, consensus, vote or mix, and "
                           "not \"%.60s\"",
                           name);
}

bool cappy_call_get_choosing(struct cappy_call *call, const json_t *own,
                             struct cappy_choosing asked)
{
    const json_t *temperature = json_object_get(own, "mix_temperature");
    const char *name;
    cappy_error error;
    if (cappy_json_get_string(own, "select", NULL, &name, &error) != CAPPY_OK ||
        cappy_json_get_real(own, "mix_temperature", asked.temperature, &asked.temperature,
                            &error) != CAPPY_OK) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID, "in \"cappy\": %s", error.message);
    }
    if (asked.temperature < 0) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "in \"cappy\": \"mix_temperature\" must be at least 0");
    }
    if (name != NULL && !read_selection(call, name, &asked.by)) {
        return false;
    }
    asked.has_temperature = asked.has_temperature || json_is_number(temperature);
    call->chooser.how = cappy_choosing_settle(asked, call->job.model->info.mix_temperature);
    if (json_is_number(temperature) && call->chooser.how.by != CAPPY_SELECT_MIX) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "in \"cappy\": \"mix_temperature\" is for \"select\": \"mix\"");
    }
    return true;
}

bool cappy_call_compare(struct cappy_call *call)
{
    cappy_error error;
    const size_t n = call->job.n;
    if (n > MOST_COMPARED && call->chooser.how.by != CAPPY_SELECT_SCORE) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "%zu texts are too many to choose among by %s: %d at most, or any "
                               "number by score",
                               n, cappy_selection_names[call->chooser.how.by], MOST_COMPARED);
    }
    return cappy_chooser_read(&call->chooser, call->pairs, n, &error) == CAPPY_OK ||
           cappy_call_fail(call, CAPPY_FAILURE_UNAVAILABLE, "%s", error.message);
}

struct cappy_rank *cappy_call_rank(struct cappy_call *call)
{
    const size_t n = call->job.n;
    struct cappy_rank *ranks = cappy_alloc(n, sizeof *ranks);
    if (ranks == NULL) {
        return NULL;
    }
    cappy_chooser_choose(&call->chooser, call->job.scores);
    for (size_t i = 0; i < n; i++) {
        ranks[i] = (struct cappy_rank){call->chooser.keys[i], call->job.scores[i], i};
    }
    cappy_ranks_sort(ranks, n);
    return ranks;
}
