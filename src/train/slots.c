/* SPDX-License-Identifier: Apache-2.0 */
/* How a pass is cut into slots, and what of it has rows. */
#include <assert.h>

#include "train/passes.h"

/* Whether the sequence that comes next begins a slot, and with that has rows for its prefix. A slot
 * of sequences that share a prefix may be longer, since it would be computed again in the next. */
bool cappy_filling_add(struct cappy_filling *filling, const struct cappy_example *example)
{
    const size_t most = example->shared != 0 ? CAPPY_SHARED_TOKENS : CAPPY_SLOT_TOKENS;
    size_t rows = example->n - example->shared;
    const bool begins = filling->n == 0 || filling->tokens + rows > most;
    if (begins) {
        rows = example->n;
        filling->n = 0;
        filling->tokens = 0;
    }
    filling->n++;
    filling->tokens += rows;
    filling->rows += rows;
    return begins;
}

size_t cappy_net_rows(const struct cappy_example *examples, size_t n)
{
    struct cappy_filling filling = {0};
    for (size_t i = 0; i < n; i++) {
        cappy_filling_add(&filling, &examples[i]);
    }
    return filling.rows;
}

/* Numbers that a head keeps of the queries of a prefix and of the rest. */
static size_t kept_of(const struct cappy_example *example, bool is_leader)
{
    const size_t head = example->head;
    return (is_leader && head != 0 ? cappy_head_kept(head, head) : 0) +
           cappy_head_kept(example->n - head, example->n);
}

void cappy_net_plan(struct cappy_net *net, const struct cappy_example *examples, size_t n)
{
    struct cappy_net_memory *memory = &net->memory;
    struct cappy_slot *slot = memory->slots;
    struct cappy_filling filling = {0};
    assert(n <= memory->sequences);
    *slot = (struct cappy_slot){0};
    memory->kept[0] = 0;
    for (size_t s = 0; s < n; s++) {
        const size_t row = filling.rows;
        const bool begins = cappy_filling_add(&filling, &examples[s]);
        const bool is_leader = begins || examples[s].shared == 0;
        if (begins && s > 0) {
            const struct cappy_slot next = {
                .first = s,
                .row = row,
                .place = slot->place + cappy_places(slot->tokens),
                .first_place = slot->first_place + cappy_places(slot->n),
            };
            *++slot = next;
        }
        slot->n = filling.n;
        slot->tokens = filling.tokens;
        memory->begins[s] = row;
        memory->leaders[s] = is_leader ? s : memory->leaders[s - 1];
        memory->kept[s + 1] =
            memory->kept[s] + net->config->n_heads * kept_of(&examples[s], is_leader);
    }
    memory->begins[n] = filling.rows;
    memory->n_slots = n != 0 ? (size_t)(slot - memory->slots) + 1 : 0;
    memory->places = slot->place + cappy_places(slot->tokens);
    memory->first_places = slot->first_place + cappy_places(slot->n);
    assert(filling.rows <= memory->tokens);
}
