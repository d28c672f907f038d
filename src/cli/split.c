/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/split.h"

#include <stdlib.h>

/* A hash of the instruction that another seed makes another one of. */
static uint64_t mark_of(const struct cappy_split *split, cappy_text instruction)
{
    const uint64_t hash = cappy_hash(0, instruction.data, instruction.size);
    struct cappy_random random = cappy_random_begin(split->seed, hash);
    return cappy_random_next(&random);
}

cappy_status cappy_split_add(struct cappy_split *split, cappy_text instruction, cappy_error *error)
{
    if (split->n == split->capacity) {
        const size_t capacity = 2 * split->capacity + 1024;
        uint64_t *marks = cappy_realloc(split->marks, capacity, sizeof *marks);
        if (marks == NULL) {
            return cappy_error_no_memory(error);
        }
        split->marks = marks;
        split->capacity = capacity;
    }
    split->marks[split->n++] = mark_of(split, instruction);
    return CAPPY_OK;
}

static int compare_marks(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static size_t take_share(size_t n, double share, size_t most)
{
    const size_t wanted = (size_t)((double)n * share + 0.5);
    return wanted < 1 ? 1 : wanted > most ? most : wanted;
}

void cappy_split_make(struct cappy_split *split, double share, size_t most, size_t most_validation)
{
    size_t n = 0;
    if (split->n != 0) { /* without rows there is no array */
        qsort(split->marks, split->n, sizeof *split->marks, compare_marks);
    }
    for (size_t i = 0; i < split->n; i++) {
        if (i == 0 || split->marks[i] != split->marks[i - 1]) {
            split->marks[n++] = split->marks[i];
        }
    }
    split->n = n;
    split->n_held_out = share > 0 ? take_share(n, share, most) : 0;
    split->n_validation = take_share(n, share > 0 ? share / 2 : 0.1, most_validation);
}

/* The place of the instruction among the marks, or n. */
static size_t find(const struct cappy_split *split, cappy_text instruction)
{
    const uint64_t mark = mark_of(split, instruction);
    const uint64_t *found =
        split->n > 0 ? bsearch(&mark, split->marks, split->n, sizeof mark, compare_marks) : NULL;
    return found != NULL ? (size_t)(found - split->marks) : split->n;
}

enum cappy_side cappy_split_side(const struct cappy_split *split, cappy_text instruction)
{
    const size_t place = find(split, instruction);
    if (place < split->n_held_out) {
        return CAPPY_SIDE_HELD_OUT;
    }
    return place < split->n_held_out + split->n_validation ? CAPPY_SIDE_VALIDATION
                                                           : CAPPY_SIDE_TRAIN;
}

bool cappy_split_has(const struct cappy_split *split, cappy_text instruction)
{
    return find(split, instruction) < split->n;
}

void cappy_split_free(struct cappy_split *split)
{
    cappy_free(split->marks);
    *split = (struct cappy_split){0};
}
