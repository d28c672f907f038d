/* SPDX-License-Identifier: Apache-2.0 */
#include "task/tally.h"

/* So much of a task's name is kept. */
enum { NAME_SIZE = 200 };

static cappy_status add_task(struct cappy_tally *tally, struct cappy_tally_index *finder,
                             cappy_text name, cappy_error *error)
{
    if (tally->n_tasks == CAPPY_TASK_LIMIT) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "there are more than %d different tasks: rows of one kind must "
                               "have the same \"task\"",
                               CAPPY_TASK_LIMIT);
    }
    struct cappy_task_tally *tasks =
        cappy_grow(tally->tasks, tally->n_tasks, &finder->capacity, sizeof *tasks);
    if (tasks == NULL) {
        return cappy_error_no_memory(error);
    }
    tally->tasks = tasks;
    char *copy = cappy_strndup(name.data, name.size < NAME_SIZE ? name.size : NAME_SIZE);
    if (copy == NULL) {
        return cappy_error_no_memory(error);
    }
    tally->tasks[tally->n_tasks++] = (struct cappy_task_tally){.name = copy};
    return CAPPY_OK;
}

cappy_status cappy_tally_find(struct cappy_tally *tally, struct cappy_tally_index *finder,
                              uint64_t hash, cappy_text name, size_t *index, cappy_error *error)
{
    size_t *number;
    CAPPY_TRY(cappy_map_place(&finder->numbers, hash, &number, error));
    if (*number == 0) {
        CAPPY_TRY(add_task(tally, finder, name, error));
        *number = tally->n_tasks;
    }
    *index = *number - 1;
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
    cappy_map_free(&finder->numbers);
    *tally = (struct cappy_tally){0};
    *finder = (struct cappy_tally_index){0};
}
