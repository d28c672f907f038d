/* SPDX-License-Identifier: Apache-2.0 */
/* OpenRLHF's remote reward model. Its "query" is a prompt with the answer behind it; "prompts" says
 * where the one ends. */
#include <string.h>

#include "serve/routes.h"

bool cappy_reward_prepare(struct cappy_call *call)
{
    const json_t *queries;
    const json_t *prompts;
    if (!cappy_call_need_one_label(call) || !cappy_call_get_list(call, "query", &queries) ||
        !cappy_call_get_list(call, "prompts", &prompts) || !cappy_call_get_limits(call)) {
        return false;
    }
    if (json_array_size(queries) != json_array_size(prompts)) {
        return cappy_call_fail(call, CAPPY_FAILURE_INVALID,
                               "\"query\" has %zu texts and \"prompts\" has %zu: there must be as "
                               "many",
                               json_array_size(queries), json_array_size(prompts));
    }
    if (!cappy_call_make_pairs(call, json_array_size(queries), "query")) {
        return false;
    }
    for (size_t i = 0; i < call->job.n; i++) {
        cappy_pair *pair = &call->pairs[i];
        if (!cappy_call_get_item(call, "prompts", prompts, i, &pair->instruction) ||
            !cappy_call_get_item(call, "query", queries, i, &pair->response)) {
            return false;
        }
        const size_t size = pair->instruction.size;
        if (pair->response.size >= size &&
            memcmp(pair->response.data, pair->instruction.data, size) == 0) {
            pair->response = (cappy_text){pair->response.data + size, pair->response.size - size};
        }
    }
    return true;
}

bool cappy_reward_finish(struct cappy_call *call)
{
    json_t *rewards = json_array();
    for (size_t i = 0; i < call->job.n; i++) {
        json_array_append_new(rewards, json_real((double)call->job.scores[i]));
    }
    return cappy_call_reply(call, json_pack("{s:o}", "rewards", rewards));
}
