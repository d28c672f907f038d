/* SPDX-License-Identifier: Apache-2.0 */
#include "task/tally.h"

/* So much of a task's name is kept. */
enum { NAME_SIZE = 200, FIRST_CAPACITY = 256 };

static size_t find_slot(const struct cappy_tally *tally, const struct cappy_tally_index *finder,
                        uint64_t hash)
{
    size_t slot = (size_t)hash & (finder->capacity - 1);
    while (finder->slots[slot] != 0 && tally->tasks[finder->slots[slot] - 1].hash != hash) {
        slot = (slot + 1) & (finder->capacity - 1);
    }
    return slot;
}

/* Makes room for one more task; the index is at most half full. */
static cappy_status grow(struct cappy_tally *tally, struct cappy_tally_index *finder,
                         cappy_error *error)
{
    if (tally->n_tasks < finder->capacity / 2) {
        return CAPPY_OK;
    }
    struct cappy_tally_index made = {.capacity = 2 * finder->capacity};
    if (finder->capacity == 0) {
        made.capacity = FIRST_CAPACITY;
    }
    struct cappy_task_tally *tasks =
        cappy_realloc(tally->tasks, made.capacity / 2, sizeof *tally->tasks);
    if (tasks == NULL) {
        return cappy_error_no_memory(error);
    }
    tally->tasks = tasks;
    made.slots = cappy_alloc(made.capacity, sizeof *made.slots);
    if (made.slots == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < tally->n_tasks; i++) {
        made.slots[find_slot(tally, &made, tasks[i].hash)] = i + 1;
    }
    cappy_free(finder->slots);
    *finder = made;
    return CAPPY_OK;
}

cappy_status cappy_tally_find(struct cappy_tally *tally, struct cappy_tally_index *finder,
                              uint64_t hash, cappy_text name, size_t *index, cappy_error *error)
{
    CAPPY_TRY(grow(tally, finder, error));
    const size_t slot = find_slot(tally, finder, hash);
    if (finder->slots[slot] == 0) {
        if (tally->n_tasks == CAPPY_TASK_LIMIT) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "there are more than %d different tasks: rows of one kind must "
                                   "have the same \"task\"",
                                   CAPPY_TASK_LIMIT);
        }
        char *copy = cappy_strndup(name.data, name.size < NAME_SIZE ? name.size : NAME_SIZE);
        if (copy == NULL) {
            return cappy_error_no_memory(error);
        }
        tally->tasks[tally->n_tasks] = (struct cappy_task_tally){.hash = hash, .name = copy};
        finder->slots[slot] = ++tally->n_tasks;
    }
    *index = finder->slots[slot] - 1;
    return CAPPY_OK;
}

void cappy_tally_add(struct cappy_tally *tally, size_t task, const struct cappy_target *response)
{
    const size_t bin = (size_t)(response->score * CAPPY_SCORE_BINS);
    tally->bins[bin < CAPPY_SCORE_BINS ? bin : CAPPY_SCORE_BINS - 1]++;
    tally->kinds[response->kind]++;
    tally->tasks[task].n_responses++;
    tally->tasks[task].sum += response->score;
}

void cappy_tally_free(struct cappy_tally *tally, struct cappy_tally_index *finder)
{
    for (size_t i = 0; i < tally->n_tasks; i++) {
        cappy_free(tally->tasks[i].name);
    }
    cappy_free(tally->tasks);
    cappy_free(finder->slots);
    *tally = (struct cappy_tally){0};
    *finder = (struct cappy_tally_index){0};
}
